//! Gradients that leave for the other processes while the backward pass goes on are those that leave after
//! it, to the bit; and they do leave before.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use resnet::record::{Metric, Recipe, Run, RunFolder, RunRecord};
use resnet::train::{AllReduce, Begun, Classifier, Error, Options, Quiet, Threads, fit};
use resnet::{Images, OpenOptions, ResNet};
use resnet_data::Rank;
use resnet_models::registry;

fn recipe(changes: &[&str]) -> Recipe {
    let mut recipe = Recipe::built_in("quick-start").expect("a built-in recipe");
    let base = [
        "model.name=resnet8-v2",
        "data.generated={train=70,test=10}",
        "data.validation=0",
        "train.duration=2 epochs",
        "train.batch_size=32",
        "train.log_every_steps=1",
    ];
    recipe.set_all(&[&base[..], changes].concat()).unwrap();
    recipe
}

/// A network that says nothing of its gradients before its backward pass has ended.
struct Late(ResNet);

impl Classifier for Late {
    fn logits(
        &self,
        images: &candle_core::Tensor,
        mode: resnet_ops::Mode,
    ) -> candle_core::Result<candle_core::Tensor> {
        self.0.logits(images, mode)
    }

    fn begin_step(&self, step: u64) {
        self.0.begin_step(step);
    }

    fn variables(&self) -> &BTreeMap<String, candle_core::Var> {
        self.0.variables()
    }
}

/// What a process did, in its order: `f32` where it began to sum gradients, `f64` where it began to sum
/// something else, `got` where it waited for either.
type Log = Arc<Mutex<Vec<&'static str>>>;

#[derive(Debug)]
struct Watched(Threads, Log);

impl Watched {
    fn note<T: Send + 'static>(&self, what: &'static str, begun: Begun<T>) -> Begun<T> {
        self.1.lock().unwrap().push(what);
        let log = Arc::clone(&self.1);
        Begun::new(move || {
            log.lock().unwrap().push("got");
            begun.wait()
        })
    }
}

impl AllReduce for Watched {
    fn rank(&self) -> Rank {
        self.0.rank()
    }

    fn begin_sum(&self, values: Vec<f32>) -> Result<Begun<f32>, Error> {
        Ok(self.note("f32", self.0.begin_sum(values)?))
    }

    fn begin_sum_f64(&self, values: Vec<f64>) -> Result<Begun<f64>, Error> {
        Ok(self.note("f64", self.0.begin_sum_f64(values)?))
    }

    fn broadcast(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        self.0.broadcast(bytes)
    }

    fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        self.0.gather(bytes)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Leave {
    Early,
    Late,
}

/// All metrics without what a clock has a part in, and what the first process did.
fn trained(dir: &Path, leave: Leave, changes: &[&str]) -> (Vec<String>, Vec<&'static str>) {
    let recipe = recipe(changes);
    let images = Images::of_recipe(&recipe, None, &OpenOptions::default()).unwrap();
    let spec = registry::find(&recipe.model.name, 10).unwrap();
    let logs: Vec<Log> = (0..3).map(|_| Log::default()).collect();
    std::thread::scope(|scope| {
        for (index, (thread, log)) in Threads::new(3).into_iter().zip(&logs).enumerate() {
            let (recipe, images, spec) = (&recipe, &images, &spec);
            scope.spawn(move || {
                let record = RunRecord::begin("test", recipe);
                let mut run = match index {
                    0 => Run::create(dir, recipe, record).unwrap(),
                    _ => Run::kept_elsewhere(dir, recipe, record),
                };
                let network = ResNet::for_training(spec, recipe).unwrap();
                assert!(network.is_one_plan());
                let network: Box<dyn Classifier> = match leave {
                    Leave::Early => Box::new(network),
                    Leave::Late => Box::new(Late(network)),
                };
                let processes = Arc::new(Watched(thread, Arc::clone(log)));
                let options = Options { processes, ..Options::default() };
                fit(&*network, images.training(), &mut run, &options, &mut Quiet).unwrap();
            });
        }
    });
    let steps =
        RunFolder::open(dir).unwrap().metrics().unwrap().into_iter().filter_map(|metric| match metric {
            Metric::Step(step) => Some(format!("{} {:?} {:?}", step.step, step.loss, step.certificate)),
            _ => None,
        });
    let log = logs[0].lock().unwrap().clone();
    (steps.collect(), log)
}

/// How often gradients began to be summed before the losses and running statistics of their step were waited
/// for, which is when the backward pass has ended.
fn early(log: &[&str]) -> usize {
    let between_waits = log.split(|what| *what == "got");
    let of_backward = between_waits.filter(|began| began.starts_with(&["f64", "f64"]));
    of_backward.map(|began| began.iter().filter(|what| **what == "f32").count()).sum()
}

#[test]
fn gradients_that_leave_early_are_those_that_leave_late() {
    let scratch = tempfile::tempdir().unwrap();
    for (index, changes) in
        [&[][..], &["train.sync_bn=true"], &["train.grad_accum_steps=2"], &["model.stochastic_depth=0.3"]]
            .into_iter()
            .enumerate()
    {
        let dir = |name: &str| scratch.path().join(format!("{index} {name}"));
        let (before, log) = trained(&dir("early"), Leave::Early, changes);
        let (after, late_log) = trained(&dir("late"), Leave::Late, changes);
        assert_eq!(before.len(), if index == 2 { 4 } else { 6 });
        assert_eq!(before, after, "{changes:?}");
        if index == 0 {
            // Six steps with three full buckets each: two filters of the last stage have most of the numbers.
            assert_eq!(early(&log), 18, "{log:?}");
            assert_eq!(early(&late_log), 0);
        }
    }
}
