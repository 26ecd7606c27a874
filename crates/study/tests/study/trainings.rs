//! Which trainings a process takes that shares a study with others, and the command that its page names.

use std::sync::atomic::Ordering;

use crate::common::{made, recipe, request};
use resnet::{Images, data::generated};
use resnet_record::{Recipe, Run, RunFolder, RunRecord};
use resnet_study::{
    AllEnded, Ended, ImageKind, Request, Results, Scale, State, Study, StudyObserver, Target, Trainings,
    Turn, markdown,
};
use resnet_train::{Options, Quiet};

const ROW: &str = "cifar10-resnet110-v1";

/// Counts what is begun.
#[derive(Default)]
struct Begun(usize);

impl StudyObserver for Begun {
    type Training = Quiet;

    fn on_training(&mut self, _turn: Turn<'_>, _folder: &RunFolder) -> Quiet {
        self.0 += 1;
        Quiet
    }

    fn on_end(&mut self, _turn: Turn<'_>, _training: Quiet, _ended: &Ended) {}

    fn on_taken(&mut self, _turn: Turn<'_>) {}
}

/// Another process may be stopped before it has finished what it was training when this one planned.
#[test]
fn a_training_that_was_busy_at_first_and_is_left_is_not_forgotten() {
    let scratch = tempfile::tempdir().unwrap();
    let request = Request {
        scale: Scale::Smoke,
        images: ImageKind::Generated,
        seeds: 1,
        only: vec![ROW.to_owned()],
        ..request(scratch.path(), &[Target::Table1])
    };
    let job = Study::new(&request).unwrap().jobs.remove(0);
    let other = Run::create(&job.folder, &job.recipe, RunRecord::begin("other", &job.recipe)).unwrap();
    let study = Study::new(&request).unwrap();
    assert_eq!(study.jobs[0].state, State::Busy);
    let open = |_: &Recipe| Ok::<_, String>(Images::InMemory(generated::shapes(64, 10, 0)));
    let trainings = Trainings::open(&study, open).unwrap();
    assert!(!trainings.is_empty());
    let (options, mut begun) = (Options::default(), Begun::default());
    assert_eq!(trainings.run(&options, None, &mut begun).unwrap(), AllEnded::Done { elsewhere: 1 });
    drop(other);
    // Stopped at once, it takes it up and trains no step.
    options.stop.store(true, Ordering::Relaxed);
    assert_eq!(trainings.run(&options, None, &mut begun).unwrap(), AllEnded::Interrupted);
    assert_eq!(begun.0, 0);
}

#[test]
fn the_command_of_a_page_trains_the_rows_that_were_asked_for_and_no_others() {
    let scratch = tempfile::tempdir().unwrap();
    let recipe = recipe(Target::Table1, ROW, 0);
    drop(made(&scratch.path().join("small/run"), &recipe, 14.0, 0.4));
    let only = vec!["resnet110-v1".to_owned(), "cifar10-resnet110-v2".to_owned()];
    let request = Request { only, ..request(scratch.path(), &[Target::Table1, Target::Table2]) };
    let results = Results::collect(&Study::new(&request).unwrap());
    let told = |number: usize| markdown(&results[number]);
    assert!(told(0).contains("reproduce table1 --scale small --only resnet110-v1 --seeds 2"), "{}", told(0));
    let both = "reproduce table2 --scale small --only resnet110-v1 --only cifar10-resnet110-v2 --seeds 2";
    assert!(told(1).contains(both), "{}", told(1));
}
