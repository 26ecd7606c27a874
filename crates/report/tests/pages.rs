//! Pages of made-up runs: what they say, that they load nothing, and that odd runs have pages too.

mod common;

use std::path::Path;

use common::{recorded, run, scores};
use resnet_record::{
    DataSet, Difference, EpochMetrics, Metric, ProcessesMetrics, Recipe, RecipeChange, Results, Run,
    RunFolder, RunRecord, StepMetrics, StepTime,
};
use resnet_report::{comparison_page, curves_svg, run_page, write_chart, write_page};

#[test]
fn a_page_answers_at_once_and_loads_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let page =
        run_page(&run(&scratch.path().join("a"), "resnet20-v2", 0, 4, 8.0), &["make & repeat".to_owned()])
            .unwrap();
    for said in
        ["8.00 % test error", "40 steps in 1 min 40 s", "resnet20-v2", "[schedule]", "make &amp; repeat"]
    {
        assert!(page.contains(said), "{said}");
    }
    for loaded in ["http://", "https://", "src=", "@import", "<script", "<b>made"] {
        let without_names = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!without_names.contains(loaded), "{loaded}");
    }
    // The error, and the loss with the learning rate.
    assert_eq!(page.matches("<svg").count(), 2);
    assert!(
        page.contains(">learning rate<") && page.contains("candle 0.") && page.contains("rustc 1."),
        "{page}"
    );
    assert!(!page.contains("NaN"));
}

#[test]
fn a_run_of_several_processes_shows_where_their_time_went() {
    let scratch = tempfile::tempdir().unwrap();
    let page = |name: &str, processes: usize, slow: f64| {
        let dir = scratch.path().join(name);
        run(&dir, "resnet20-v2", 0, 2, 8.0);
        let mut run = Run::open(&dir).unwrap();
        for epoch in 1..=2 {
            // The last is slower by so many seconds, for which the others wait.
            let time = |index| match index + 1 == processes {
                true => StepTime { compute: 0.4 + slow, data: 0.0, exchange: 0.01, waiting: 0.0 },
                false => StepTime { compute: 0.4, data: 0.0, exchange: 0.01, waiting: slow },
            };
            let processes = (0..processes).map(time).collect();
            let metrics = ProcessesMetrics { epoch, step: 10 * epoch, steps: 10, processes };
            run.log(&Metric::Processes(metrics)).unwrap();
        }
        run_page(run.folder(), &[]).unwrap()
    };
    let slow = page("slow", 3, 0.1);
    for said in [
        "The others wait for process 2, which itself waits 0.0\u{a0}% of the time",
        "waits most, 19.6\u{a0}%",
        "takes 2.0\u{a0}% of the 510\u{a0}ms of a step. Means over 20 steps.",
        ">waits 19.6\u{a0}%<",
        ">process 1<",
        ">waiting for others<",
        "a line for each process",
    ] {
        assert!(slow.contains(said), "{said}: {slow}");
    }
    // Error, loss, a step, and the course of the waiting; nobody waits for data.
    assert_eq!(slow.matches("<svg").count(), 4);
    assert!(!slow.contains("waiting for data") && !slow.contains("NaN"));
    assert!(page("even", 64, 0.0).contains("All processes are equally fast"));
    let alone = run_page(&run(&scratch.path().join("alone"), "resnet20-v2", 0, 2, 8.0), &[]).unwrap();
    assert!(!alone.contains("waiting for others") && !alone.contains("process 0"));
}

#[test]
fn seeds_are_gathered_and_recipes_told_apart() {
    let scratch = tempfile::tempdir().unwrap();
    let made = |name: &str, model, seed, error| run(&scratch.path().join(name), model, seed, 4, error);
    let runs = [
        made("a", "resnet20-v2", 0, 8.0),
        made("b", "resnet20-v2", 1, 8.2),
        made("c", "resnet20-v1", 0, 12.0),
        made("d", "resnet20-v1", 1, 12.4),
    ];
    let page = comparison_page(&runs, &[]).unwrap();
    for said in [
        "8.10",
        "8.00 to 8.20",
        "12.20",
        "resnet20-v2 is better than resnet20-v1",
        "<th>training</th><th>model.name</th>",
        "<tr><th>resnet20-v2</th><td>resnet20-v2</td></tr>",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(!page.contains("train.seed"), "a seed is no difference");
    // Each run took 100 s, and all of them drop the rate at one step.
    assert!(page.contains("<td>1 min 40 s</td>") && !page.contains("3 min 20 s"), "{page}");
    assert!(page.contains("class=\"drop\""), "{page}");
    let of_two_lengths = [runs[0].clone(), run(&scratch.path().join("longer"), "resnet20-v2", 1, 6, 8.0)];
    let page = comparison_page(&of_two_lengths, &[]).unwrap();
    assert!(page.contains("Test error of 1 training<"), "{page}");
    assert!(!page.contains("class=\"drop\""), "{page}");
    // These recipes have no published error, and all epochs are of ten steps.
    assert!(!page.contains("published, %") && page.contains("epoch 1<"), "{page}");
    // One seed each decides nothing; nor do seeds that overlap.
    assert!(comparison_page(&[runs[0].clone(), runs[2].clone()], &[]).unwrap().contains("may be chance"));
    let close = [
        runs[0].clone(),
        runs[1].clone(),
        made("e", "resnet20-v1", 0, 7.9),
        made("f", "resnet20-v1", 1, 8.4),
    ];
    assert!(comparison_page(&close, &[]).unwrap().contains("no winner yet"));
}

#[test]
fn seeds_are_called_by_their_run_without_the_seed() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = [("plain", 0), ("plain", 1), ("tuned", 0), ("tuned", 1)].map(|(name, seed)| {
        let dir = scratch.path().join(format!("{name}-seed-{seed}"));
        run(&dir, "resnet20-v2", seed, 4, 8.0);
        recorded(&dir, |record| {
            record.run = format!("{name}-seed-{seed}");
            if name == "tuned" {
                (record.from, record.weights) = (Some("net.pth".to_owned()), Some("ema".to_owned()));
            }
        })
    });
    let page = comparison_page(&runs, &[]).unwrap();
    let differing = "<tr><th>tuned</th><td>net.pth</td><td>ema</td></tr>";
    for said in ["<th>tuned</th><td>2</td>", differing, ">plain</text>"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("-seed-0"), "{page}");
}

