//! Files of PyTorch as people have them, on the command line: which weights are taken, behind which prefix,
//! and advice that is never an option that was given.

use std::path::PathBuf;

use resnet_models::checkpoint::{self, Metadata};
use resnet_models::{Model, registry};

use crate::common::{Outcome, TINY, image, root, xtask_in};

fn file(name: &str) -> PathBuf {
    root().join("crates/models/tests/checkpoint/pytorch").join(name)
}

/// `predict` of one image with this file and more options.
#[track_caller]
fn predict(name: &str, more: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    image(&folder.path().join("a.png"));
    let file = file(name);
    let file = file.to_str().expect("a path in UTF-8");
    xtask_in(folder.path(), &[&["predict", "--checkpoint", file, "a.png"], more].concat())
}

/// network.pth has a scheduler with a Counter, a Namespace, a counter of averages, and a prefix of two parts.
#[test]
fn a_file_of_a_training_is_used_as_it_is() {
    let outcome = predict("network.pth", &[]);
    outcome.succeeds();
    for words in ["resnet8-v1-b", "behind \"module.net.\"", "left out", "n_averaged (I64)"] {
        assert!(outcome.stderr.contains(words), "{words} is missing:\n{}", outcome.stderr);
    }
    let alone = predict("network.pth", &["--json"]);
    for more in [&["--prefix", "module.net."][..], &["--weights", "ema"], &["--weights", "state_dict"]] {
        assert_eq!(predict("network.pth", &[more, &["--json"]].concat()).succeeds(), alone.succeeds());
    }
}

#[test]
fn which_of_several_sets_of_weights_is_taken_is_told_or_asked_for() {
    let told = "ema.pth holds several sets of weights; taking state_dict_ema, not state_dict (see --weights)";
    // Weights, but of no network, so all of them end there.
    predict("ema.pth", &[]).ends_saying(1, &[told, "cannot tell which network"]);
    let asked = predict("ema.pth", &["--weights", "model"]);
    asked.ends_saying(1, &["cannot tell which network"]);
    assert!(!asked.stderr.contains("several sets"), "{}", asked.stderr);
    predict("ema.pth", &["--weights", "net"])
        .ends_saying(1, &["ema.pth holds no weights under \"net\"; it has state_dict, state_dict_ema"]);
    predict("training.pth", &["--weights", "ema"]).ends_saying(1, &["no averaged weights (EMA)"]);
    predict("two-equals.pth", &[]).ends_saying(1, &["student, teacher; say which one; use --weights KEY"]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = file("two-equals.pth");
    let from = ["train", "--from", path.to_str().expect("a path in UTF-8"), "--out", "run"];
    xtask_in(folder.path(), &from).ends_saying(1, &["student, teacher", "--weights KEY"]);
    xtask_in(folder.path(), &[&from[..], &["--weights", "teacher"]].concat())
        .ends_saying(1, &["does not fit", "fc.weight"]);
    xtask_in(folder.path(), &["train", "--weights", "ema"]).ends_saying(2, &["--from"]);
    xtask_in(folder.path(), &[&from[..], &["--revision", "v2"]].concat())
        .ends_saying(2, &["--revision is for models of the hub"]);
}

#[test]
fn advice_is_never_an_option_that_was_given() {
    // No prefix that could be found, and names of nobody.
    let rows: [(&str, &[&str], &[&str]); 5] = [
        ("parameters.pth", &[], &["--prefix"]),
        ("parameters.pth", &["--model", "resnet20-v1"], &["--prefix"]),
        ("parameters.pth", &["--prefix", "0."], &["--dialect"]),
        ("parameters.pth", &["--prefix", "0.", "--dialect", "timm"], &["leave out --dialect"]),
        ("network.pth", &["--model", "resnet20-v1"], &["it looks like resnet8-v1-b", "--model resnet8-v1-b"]),
    ];
    for (name, given, advice) in rows {
        let outcome = predict(name, given);
        outcome.ends_saying(1, advice);
        let error = outcome.stderr.lines().find(|line| line.contains("error: ")).expect("an error");
        let options = ["--prefix", "--dialect", "--model", "--weights", "--checkpoint"];
        let advised = options.iter().filter(|option| error.contains(*option));
        let repeated: Vec<_> =
            advised.filter(|option| given.contains(*option) && !advice.join(" ").contains(*option)).collect();
        assert!(repeated.is_empty(), "{repeated:?} given already: {error}");
    }
    predict("network.pth", &["--prefix", "elsewhere"])
        .ends_saying(1, &["begins with \"elsewhere\"; they are called module.net.bn1.bias"]);
}

#[test]
fn a_file_without_a_head_is_loaded_beside_a_fresh_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let model = Model::init(&registry::find("resnet8-v2", 10).expect("a name"), 1).expect("a model");
    let mut variables = model.variables().clone();
    variables.retain(|name, _| !name.starts_with("head.fc."));
    checkpoint::save(&here.join("body.safetensors"), &variables, &Metadata::default())
        .expect("it is written");
    image(&here.join("a.png"));
    let predict = ["predict", "--checkpoint", "body.safetensors", "a.png"];
    let refused = xtask_in(here, &predict);
    refused.ends_saying(1, &["it has no head.fc.weight", "cargo xtask train --from FILE"]);
    let named = [&predict[..], &["--model", "resnet8-v2"]].concat();
    xtask_in(here, &named).ends_saying(1, &["it has no head.fc.weight", "use --allow-missing"]);
    xtask_in(here, &[&named[..], &["--allow-missing"]].concat()).succeeds();
}

