//! The page of one run.

use minijinja::{Environment, context};
use resnet_record::{Machine, Resumption, RunFolder, RunRecord, Tools};
use serde::Serialize;

use crate::Error;
use crate::curves;
use crate::evidence::Evidence;
use crate::figure::Figure;
use crate::numbers::{capital, count, counted, duration, significant, speed};
use crate::processes;
use crate::run::{RunData, drops_told};

/// A line of the table of epochs.
#[derive(Serialize)]
struct EpochRow {
    epoch: u64,
    steps: String,
    loss: String,
    training: String,
    validation: Option<String>,
    test: Option<String>,
    speed: String,
}

/// The page of the run in `folder`: what was trained, what came out, curves, epochs, the recipe, and
/// `commands` as the way to repeat it.
///
/// # Errors
/// If the run cannot be read or has logged nothing.
pub fn run_page(folder: &RunFolder, commands: &[String]) -> Result<String, Error> {
    let run = RunData::read(folder)?;
    let page = context! {
        title => format!("{} on {}", run.record.model, data_name(&run.record)),
        headline => headline(&run),
        lead => lead(&run),
        facts => facts(&run),
        warnings => run.record.mark().iter().map(|mark| format!("{}.", capital(mark))).collect::<Vec<_>>(),
        figures => figures(&run),
        epochs => rows(&run),
        has_validation => run.epochs.iter().any(|epoch| epoch.judged_validation().is_some()),
        of_average => if run.is_averaged() { " of the average" } else { "" },
        has_test => run.epochs.iter().any(|epoch| epoch.test.is_some()),
        evidence => Evidence::read(folder)?,
        left_out => run.record.left_out,
        recipe => run.recipe.to_toml()?,
        commands => commands,
    };
    render("run.html", page)
}

/// Fills a template of this crate.
pub(crate) fn render(template: &str, page: minijinja::Value) -> Result<String, Error> {
    let mut pages = Environment::new();
    pages.add_template("base.html", include_str!("../templates/base.html"))?;
    pages.add_template("figures.html", include_str!("../templates/figures.html"))?;
    pages.add_template("evidence.html", include_str!("../templates/evidence.html"))?;
    pages.add_template("run.html", include_str!("../templates/run.html"))?;
    pages.add_template("article.html", include_str!("../templates/article.html"))?;
    pages.add_template("comparison.html", include_str!("../templates/comparison.html"))?;
    let style = concat!(include_str!("../templates/page.css"), include_str!("../templates/chart.css"));
    pages.add_global("style", minijinja::Value::from_safe_string(style.to_owned()));
    Ok(pages.get_template(template)?.render(page)?)
}

fn headline(run: &RunData) -> String {
    match run.final_error() {
        Some((measured, error)) => format!("{error:.2} % {} error", measured.name()),
        None => match run.steps.last() {
            Some(step) => format!("training loss {} nats", significant(step.loss)),
            None => "in training".to_owned(),
        },
    }
}

/// The paragraph below the headline: what was trained, for how long, and how it compares with the published
/// error.
fn lead(run: &RunData) -> String {
    let record = &run.record;
    let mut text = format!(
        "{} with {} parameters, trained on {} by the recipe {}",
        record.model,
        count(record.parameters),
        data_name(&run.record),
        record.recipe
    );
    match record.results {
        Some(results) => {
            text += &format!(" for {} in {}", counted(results.steps, "step"), duration(results.seconds));
            text += &format!("; weights: {}.", record.selection);
        }
        None => {
            let steps = counted(run.last_step(), "step");
            text += &match run.has_diverged {
                true => format!("; it diverged after {steps}: its loss or a weight became NaN or infinite."),
                false => format!("; not finished, {steps} so far."),
            };
        }
    }
    let scores = record.results.and_then(|results| results.test);
    if let (Some(published), Some(scores)) = (run.recipe.expected_error, scores) {
        let difference = scores.error() - published;
        let points = format!("{:.2}", difference.abs());
        let compared = match points.as_str() {
            "0.00" => "has the same".to_owned(),
            _ => format!("is {points} points {} that", if difference > 0.0 { "above" } else { "below" }),
        };
        text += &format!(" Published for the full recipe: {published} %; this run {compared}.");
    }
    text
}

/// What the data set is called: of a folder its name, since its place is a fact of one machine.
pub fn data_name(record: &RunRecord) -> &str {
    let data = record.data.trim_end_matches(['/', '\\']);
    data.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(&record.data)
}

/// `2026-11-27 19:33 UTC` from `2026-11-27T19:33:10Z`.
fn moment(rfc3339: &str) -> String {
    match (rfc3339.get(..10), rfc3339.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => rfc3339.to_owned(),
    }
}

