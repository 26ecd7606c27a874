//! Curves of rows over each other: test errors solid, training losses dashed, as in the paper's figures.

use resnet_record::{EpochMetrics, Metric};
use resnet_report::chart::{Axis, Chart, Colour, Series, medians, smoothed};
use resnet_report::{Figure, drops_told, rate_drops, shared_drops};

use crate::Scale;
use crate::find::FoundRun;
use crate::grid::Panel;
use crate::results::{Results, RowResult};
use crate::words::{counted, listed};

/// A line of at most so many points has a mark at each of them.
const MARKED: usize = 20;

/// A line's points: steps, and an error or a loss.
type Points = Vec<(f64, f64)>;

/// The colour of a row: original units vermilion and full pre-activation blue everywhere, the others one
/// after another.
pub(crate) fn colour(result: &RowResult, place: usize) -> Colour {
    const OTHERS: [Colour; 5] = [Colour::Green, Colour::Purple, Colour::Orange, Colour::Ink, Colour::Sky];
    let model = result.row.recipe.as_ref().map_or("", |recipe| recipe.model.name.as_str());
    let unit = model.trim_start_matches("resnet").trim_start_matches(|c: char| c.is_ascii_digit());
    match unit.trim_end_matches("-one-layer").trim_end_matches("-imagenet") {
        "-v1" => Colour::Vermilion,
        "-v2" => Colour::Blue,
        _ => OTHERS[place % OTHERS.len()],
    }
}

/// Curves of rows that share a panel.
pub(crate) struct Curves {
    pub(crate) errors: Figure,
    pub(crate) losses: Figure,
}

/// The curves of each panel of which something has been trained.
pub(crate) fn curves(results: &Results) -> Vec<Curves> {
    results.grid.panels.iter().filter_map(|panel| curves_of(results, panel)).collect()
}

fn curves_of(results: &Results, panel: &Panel) -> Option<Curves> {
    let rows: Vec<(usize, &RowResult)> =
        panel.rows.iter().map(|index| &results.rows[*index]).enumerate().collect();
    let drawn: Vec<_> = rows.iter().filter(|(_, row)| !row.runs.is_empty()).collect();
    if drawn.is_empty() {
        return None;
    }
    let scale = results.request.scale;
    let lines: Vec<Line> =
        drawn.iter().map(|(place, row)| Line::of(row, colour(row, *place), scale)).collect();
    let seeds = drawn.iter().map(|(_, row)| row.runs.len()).max().unwrap_or(0);
    let shown = match seeds {
        1 => "one seed each".to_owned(),
        _ => format!("the median of {} in front, single seeds pale", counted(seeds, "seed")),
    };
    let drops = shared_drops(drawn.iter().filter_map(|(_, row)| row.runs.first()).map(drops));
    let told_drops = drops_told(&drops);
    let points = || lines.iter().flat_map(|line| line.errors.iter().chain(&line.losses)).flatten();
    let last = points().map(|point| point.0).fold(1.0, f64::max);
    let ends = |of: fn(&Line) -> Option<f64>, digits: usize| {
        let told = lines.iter().filter_map(|line| Some(format!("{} {:.digits$}", line.name, of(line)?)));
        listed(&told.collect::<Vec<_>>())
    };
    let (errors, losses) = (ends(Line::last_error, 2), ends(Line::last_loss, 3));
    let x = || Axis::from_zero("steps", last);
    let most = lines.iter().flat_map(|line| &line.errors).flatten().map(|point| point.1).fold(1.0, f64::max);
    let y = Axis::from_zero("test error, %", (most / 10.0).ceil() * 10.0);
    let mut of_errors =
        Chart::new(format!("Test error of {}: {errors}", panel.title), x(), y).verticals(drops.clone());
    let mut of_losses = Chart::new(
        format!("Training loss of {}: {losses}", panel.title),
        x(),
        Axis::log("training loss, nats (log scale)"),
    )
    .verticals(drops);
    for line in &lines {
        for seed in line.errors.iter().filter(|_| line.errors.len() > 1) {
            of_errors = of_errors.with(Series::new("", line.colour, seed.clone()).faint());
        }
        let errors = medians(&line.front(&line.errors));
        let is_short = errors.len() <= MARKED;
        let errors = Series::new(&line.name, line.colour, errors);
        of_errors = of_errors.with(if is_short { errors.marked() } else { errors });
        let median = medians(&line.front(&line.losses));
        let mean = smoothed(&median, (median.len() / 40).max(1));
        of_losses = of_losses.with(Series::new(&line.name, line.colour, mean).dashed());
    }
    let title = &panel.title;
    Some(Curves {
        errors: Figure::new(
            &of_errors,
            format!("{title}. Test errors end at {errors} %; {shown}.{told_drops}"),
        ),
        losses: Figure::new(
            &of_losses,
            format!(
                "{title}. Training losses of the last epoch: {losses} nats. Medians over seeds, smoothed over a fortieth of the training."
            ),
        ),
    })
}

