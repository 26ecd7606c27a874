//! Models of the hub from a cache made by hand, with the network off.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::{Outcome, TINY, checkpoint, command, image, outcome_of};
use crate::export::fresh;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A cache in `home`, with the snapshot's folder.
fn cache(home: &Path, id: &str) -> PathBuf {
    let repository = home.join("hub").join(format!("models--{}", id.replace('/', "--")));
    let snapshot = repository.join("snapshots").join(COMMIT);
    fs::create_dir_all(&snapshot).expect("a folder");
    fs::create_dir_all(repository.join("refs")).expect("a folder");
    fs::write(repository.join("refs/main"), COMMIT).expect("it is written");
    snapshot
}

/// Runs the program with the cache in `home`, which is also where it stands.
fn run(home: &Path, args: &[&str]) -> Outcome {
    outcome_of(command(home, args).env("HF_HOME", home))
}

fn timm(architecture: &str, names: &[&str]) -> Value {
    json!({
        "architecture": architecture, "num_classes": names.len(), "label_names": names,
        "pretrained_cfg": {
            "input_size": [3, 64, 64], "crop_pct": 0.9, "interpolation": "bilinear", "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25]
        }
    })
}

fn write(path: &Path, value: &Value) {
    fs::write(path, value.to_string()).expect("it is written");
}

#[test]
fn predict_and_export_take_a_model_by_its_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let snapshot = cache(home, "timm/resnet18.mine");
    fresh(&snapshot.join("model.safetensors"), "resnet18", 3);
    // What the file says of itself comes before the config: this one says nothing.
    let bare = resnet_models::checkpoint::read(snapshot.join("model.safetensors")).expect("a checkpoint");
    assert!(bare.metadata().expect("metadata").preprocessing.is_some());
    write(&snapshot.join("config.json"), &timm("resnet18", &["cat", "dog", "owl"]));
    image(&home.join("a.png"));

    let predict = ["predict", "--json", "--logits", "--model", "timm/resnet18.mine", "a.png"];
    let by_id = run(home, &predict);
    let line: Value = serde_json::from_str(by_id.succeeds()).expect("JSON");
    assert_eq!(line["logits"].as_array().expect("logits").len(), 3);
    assert!(["cat", "dog", "owl"].contains(&line["top"][0]["name"].as_str().expect("a name")), "{line}");
    for revision in ["main", COMMIT] {
        let again = run(home, &[&predict[..], &["--revision", revision]].concat());
        assert_eq!(again.succeeds(), by_id.succeeds(), "{revision}");
    }

    let file = home.join("out.safetensors");
    run(home, &["export", "--model", "timm/resnet18.mine", "--out", "out.safetensors"]).succeeds();
    let metadata =
        resnet_models::checkpoint::read(&file).expect("a checkpoint").metadata().expect("metadata");
    assert_eq!(metadata.classes.expect("names"), ["cat", "dog", "owl"]);
    let local = run(home, &["predict", "--json", "--logits", "--checkpoint", "out.safetensors", "a.png"]);
    assert_eq!(local.succeeds(), by_id.succeeds());
}