#[test]
fn trainings_from_other_weights_or_on_other_data_are_no_seeds_of_each_other() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = |name: &str| scratch.path().join(name);
    let fresh = run(&dir("fresh"), "resnet20-v2", 0, 4, 8.0);
    // CIFAR-10 is the same in every folder.
    run(&dir("elsewhere"), "resnet20-v2", 1, 4, 8.2);
    let elsewhere = recorded(&dir("elsewhere"), |record| record.data = "/another/folder".to_owned());
    let pooled = comparison_page(&[fresh.clone(), elsewhere], &[]).unwrap();
    assert!(pooled.contains("2 seeds of resnet20-v2"), "{pooled}");
    run(&dir("tuned"), "resnet20-v2", 2, 4, 5.0);
    let tuned = recorded(&dir("tuned"), |record| record.from = Some("runs/first".to_owned()));
    let page = comparison_page(&[fresh.clone(), tuned], &[]).unwrap();
    for said in [
        "2 runs compared",
        "<th>training</th><th>from</th></tr>",
        "<tr><th>from = none</th><td>not set</td></tr>",
        "<tr><th>from = runs&#x2f;first</th><td>runs&#x2f;first</td></tr>",
        ">runs/first</text>",
        "Lines are named by their from.",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // Images in files can be any.
    let of_files = ["cats", "dogs"].map(|name| {
        let recipe = Recipe::built_in("imagenet-resnet50-v2").unwrap();
        assert_eq!(recipe.data.set, DataSet::Images);
        let record = RunRecord { data: format!("/data/{name}"), ..RunRecord::begin(name, &recipe) };
        let mut run = Run::create(&dir(name), &recipe, record).unwrap();
        fresh.metrics().unwrap().iter().for_each(|metric| run.log(metric).unwrap());
        run.folder().clone()
    });
    let page = comparison_page(&of_files, &[]).unwrap();
    for name in ["cats", "dogs"] {
        assert!(page.contains(&format!("</th><td>&#x2f;data&#x2f;{name}</td></tr>")), "{page}");
    }
    // Neither is finished, so neither has taken a known time.
    assert!(page.contains("<td></td></tr>") && !page.contains(">0 s<"), "{page}");
}

#[test]
fn a_run_that_was_changed_is_repeated_by_its_own_recipe() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    run(&dir, "resnet20-v2", 0, 4, 8.0);
    let command = ["xtask", "train", "--epochs", "2"].map(str::to_owned).to_vec();
    let page = |folder: &RunFolder| {
        std::fs::read_to_string(write_page(std::slice::from_ref(folder), None).unwrap()).unwrap()
    };
    let began = recorded(&dir, |record| record.command = command);
    assert!(page(&began).contains("cargo xtask train --epochs 2\n"));
    let changed = recorded(&dir, |record| {
        let [before, after] = ["2 epochs", "4 epochs"].map(|value| Some(value.to_owned()));
        let keys = vec![Difference { key: "train.duration".to_owned(), before, after }];
        record.changes.push(RecipeChange { step: 20, at: String::new(), keys });
        (record.from, record.weights) = (Some("net.pth".to_owned()), Some("ema".to_owned()));
    });
    let page = page(&changed);
    let words = format!("train --recipe {}/recipe.toml --from net.pth --weights ema", dir.display());
    assert!(page.contains(&words.replace('/', "&#x2f;")) && !page.contains("--epochs 2"), "{page}");
}