/// `at step 400 (1 thread, on AMD EPYC with 2 cores)`: when a run went on, and what had changed.
fn resumed(resumption: &Resumption, record: &RunRecord) -> String {
    let tools = |tools: &Tools| {
        let before = record.built_with.as_ref();
        let rustc = (before.map(|before| &before.rustc) != Some(&tools.rustc))
            .then(|| format!("rustc {}", tools.rustc));
        let candle = tools
            .candle
            .as_ref()
            .filter(|candle| before.and_then(|before| before.candle.as_ref()) != Some(*candle));
        let told: Vec<String> =
            candle.map(|candle| format!("candle {candle}")).into_iter().chain(rustc).collect();
        told.join(", ")
    };
    let changes: Vec<String> = [
        resumption.threads.map(|threads| counted(threads as u64, "thread")),
        resumption.processes.map(|processes| counted(processes as u64, "process")),
        resumption
            .machine
            .as_ref()
            .map(|machine| format!("on {} with {}", machine.cpu, counted(machine.cores as u64, "core"))),
        resumption.version.as_ref().map(|version| format!("resnet {version}")),
        resumption.built_with.as_ref().map(tools),
    ]
    .into_iter()
    .flatten()
    .filter(|change| !change.is_empty())
    .collect();
    let step = count(resumption.step);
    if changes.is_empty() {
        format!("at step {step}")
    } else {
        format!("at step {step} ({})", changes.join(", "))
    }
}

fn facts(run: &RunData) -> Vec<(&'static str, String)> {
    let record = &run.record;
    let mut facts = vec![("started", moment(&record.started))];
    facts.extend(record.ended.as_deref().map(|ended| ("ended", moment(ended))));
    if !record.resumptions.is_empty() {
        let all: Vec<String> =
            record.resumptions.iter().map(|resumption| resumed(resumption, record)).collect();
        facts.push(("resumed", all.join("; ")));
    }
    if data_name(&run.record) != record.data {
        facts.push(("data", record.data.clone()));
    }
    facts.push(("seed", record.seed.to_string()));
    facts.push((
        "threads",
        match record.processes {
            1 => record.threads.to_string(),
            processes => format!("{} in each of {processes} processes", record.threads),
        },
    ));
    facts.extend(
        record.results.map(|results| ("speed", format!("{} images/s", speed(results.images_per_second)))),
    );
    if let Some(Machine { cpu, cores, memory, system }) = &record.machine {
        let memory = memory.map(|bytes| format!(", {} GiB", bytes >> 30)).unwrap_or_default();
        facts.push(("machine", format!("{cpu}, {}{memory}, {system}", counted(*cores as u64, "core"))));
    }
    let mut versions = format!("resnet {}", record.version);
    if let Some(Tools { rustc, candle }) = &record.built_with {
        versions += &candle.as_ref().map_or(String::new(), |candle| format!(", candle {candle}"));
        versions += &format!(", rustc {rustc}");
    }
    facts.push(("version", versions));
    facts.push((
        "test labels read",
        match record.test_reads {
            0 => "never".to_owned(),
            1 => "once".to_owned(),
            reads => format!("{reads} times"),
        },
    ));
    facts.extend(record.from.clone().map(|from| ("started from", from)));
    facts.extend(run.recipe.paper.clone().map(|paper| ("reproduces", paper)));
    facts
}

fn figures(run: &RunData) -> Vec<Figure> {
    let mut figures = vec![];
    if let Some(chart) = curves::error(run) {
        let caption = match run.last_drawn_error() {
            Some((measured, error)) => format!(
                "The {} error{} ends at {error:.2} %, solid; the training loss is dashed, by the scale on the right: the mean \
                 over an epoch's augmented images while the weights move.",
                measured.name(),
                if run.is_averaged() { " of the weights' moving average" } else { "" }
            ),
            None => "Error on the training images, solid, and their loss, dashed: the means over each epoch while the weights \
                     move."
                .to_owned(),
        };
        figures.push(Figure::new(&chart, caption));
    }
    if let (Some(first), Some(last)) = (run.steps.first(), run.steps.last()) {
        let rate = curves::highest_rate(run).map_or(String::new(), |most| {
            format!(
                " The learning rate, solid and by the scale on the right, is {} at most.",
                significant(most)
            )
        });
        let caption = format!(
            "The training loss, dashed, goes from {} to {} nats.{rate}{}",
            significant(first.loss),
            significant(last.loss),
            drops_told(&run.drops())
        );
        figures.push(Figure::new(&curves::loss(run), caption));
    }
    figures.extend(processes::figures(run));
    figures
}

fn rows(run: &RunData) -> Vec<EpochRow> {
    let percent = |error: f64| format!("{error:.2}");
    let row = |epoch: &resnet_record::EpochMetrics| EpochRow {
        epoch: epoch.epoch,
        steps: count(epoch.step),
        loss: format!("{:.4}", epoch.train_loss),
        training: percent(100.0 - epoch.train_top1),
        validation: epoch.judged_validation().map(|scores| percent(scores.error())),
        test: epoch.test.map(|scores| percent(scores.error())),
        speed: speed(epoch.images_per_second),
    };
    run.epochs.iter().map(row).collect()
}