#[test]
fn eval_takes_a_model_without_a_config_by_what_its_file_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    fs::copy(checkpoint(), cache(home, "someone/trained").join("model.safetensors")).expect("a file");
    let scores = |source: [&str; 2]| {
        let outcome = run(home, &[&["eval", "--json"][..], &source].concat());
        let result: Value = serde_json::from_str(outcome.succeeds()).expect("JSON");
        (outcome.stderr, ["model", "images", "top1_correct", "loss"].map(|key| result[key].clone()))
    };
    let (told, by_id) = scores(["--model", "someone/trained"]);
    assert!(told.contains("no config.json of someone/trained was found"), "{told}");
    assert_eq!(by_id, scores(["--checkpoint", checkpoint().to_str().expect("a path in UTF-8")]).1);
    // The same where the hub may be asked and does not answer.
    let mut asking = command(home, &["eval", "--json", "--model", "someone/trained"]);
    asking.env("HF_HOME", home).env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", "http://127.0.0.1:1");
    let outcome = outcome_of(&mut asking);
    outcome.succeeds();
    assert!(
        outcome.stderr.contains("config.json of someone/trained is not in the cache"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn transformers_repositories_are_understood() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let snapshot = cache(home, "microsoft/resnet-18");
    fresh(&home.join("fresh.safetensors"), "resnet18", 2);
    let weights = snapshot.join("model.safetensors");
    let args = ["export", "--checkpoint", "fresh.safetensors", "--dialect", "transformers", "--out"];
    run(home, &[&args[..], &[weights.to_str().expect("a path in UTF-8")]].concat()).succeeds();
    let config = json!({
        "model_type": "resnet", "depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512], "layer_type": "basic",
        "id2label": { "0": "cat", "1": "dog" }
    });
    write(&snapshot.join("config.json"), &config);
    write(
        &snapshot.join("preprocessor_config.json"),
        &json!({ "size": 96, "crop_pct": 0.875, "resample": 3 }),
    );
    image(&home.join("a.png"));
    let predict = |source: [&str; 2]| {
        run(home, &[&["predict", "--json", "--logits"][..], &source, &["a.png"]].concat())
    };
    let by_id = predict(["--model", "microsoft/resnet-18"]);
    assert!(by_id.succeeds().contains("\"dog\""), "{}", by_id.stdout);
    let folder = snapshot.to_str().expect("a path in UTF-8");
    assert_eq!(predict(["--checkpoint", folder]).succeeds(), by_id.succeeds());
    // What only describes images is done without, where the hub may be asked and does not answer.
    fs::remove_file(snapshot.join("preprocessor_config.json")).expect("it was there");
    let mut asking =
        command(home, &["predict", "--json", "--logits", "--model", "microsoft/resnet-18", "a.png"]);
    asking.env("HF_HOME", home).env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", "http://127.0.0.1:1");
    let outcome = outcome_of(&mut asking);
    assert!(outcome.succeeds().contains("\"dog\""), "{}", outcome.stdout);
    let told = "preprocessor_config.json of microsoft/resnet-18 is not in the cache";
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
}

#[test]
fn weights_of_a_network_that_is_not_built_here_are_not_downloaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [
        ("config.json", timm("resnext50_32x4d", &["cat", "dog"]).to_string().into_bytes()),
        ("model.safetensors", vec![0; 1000]),
    ];
    let files = files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    let hub = resnet_testing::hub::Hub::start(COMMIT, files);
    let mut asking = command(folder.path(), &["predict", "--model", "timm/resnext50_32x4d.mine", "a.png"]);
    asking.env("HF_HOME", folder.path()).env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", &hub.endpoint);
    outcome_of(&mut asking).ends_saying(1, &["config.json", "grouped"]);
    let requests = hub.requests();
    // The commit is asked for first.
    let (listing, files) = requests.split_first().expect("requests");
    assert!(listing.contains("/revision/main"), "{requests:?}");
    assert!(!files.is_empty() && files.iter().all(|path| path.contains("config.json")), "{requests:?}");
}

