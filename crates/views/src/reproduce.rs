//! The paper's tables and figures in a terminal: what will be trained and how long it takes, the trainings
//! one after another, and what came out.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use resnet::Images;
use resnet::data::names::{printable, shown};
use resnet_bench::Speed;
use resnet_record::{Recipe, RunFolder};
use resnet_report::LivePage;
use resnet_study::claims::{Finding, examine};
use resnet_study::{
    AllEnded, Ended, Job, Request, Results, RowResult, Study, StudyObserver, Target, Trainings, Turn,
    draw_pages, keep, write_claims,
};
use resnet_terminal::output::{self, Format};
use resnet_terminal::table::{Column, Table};
use resnet_terminal::{numbers, progress};
use resnet_train::Options;
use serde_json::{Value, json};

use crate::Live;
use crate::recipes::{Measure, speed};

/// How a table is trained.
pub struct Setup<'a> {
    /// Threads that the kernels use already.
    pub threads: usize,
    /// Settings of each training; its `stop` ends them all.
    pub options: Options,
    /// Called before the first training: from then on somebody may set `stop`.
    pub watch: &'a dyn Fn() -> anyhow::Result<()>,
    /// How results are printed.
    pub format: Format,
    /// Whether anything is trained.
    pub work: Work,
    /// Where the records of finished runs are copied to.
    pub keep: Option<&'a Path>,
}

/// What is done of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The plan is printed, and pages are drawn of the runs that exist.
    Plan,
    /// The missing trainings are run as well.
    Train,
}

/// How a reproduction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reproduced {
    /// Everything that was asked for is done.
    Done,
    /// Somebody stopped it; what was begun is saved.
    Interrupted,
}

/// Plans, trains what is missing, and draws and prints what came out; `open` opens the images of a recipe.
///
/// # Errors
/// If a row is not known, no data can be opened, a training ends for another reason than divergence, or a
/// page cannot be written.
pub fn reproduce(
    request: &Request,
    setup: &Setup<'_>,
    open: impl Fn(&Recipe) -> anyhow::Result<Images>,
) -> anyhow::Result<Reproduced> {
    let study = Study::new(request)?;
    tell(&study, setup)?;
    let ended = match setup.work {
        Work::Plan => Reproduced::Done,
        Work::Train => train(&study, setup, open)?,
    };
    let (results, mut pages) = draw_pages(&study)?;
    let findings = match request.targets.contains(&Target::Claims) {
        true if ended == Reproduced::Done => {
            progress::line("measuring what the claims say of fresh networks ...");
            examine(&study)?
        }
        _ => vec![],
    };
    // Somebody may have asked for a stop after the last training.
    let is_stopped = setup.options.stop.load(Ordering::Relaxed);
    let ended = if is_stopped { Reproduced::Interrupted } else { ended };
    let claimed = results.iter().find(|results| results.grid.target == Target::Claims);
    if let Some(claimed) = claimed.filter(|_| !findings.is_empty()) {
        pages.push(write_claims(&findings, claimed)?);
    }
    if let Some(folder) = setup.keep {
        keep(&results, folder)?;
        progress::labelled("kept", &format!("the records of finished runs in {}", folder.display()));
    }
    let told = match setup.format {
        Format::Json => output::json(&json!({
            "scale": request.scale.name(),
            "seeds": request.seeds,
            "targets": results.iter().map(target_json).collect::<Vec<_>>(),
            "claims": findings,
        })),
        Format::Text => print_all(&results, &findings, &pages),
    };
    if ended == Reproduced::Interrupted {
        progress::line("stopped and saved; the same command resumes");
        output::unless_gone(told)?;
    } else {
        told?;
    }
    Ok(ended)
}

/// Prints results, claims, and where the pages are.
fn print_all(results: &[Results], findings: &[Finding], pages: &[PathBuf]) -> anyhow::Result<()> {
    results.iter().filter(|results| results.grid.target != Target::Claims).try_for_each(print)?;
    findings.iter().try_for_each(print_finding)?;
    let claimed = results.iter().filter(|results| results.grid.target == Target::Claims);
    claimed.filter(|_| !findings.is_empty()).try_for_each(print_deviations)?;
    pages.iter().try_for_each(|page| output::labelled("page", &page.display().to_string()))
}

/// Tells which trainings are there, which are not, and how long those need.
fn tell(study: &Study, setup: &Setup<'_>) -> anyhow::Result<()> {
    let (all, left) = (study.jobs.len(), study.open().count());
    let request = &study.request;
    let targets: Vec<String> = request.targets.iter().map(ToString::to_string).collect();
    progress::labelled("reproduce", &format!("{} at the scale {}", targets.join(", "), request.scale));
    let busy = study.elsewhere();
    let over = all - left - busy;
    let elsewhere = if busy > 0 { format!(", {busy} running elsewhere") } else { String::new() };
    progress::labelled("trainings", &format!("{all}: {over} done{elsewhere}, {left} to train"));
    if left == 0 {
        return Ok(());
    }
    let speed = speed(setup.threads, Measure::Once)?;
    let mut table = Table::new([
        Column::text("row"),
        Column::text("network here"),
        Column::number("seeds"),
        Column::number("time here"),
    ]);
    let mut total = 0.0;
    let mut rows: Vec<&str> = vec![];
    for job in study.open() {
        if !rows.contains(&job.row.as_str()) {
            rows.push(&job.row);
        }
    }
    for row in rows {
        let jobs: Vec<&Job> = study.open().filter(|job| job.row == row).collect();
        let seconds = seconds(&jobs, &speed)?;
        total += seconds;
        let model = jobs.first().map_or("", |job| job.recipe.model.name.as_str());
        table.add([row.to_owned(), model.to_owned(), jobs.len().to_string(), numbers::long(seconds)]);
    }
    table.lines(resnet_terminal::text::err()).iter().for_each(|line| progress::line(line));
    progress::labelled(
        "time",
        &format!(
            "about {} on {} of this machine, at the speed measured {} ago (cargo xtask recipes --measure measures it again); \
             scoring not counted",
            numbers::long(total),
            numbers::counted(setup.threads as u64, "thread"),
            numbers::long(speed.age())
        ),
    );
    progress::labelled(
        "runs",
        &format!("{} (Ctrl-C saves; the same command resumes)", request.folder().display()),
    );
    Ok(())
}

