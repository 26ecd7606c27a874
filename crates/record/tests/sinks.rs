//! Sinks of a run: each gets every metric, and one that fails costs nothing but itself. What a page shows is
//! rewound with the metrics.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use resnet_record::{
    Answer, Error, Lines, Metric, Norms, Picture, Predictions, Recipe, Run, RunRecord, Sink, Split,
    StepMetrics,
};

fn run(dir: &Path) -> Run {
    let recipe = Recipe::parse(include_str!("../recipes/quick-start.toml"), "quick-start.toml").unwrap();
    Run::create(dir, &recipe, RunRecord::begin("run", &recipe)).unwrap()
}

fn step(step: u64) -> Metric {
    Metric::Step(StepMetrics {
        step,
        epoch: 1,
        images: step,
        loss: 1.0,
        rate: 0.1,
        images_per_second: 9.0,
        certificate: None,
    })
}

/// A disk with room for some writes.
#[derive(Debug)]
struct Failing(Arc<Mutex<usize>>);

impl Sink for Failing {
    fn name(&self) -> String {
        "a full disk".to_owned()
    }

    fn write(&mut self, _metric: &Metric) -> Result<(), Error> {
        let mut asked = self.0.lock().unwrap();
        *asked += 1;
        let cause = io::Error::from(io::ErrorKind::StorageFull);
        if *asked > 2 { Err(Error::Io { action: "write", path: "disk".into(), cause }) } else { Ok(()) }
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_fails_is_left_and_the_others_go_on() {
    let scratch = tempfile::tempdir().unwrap();
    let mut run = run(&scratch.path().join("run"));
    let (asked, lines) = (Arc::new(Mutex::new(0)), Shared::default());
    run.add_sink(Failing(Arc::clone(&asked)));
    run.add_sink(Lines::new("lines", lines.clone()));
    for number in 1..=5 {
        run.log(&step(number)).unwrap();
    }
    run.sync().unwrap();
    run.rewind(4, 0).unwrap();
    assert_eq!(*asked.lock().unwrap(), 3, "after the first failure nobody asks again");
    let metrics = run.folder().metrics().unwrap();
    assert_eq!(metrics.len(), 4);
    // What a reader of lines has seen stays seen.
    let (seen, torn) =
        resnet_record::parse_metrics(std::str::from_utf8(&lines.0.lock().unwrap()).unwrap()).unwrap();
    assert_eq!((seen.len(), &seen[..4], torn), (5, &metrics[..], false));
}

#[test]
fn event_files_go_on_when_a_run_is_opened_again() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let mut first = run(&dir);
    assert!(!dir.join("tensorboard").exists());
    first.add_tensorboard().unwrap();
    first.add_tensorboard().unwrap();
    first.log(&step(1)).unwrap();
    let files = || std::fs::read_dir(dir.join("tensorboard")).unwrap().count();
    assert_eq!(files(), 1, "asked for twice, written once");
    drop(first);
    let mut second = Run::open(&dir).unwrap();
    second.rewind(1, 0).unwrap();
    second.log(&step(2)).unwrap();
    assert_eq!(files(), 2);
}

#[test]
fn what_a_page_shows_is_rewound_too() {
    let scratch = tempfile::tempdir().unwrap();
    let mut run = run(&scratch.path().join("run"));
    let picture = Picture { url: "data:image/png;base64,".to_owned(), width: 1, height: 1 };
    let answer =
        Answer { image: 3, label: 0, guesses: [(1, 0.75), (0, 0.25)], label_probability: 0.25, picture };
    let predictions = Predictions {
        split: Split::Validation,
        step: 10,
        epoch: 1,
        classes: vec![],
        confused: vec![],
        worst: vec![answer],
        unsure: vec![],
    };
    run.keep_predictions(&predictions).unwrap();
    let norms = |step| Norms { step, weights: vec![1.0 / 3.0], gradients: vec![0.25] };
    let layers = ["conv1".to_owned()];
    for number in [5, 10, 15] {
        run.keep_norms(&layers, &norms(number)).unwrap();
    }
    let file = run.folder().dir().join("norms.jsonl");
    std::fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"step\":16,").unwrap();
    assert_eq!(run.folder().norms().unwrap().steps.len(), 3, "a torn line is left out");

    run.rewind(10, 1).unwrap();
    assert_eq!(run.folder().predictions().unwrap(), Some(predictions));
    let kept = run.folder().norms().unwrap();
    assert_eq!((&kept.layers[..], &kept.steps[..]), (&layers[..], &[norms(5), norms(10)][..]));
    assert!(!std::fs::read_to_string(&file).unwrap().contains("16"));
    run.rewind(9, 0).unwrap();
    assert_eq!(run.folder().predictions().unwrap(), None);
    assert_eq!(run.folder().norms().unwrap().steps, [norms(5)]);
    // Nothing of it, as in older runs, is fine; what is damaged does not hinder.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(run.folder().dir().join("predictions.json"), "{").unwrap();
    assert!(run.folder().predictions().is_err());
    run.rewind(9, 0).unwrap();
    assert_eq!((run.folder().predictions().unwrap(), run.folder().norms().unwrap().steps), (None, vec![]));
}