#[test]
fn a_name_with_a_tag_is_the_network_that_the_config_describes() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    fs::create_dir(home.join("mine")).expect("a folder");
    fresh(&home.join("mine/model.safetensors"), "resnet18", 3);
    write(&home.join("mine/config.json"), &timm("resnet18", &["cat", "dog", "owl"]));
    image(&home.join("a.png"));
    let predict = |name| run(home, &["predict", "--json", "--checkpoint", "mine", "--model", name, "a.png"]);
    let plain = predict("resnet18");
    assert!(plain.succeeds().contains("\"owl\""), "{}", plain.stdout);
    let tagged = predict("resnet18.a1_in1k");
    assert_eq!((tagged.succeeds(), &tagged.stderr), (plain.succeeds(), &plain.stderr));
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let snapshot = cache(home, "timm/resnet18.mine");
    let predict = || run(home, &["predict", "--model", "timm/resnet18.mine", "a.png"]);
    write(&snapshot.join("config.json"), &timm("resnet18", &["cat", "dog", "owl"]));
    let place = snapshot.display().to_string();
    predict().ends_saying(1, &["model.safetensors or pytorch_model.bin", &place, "HF_HUB_OFFLINE is set"]);
    run(home, &["predict", "--model", "timm/resnet34", "a.png"])
        .ends_saying(1, &["models--timm--resnet34", "does not exist", "--checkpoint FILE"]);
    run(home, &["predict", "--model", "timm/resnet18.mine", "--revision", "v2", "a.png"])
        .ends_saying(1, &["timm/resnet18.mine@v2", "refs/v2"]);
    run(home, &["predict", "--model", "resnet18", "a.png"]).ends_saying(2, &["--checkpoint FILE", "timm/"]);
    run(home, &["predict", "--model", "a/b/c", "a.png"]).ends_saying(1, &["OWNER/NAME"]);

    fresh(&snapshot.join("model.safetensors"), "resnet18", 2);
    predict().ends_saying(1, &["tells of 3 classes", "has 2"]);
    write(&snapshot.join("config.json"), &timm("resnet34", &["cat", "dog"]));
    predict().ends_saying(1, &["does not fit resnet34", "looks like resnet18"]);
    write(&snapshot.join("config.json"), &timm("resnext50_32x4d", &["cat", "dog"]));
    predict().ends_saying(1, &["config.json", "grouped", "--checkpoint"]);
    fs::write(snapshot.join("config.json"), "<html>").expect("it is written");
    predict().ends_saying(1, &["config.json", "it is no JSON"]);
}

#[test]
fn differences_are_allowed_by_name_and_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    fresh(&home.join("net.safetensors"), "resnet18", 2);
    image(&home.join("a.png"));
    let predict = |more: &[&str]| {
        run(home, &[&["predict", "--checkpoint", "net.safetensors", "--model"], more, &["a.png"]].concat())
    };
    predict(&["resnet34"]).ends_saying(1, &["does not fit resnet34", "it lacks layer1.2.bn1.bias"]);
    let allowed = predict(&["resnet34", "--allow-missing"]);
    allowed.succeeds();
    assert!(allowed.stderr.contains("missing, kept as they were: layer1.2.bn1.bias"), "{}", allowed.stderr);
    predict(&["resnet18", "--dialect", "akamaster"]).succeeds();
    predict(&["resnet18", "--dialect", "elsewhere"]).ends_saying(2, &["transformers"]);
    // Read under names that are not its own, nothing is found.
    let file = home.join("hugging.safetensors");
    let export = ["export", "--checkpoint", "net.safetensors", "--dialect", "transformers", "--out"];
    run(home, &[&export[..], &[file.to_str().expect("a path in UTF-8")]].concat()).succeeds();
    let strange = ["predict", "--checkpoint", "hugging.safetensors", "--dialect", "torchvision", "a.png"];
    run(home, &strange)
        .ends_saying(1, &["hugging.safetensors", "none of them called as", "leave out --dialect"]);
    let export = [
        "export",
        "--checkpoint",
        "hugging.safetensors",
        "--from-dialect",
        "transformers",
        "--out",
        "b.safetensors",
    ];
    run(home, &export).succeeds();
}

/// What a run's record says of the weights that it began with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Record {
    Whole,
    /// The command line alone, as records had it at first.
    OfBefore,
}

/// Makes of a run that is finished one that was killed before its first checkpoint.
fn end_before_the_first_checkpoint(run: &Path, kept: Record) {
    let file = run.join("record.json");
    let mut record: Value = serde_json::from_slice(&fs::read(&file).expect("a record")).expect("JSON");
    record["results"] = Value::Null;
    record["test_reads"] = 0.into();
    if kept == Record::OfBefore {
        record.as_object_mut().expect("an object").remove("from").expect("it was there");
    }
    write(&file, &record);
    fs::write(run.join("metrics.jsonl"), "").expect("a file");
    let _ = fs::remove_dir_all(run.join("checkpoints"));
}