fn seconds(jobs: &[&Job], speed: &Speed) -> anyhow::Result<f64> {
    let each = jobs.iter().map(|job| job.seconds(speed)).collect::<Result<Vec<_>, _>>()?;
    Ok(each.iter().sum())
}

/// Trains what is left, and tells of it.
fn train(
    study: &Study,
    setup: &Setup<'_>,
    open: impl Fn(&Recipe) -> anyhow::Result<Images>,
) -> anyhow::Result<Reproduced> {
    let trainings = Trainings::open(study, open)?;
    if !trainings.is_empty() {
        (setup.watch)()?;
    }
    match trainings.run(&setup.options, setup.keep, &mut Told)? {
        AllEnded::Interrupted => return Ok(Reproduced::Interrupted),
        AllEnded::Done { elsewhere: 0 } => {}
        AllEnded::Done { elsewhere } => {
            let others = numbers::counted(elsewhere as u64, "training");
            progress::labelled(
                "elsewhere",
                &format!("{others} still running in other processes; the last one draws the whole page"),
            );
        }
    }
    Ok(Reproduced::Done)
}

/// Tells of trainings on standard error, each with its bar.
struct Told;

impl StudyObserver for Told {
    type Training = Live;

    fn on_training(&mut self, turn: Turn<'_>, folder: &RunFolder) -> Live {
        progress::labelled("training", &format!("{turn}: {}", turn.job.recipe.model.name));
        Live::new(Format::Text, Some(LivePage::new(folder.clone())))
    }

    fn on_end(&mut self, turn: Turn<'_>, training: Live, ended: &Ended) {
        training.end();
        if let Ended::Diverged(cause) = ended {
            progress::sentence(&format!("{} fails, which is a result: {cause}", turn.job.row), 0);
        }
    }

    fn on_taken(&mut self, turn: Turn<'_>) {
        progress::labelled("training", &format!("{turn}: another process has taken it"));
    }
}

/// Prints a table's results: published beside measured.
fn print(results: &Results) -> anyhow::Result<()> {
    let errors = match results.grid.target {
        Target::Table5 => "validation errors in %, top-1 / top-5",
        _ => "test errors in %",
    };
    output::sentences(&format!("\n{}: {}; {errors}", results.grid.target, results.grid.about))?;
    let mut table = Table::new([
        Column::text("unit"),
        Column::number("published"),
        Column::number("measured"),
        Column::number("deviation").optional(3),
        Column::number("seeds").optional(2),
        Column::text("difference").optional(1),
    ]);
    let mut group = "";
    for row in &results.rows {
        if row.row.group != group {
            group = &row.row.group;
            table.add([group.to_owned()].into_iter().chain(std::iter::repeat_n(String::new(), 5)));
        }
        let seeds = if row.row.recipe.is_some() { row.runs.len().to_string() } else { String::new() };
        table.add([
            format!("  {}", row.row.label),
            row.row.published.to_string(),
            resnet_study::measured(row),
            resnet_study::deviation(row),
            seeds,
            resnet_study::difference(row),
        ]);
    }
    output::print_table(&table)?;
    output::sentences(&resnet_study::answer(results))?;
    print_deviations(results)
}

/// Prints how the trainings of a table differ from the paper's.
fn print_deviations(results: &Results) -> anyhow::Result<()> {
    let told = resnet_study::deviation_lines(results);
    match told.is_empty() {
        true => Ok(()),
        false => {
            let told = told.join("; ");
            output::sentences(&format!("These trainings differ from the paper's: {}.", printable(&told)))
        }
    }
}

/// Prints a claim with its verdict and what was measured.
fn print_finding(finding: &Finding) -> anyhow::Result<()> {
    output::sentences(&format!("\n{}. {}", finding.number, finding.says))?;
    output::labelled(finding.verdict_words(), &finding.measured.join(" "))
}

fn target_json(results: &Results) -> Value {
    let page = results.request.page_file(results.grid.target);
    json!({
        "target": results.grid.target.name(),
        "page": results.has_any().then(|| shown(&page)),
        "rows": results.rows.iter().map(row_json).collect::<Vec<_>>(),
    })
}

fn row_json(row: &RowResult) -> Value {
    let judged = row.judged_errors();
    json!({
        "row": row.row.name,
        "unit": row.row.label,
        "group": row.row.group,
        "published": row.row.published.to_string(),
        "errors": row.errors,
        "median": judged.median(),
        "mean": judged.mean(),
        "deviation": judged.deviation(),
        "loss": row.judged_losses().median(),
        "runs": row.runs.len(),
        "failed": row.failed,
        "contrast": row.contrast,
        "deviations": row.deviations,
    })
}