/// Where a moving average of the weights is kept, its scores choose the best epoch and are reported.
#[test]
fn errors_are_those_of_the_average_where_one_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let page = |name: &str, ema_validation| {
        let dir = scratch.path().join(name);
        run(&dir, "resnet20-v2", 0, 1, 8.0);
        let mut run = Run::open(&dir).unwrap();
        let epoch = EpochMetrics {
            epoch: 2,
            step: 20,
            images: 2560,
            train_loss: 0.1,
            train_top1: 90.0,
            rate: 0.1,
            images_per_second: 0.8,
            data_wait: 0.0,
            communication: None,
            data_threads: None,
            validation: Some(scores(123)),
            ema_validation,
            test: None,
            test_reads: 0,
        };
        run.log(&Metric::Epoch(epoch)).unwrap();
        let compared = comparison_page(std::slice::from_ref(run.folder()), &[]).unwrap();
        assert_eq!(compared.contains("error is the average&#x27;s"), ema_validation.is_some(), "{compared}");
        run_page(run.folder(), &[]).unwrap()
    };
    let average = page("average", Some(scores(456)));
    for said in
        ["<td>54.40</td>", "validation error of the average, %", "of the weights&#x27; moving average"]
    {
        assert!(average.contains(said), "{said}: {average}");
    }
    assert!(!average.contains("87.70"), "{average}");
    let alone = page("alone", None);
    assert!(alone.contains("<td>87.70</td>") && !alone.contains("average, %"), "{alone}");
    // Less than one image in a second is not none.
    assert!(alone.contains("<td>0.8</td>"), "{alone}");
}

/// A run of which only the validation error is known, and one that is not finished, are no results of a
/// comparison by test errors.
#[test]
fn only_errors_on_the_same_images_are_compared() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = |name: &str| scratch.path().join(name);
    let runs = [("a", "resnet20-v2", 0, 8.0), ("b", "resnet20-v2", 1, 8.4), ("c", "resnet20-v1", 0, 9.0)]
        .map(|(name, model, seed, error)| run(&dir(name), model, seed, 4, error));
    run(&dir("d"), "resnet20-v1", 1, 4, 5.0);
    let mut run = Run::open(&dir("d")).unwrap();
    let results = run.record().results.unwrap();
    let (test, validation) = (None, results.test);
    run.update(|record| record.results = Some(Results { test, validation, ..results })).unwrap();
    let all = [runs.to_vec(), vec![run.folder().clone()]].concat();
    let page = comparison_page(&all, &[]).unwrap();
    assert!(page.contains("median test error") && page.contains("<td>9.00</td>"), "{page}");
    run.update(|record| record.results = None).unwrap();
    drop(run);
    let page = comparison_page(&all, &[]).unwrap();
    assert!(page.contains("<td>9.00</td>"), "{page}");
}

#[test]
fn runs_that_have_just_begun_have_pages_too() {
    let scratch = tempfile::tempdir().unwrap();
    let recipe = Recipe::built_in("cifar10-resnet110-v2").unwrap();
    let dir = scratch.path().join("young");
    let mut young = Run::create(&dir, &recipe, RunRecord::begin("young", &recipe)).unwrap();
    let folder = young.folder().clone();
    assert!(run_page(&folder, &[]).unwrap_err().to_string().contains("no metrics yet"));
    let first = StepMetrics {
        step: 1,
        epoch: 1,
        images: 128,
        loss: 2.3,
        rate: 0.0,
        images_per_second: 0.0,
        certificate: None,
    };
    young.log(&Metric::Step(first)).unwrap();
    let page = run_page(&folder, &[]).unwrap();
    assert!(page.contains("not finished, 1 step so far") && !page.contains("NaN"), "{page}");
    assert!(curves_svg(&folder).unwrap().starts_with("<svg"));
}

#[test]
fn only_files_of_ours_are_replaced() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = run(&scratch.path().join("run"), "resnet20-v2", 0, 2, 8.0);
    let svg = curves_svg(&folder).unwrap();
    let file = scratch.path().join("index.html");
    let page = || write_page(std::slice::from_ref(&folder), Some(&file));
    for theirs in [
        "<svg class=\"chart\" width=1></svg>",
        "<!doctype html>\n<title>A page</title><meta name=\"generator\" content=\"resnet-report\">",
        &format!("<!doctype html>\n<title>Our curves</title>{svg}"),
    ] {
        std::fs::write(&file, theirs).unwrap();
        assert!(write_chart(&file, &svg).is_err() && page().is_err(), "{theirs}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), theirs);
    }
    // The second time one of ours is there, and then those that an earlier version made.
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    std::fs::remove_file(&file).unwrap();
    write_chart(&file, &svg).unwrap();
    write_chart(&file, &svg).unwrap();
    for picture in ["quick-start.svg", "paper/figure1.svg"] {
        std::fs::copy(docs.join(picture), &file).unwrap();
        write_chart(&file, &svg).unwrap();
    }
    std::fs::remove_file(&file).unwrap();
    page().unwrap();
    page().unwrap();
    std::fs::copy(docs.join("results/small/table1.html"), &file).unwrap();
    page().unwrap();
}
