//! A network trained by several processes, as threads of one: with shared statistics it is the training of
//! one process, up to rounding.

use std::path::Path;
use std::sync::Arc;

use resnet::record::{Metric, Recipe, Run, RunFolder, RunRecord};
use resnet::train::{Options, Outcome, Quiet, Threads, fit};
use resnet::{Images, OpenOptions, ResNet};
use resnet_models::registry;

/// Fifty steps of a network with batch norm and stochastic depth. Batches of 130 are uneven parts for four,
/// and the last of an epoch has 30.
///
/// The rate is low because a network of ReLUs is chaotic: at 0.05, with batches of 30, a rate that differs by
/// two parts in ten millions moves the losses of one process by 2e-2 within fifty steps.
fn recipe(changes: &[&str]) -> Recipe {
    let mut recipe = Recipe::built_in("quick-start").expect("a built-in recipe");
    let base = [
        "model.name=resnet8-v2",
        "model.stochastic_depth=0.3",
        "data.generated={train=420,test=40}",
        "data.validation=0",
        "train.duration=50 steps",
        "train.batch_size=130",
        "train.log_every_steps=1",
        "optimizer.momentum=0.5",
        "schedule.lr=0.005",
    ];
    recipe.set_all(&[&base[..], changes].concat()).unwrap();
    recipe
}

/// The losses of all steps, and the last certificate.
fn trained(count: usize, dir: &Path, changes: &[&str]) -> (Vec<f64>, Option<resnet::record::Certificate>) {
    let recipe = recipe(changes);
    let images = Images::of_recipe(&recipe, None, &OpenOptions::default()).unwrap();
    let spec = registry::find(&recipe.model.name, 10).unwrap();
    std::thread::scope(|scope| {
        for (index, thread) in Threads::new(count).into_iter().enumerate() {
            let (recipe, images, spec) = (&recipe, &images, &spec);
            scope.spawn(move || {
                let record = RunRecord::begin("test", recipe);
                let mut run = match index {
                    0 => Run::create(dir, recipe, record).unwrap(),
                    _ => Run::kept_elsewhere(dir, recipe, record),
                };
                let network = ResNet::for_training(spec, recipe).unwrap();
                let options = Options { processes: Arc::new(thread), ..Options::default() };
                let outcome = fit(&network, images.training(), &mut run, &options, &mut Quiet).unwrap();
                assert!(matches!(outcome, Outcome::Finished(_)));
            });
        }
    });
    let metrics = RunFolder::open(dir).unwrap().metrics().unwrap();
    let steps = metrics.iter().filter_map(|metric| match metric {
        Metric::Step(step) => Some(step),
        _ => None,
    });
    let steps: Vec<_> = steps.collect();
    (steps.iter().map(|step| step.loss).collect(), steps.last().and_then(|step| step.certificate))
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!((a.len(), b.len()), (50, 50));
    assert!(a.iter().chain(b).all(|loss| loss.is_finite()), "{a:?} {b:?}");
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |most, one| if one > most { one } else { most })
}

#[test]
fn one_two_and_four_processes_have_the_same_losses_with_shared_statistics() {
    let scratch = tempfile::tempdir().unwrap();
    let run = |name: &str, count, changes: &[&str]| trained(count, &scratch.path().join(name), changes);
    let shared = ["train.sync_bn=true"];
    let (alone, _) = run("one", 1, &shared);
    let (still, _) = run("still", 1, &["train.sync_bn=true", "schedule.lr=1e-7"]);
    assert!(largest_difference(&alone, &still) > 1e-2, "its steps are what the losses depend on");
    for count in [2, 4] {
        let (losses, certificate) = run(&format!("{count}"), count, &shared);
        let difference = largest_difference(&alone, &losses);
        println!("{count} processes: the losses differ by up to {difference:e}");
        assert!(difference <= 1e-4, "{count} processes: {difference:e}");
        // And again, to the bit.
        let (again, other) = run(&format!("{count} again"), count, &shared);
        assert_eq!((losses, certificate), (again, other));
        assert!(certificate.is_some());
    }
    // What is asked for is what makes them the same.
    let (own, _) = run("own", 2, &[]);
    assert!(largest_difference(&alone, &own) > 1e-2);
    // One process has the whole batch in any case.
    assert_eq!(run("one, own", 1, &[]).0, alone);
}