/// A row's curves, one for each of its runs.
struct Line {
    name: String,
    colour: Colour,
    errors: Vec<Points>,
    losses: Vec<Points>,
    /// Which of the runs failed.
    failed: Vec<bool>,
    /// Median error and median loss of the last epoch, over the runs that did not fail.
    ends: (Option<f64>, Option<f64>),
}

impl Line {
    fn of(result: &RowResult, colour: Colour, scale: Scale) -> Line {
        let curves: Vec<(Points, Points)> = result.runs.iter().map(read).collect();
        let (errors, losses) = curves.into_iter().unzip();
        let failed = result.runs.iter().map(|run| RowResult::has_failed(run, scale)).collect();
        let ends = (result.judged_errors().median(), result.judged_losses().median());
        Line { name: short(&result.row.label), colour, errors, losses, failed, ends }
    }

    /// Of `curves`, one for each run, those that the line in front is the median of: of the runs that did not
    /// fail, unless all did, and of more than the end, unless none has more.
    fn front(&self, curves: &[Points]) -> Vec<Points> {
        let all_failed = self.failed.iter().all(|failed| *failed);
        let chosen = || curves.iter().zip(&self.failed).filter(|(_, failed)| all_failed || !**failed);
        let has_course = chosen().any(|(curve, _)| curve.len() > 1);
        chosen().filter(|(curve, _)| !has_course || curve.len() > 1).map(|(curve, _)| curve.clone()).collect()
    }

    fn last_error(&self) -> Option<f64> {
        self.ends.0
    }

    fn last_loss(&self) -> Option<f64> {
        self.ends.1
    }
}

/// Words of labels, each with a shorter form that fits at the end of a line on a phone.
const SHORTER: [(&str, &str); 15] = [
    ("constant scaling 0.5, branch", "scaling 0.5,"),
    ("exclusive gating, initial bias", "gating, bias"),
    ("shortcut-only gating, initial bias", "gate, bias"),
    ("1x1 convolution shortcut", "1x1 conv"),
    ("dropout shortcut, ratio 0.5", "dropout"),
    ("BN after addition", "BN after add."),
    ("ReLU before addition", "ReLU before"),
    ("ReLU-only pre-activation", "ReLU-only"),
    ("full pre-activation", "full pre-act."),
    ("ResNet-", ""),
    (", pre-activation", " pre-act."),
    (", original", " original"),
    (", scale + aspect ratio augmentation", ", aspect"),
    (", scale augmentation", ""),
    (", mini-batch 64", ", 64"),
];

fn short(label: &str) -> String {
    SHORTER.iter().fold(label.to_owned(), |text, (long, short)| text.replace(long, short))
}

/// A run's test error by step, and its training loss.
fn read(run: &FoundRun) -> (Points, Points) {
    let metrics = run.folder.metrics().unwrap_or_default();
    let error = |epoch: &EpochMetrics| Some((epoch.step as f64, 100.0 - epoch.test?.top1()));
    let (mut errors, mut losses) = (vec![], vec![]);
    for metric in &metrics {
        match metric {
            Metric::Step(step) => losses.push((step.step as f64, step.loss)),
            Metric::Epoch(epoch) => errors.extend(error(epoch)),
            // Images in files are scored at the end alone.
            Metric::Final(end) if errors.is_empty() => {
                errors.extend(end.test.map(|test| (end.step as f64, 100.0 - test.top1())));
            }
            Metric::Processes(_) | Metric::Final(_) => {}
        }
    }
    (errors, losses)
}

/// Where a run's learning rate fell.
fn drops(run: &FoundRun) -> Vec<f64> {
    let metrics = run.folder.metrics().unwrap_or_default();
    let steps = metrics.into_iter().filter_map(|metric| match metric {
        Metric::Step(step) => Some(step),
        _ => None,
    });
    rate_drops(&steps.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Target, grid};

    #[test]
    fn names_have_room_at_the_ends_of_their_lines() {
        for target in Target::TABLES_AND_FIGURES {
            let grid = grid(target);
            for index in grid.panels.iter().flat_map(|panel| &panel.rows) {
                let name = short(&grid.rows[*index].label);
                assert!(name.chars().count() <= 20, "{target}: {name}");
            }
        }
        assert_eq!(short("(e) full pre-activation"), "(e) full pre-act.");
    }
}