/// As self-supervised methods leave it: two networks, heads of several layers, and more.
#[test]
fn the_command_that_leaves_out_what_a_training_cannot_take_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let model = Model::init(&registry::find("resnet8-v2", 3).expect("a name"), 1).expect("a model");
    let write = |file: &str, networks: &[&str], strays: &[&str]| {
        let variables = || model.variables().iter();
        let named = |prefix: &str| {
            let name = |name: &str| format!("{prefix}{}", name.replace("head.fc.", "head.fc.1."));
            variables().map(|(name_in, variable)| (name(name_in), variable.clone())).collect::<Vec<_>>()
        };
        let strays = strays
            .iter()
            .zip(variables())
            .map(|(name, (_, variable))| ((*name).to_owned(), variable.clone()));
        let all = networks.iter().flat_map(|prefix| named(prefix)).chain(strays).collect();
        checkpoint::save(&here.join(file), &all, &Metadata::default()).expect("it is written");
    };
    let train = |out: &str, from: &[&str]| {
        xtask_in(
            here,
            &[&["train", "--out", out, "--set", "train.duration=1 steps", "--from"], from, TINY].concat(),
        )
    };
    write("head.safetensors", &[""], &[]);
    let outcome = train("first", &["head.safetensors"]);
    outcome.succeeds();
    assert!(
        outcome.stderr.contains("old head, left out: head.fc.1.bias, head.fc.1.weight"),
        "{}",
        outcome.stderr
    );

    write("both.safetensors", &["online.", "target."], &["queue"]);
    train("none", &["both.safetensors"]).ends_saying(1, &["behind online., target.", "--prefix PREFIX"]);
    let given = ["both.safetensors", "--prefix", "online."];
    let advice = "cargo xtask export --checkpoint both.safetensors --model resnet8-v2 --prefix PREFIX --allow-unexpected \
                  --allow-missing --out COPY";
    train("none", &given).ends_saying(1, &["queue", advice]);
    let advice = advice.replace("PREFIX", "online.").replace("COPY", "copy.safetensors");
    let command: Vec<&str> = advice.split(' ').skip(2).collect();
    xtask_in(here, &command).succeeds();
    train("second", &["copy.safetensors"]).succeeds();
    let copy = checkpoint::read(here.join("copy.safetensors")).expect("a checkpoint");
    let name = "stages.2.blocks.0.conv1.weight";
    let of_model = model.variables()[name].flatten_all().and_then(|values| values.to_vec1::<f32>());
    assert_eq!(copy.tensors[name].values, of_model.expect("numbers"));
}

#[test]
fn a_training_takes_no_weights_of_another_network_with_the_same_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let model = Model::init(&registry::find("resnet8-plain", 10).expect("a name"), 1).expect("a model");
    let metadata = Metadata { model: Some("resnet8-plain".to_owned()), ..Metadata::default() };
    checkpoint::save(&here.join("plain.safetensors"), model.variables(), &metadata).expect("it is written");
    let train = |network: &str| {
        let from = ["train", "--out", "run", "--from", "plain.safetensors"];
        let sets = ["--set", network, "--set", "train.duration=1 steps"];
        xtask_in(here, &[&from[..], TINY, &sets[..]].concat())
    };
    let told = "names resnet8-plain, and the network to be trained is resnet8-v1; train that one with --set";
    train("model.name=resnet8-v1").ends_saying(1, &[told, "--set model.name=resnet8-plain"]);
    train("model.name=resnet8-plain").succeeds();
}