#[test]
fn a_training_starts_with_weights_that_are_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let snapshot = cache(home, "someone/tiny");
    fresh(&home.join("net.safetensors"), "resnet8-v2", 3);
    fs::copy(home.join("net.safetensors"), snapshot.join("model.safetensors")).expect("a file");
    let read = |file: &Path| resnet_models::checkpoint::read(file).expect("a checkpoint");
    let given = read(&home.join("net.safetensors"));
    for from in ["net.safetensors", "someone/tiny"] {
        // A rate so small that no weight changes, but those of batch norm's statistics.
        let still = ["--set", "schedule.lr=1e-30", "--set", "train.duration=1 epochs"];
        let args = [&["train", "--out", "run", "--from", from], TINY, &still].concat();
        let outcome = run(home, &args);
        outcome.succeeds();
        assert!(
            outcome.stderr.contains("new head, kept as it was: head.fc.bias, head.fc.weight"),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("was trained with mean 0.485,0.456,0.406"), "{}", outcome.stderr);
        let trained = read(&home.join("run/checkpoints/last.safetensors"));
        let mut compared = 0;
        for (name, array) in given.tensors.iter().filter(|(name, _)| name.contains("conv")) {
            assert_eq!(trained.tensors[name], *array, "{name}");
            compared += 1;
        }
        assert_eq!(compared, 7);
        assert_eq!(trained.tensors["head.fc.bias"].shape, [10]);
        for record in [Record::Whole, Record::OfBefore] {
            end_before_the_first_checkpoint(&home.join("run"), record);
            let again = format!("run/recipe.toml --from {from}");
            run(home, &["train", "--resume", "run"])
                .ends_saying(1, &["run ended before its first checkpoint; start a new run", &again]);
        }
        fs::remove_dir_all(home.join("run")).expect("it was there");
    }
    let train = |from: &str| run(home, &[&["train", "--out", "run", "--from", from], TINY].concat());
    train("gone.safetensors").ends_saying(1, &["gone.safetensors", "No such file"]);
    train("resnet50").ends_saying(2, &["--from resnet50 names a network without weights", "--from FILE"]);
    train("no/model").ends_saying(1, &["there is no file or folder no/model", "HF_HUB_OFFLINE"]);
    fresh(&home.join("other.safetensors"), "resnet20-v1", 10);
    train("other.safetensors").ends_saying(1, &["does not fit resnet8-v2", "looks like resnet20-v1"]);
    assert!(!home.join("run").exists(), "nothing is begun");
}

/// The command of README.md, on the photographs and a network of 1000 classes; only smaller.
#[cfg(unix)] // links to folders
#[test]
fn a_model_of_the_hub_is_fine_tuned_on_photographs_by_readmes_command() {
    let Some(photographs) = resnet_testing::data::real_images() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path();
    let images = home.join("my-images");
    fs::create_dir(&images).expect("a folder");
    for split in ["train", "val"] {
        std::os::unix::fs::symlink(&photographs, images.join(split)).expect("a link");
    }
    let snapshot = cache(home, "timm/resnet50.a1_in1k");
    fresh(&snapshot.join("model.safetensors"), "resnet50", 1000);

    let readme = fs::read_to_string(crate::common::root().join("README.md")).expect("README.md");
    let line = readme.lines().find(|line| line.starts_with("cargo xtask train --recipe fine-tune"));
    let line = line.expect("the command").split('#').next().expect("what stands before a comment").trim();
    let mut args: Vec<&str> = line.split(' ').skip(2).collect();
    args.extend(["--out", "run"]);
    for smaller in [
        "images.image_size=48",
        "images.evaluate={resize=48,crop=48}",
        "train.duration=3 steps",
        "train.log_every_steps=1",
    ] {
        args.extend(["--set", smaller]);
    }
    let outcome = run(home, &args);
    outcome.succeeds();
    let new_head = "new head, kept as it was: fc.bias, fc.weight";
    assert!(outcome.stderr.contains(new_head), "{}", outcome.stderr);

    let classes = fs::read_dir(&photographs).expect("a folder").count();
    let trained = resnet_models::checkpoint::read(home.join("run/checkpoints/last.safetensors"));
    let trained = trained.expect("a checkpoint");
    assert_eq!(trained.tensors["fc.bias"].shape, [classes]);
    let names = trained.metadata().expect("metadata").classes.expect("names");
    assert!(names.len() == classes && names[0].starts_with("n01440764"), "{names:?}");
    let metrics = fs::read_to_string(home.join("run/metrics.jsonl")).expect("metrics");
    assert_eq!(metrics.matches("\"event\":\"step\"").count(), 3);
}
