//! Curves of rows over each other: test errors solid, training losses dashed, as in the paper's figures.

use resnet_record::Metric;
use resnet_record::paper::depth_and_unit;
use resnet_report::chart::{Axis, Chart, Colour, Series, medians, smoothed};
use resnet_report::{Figure, drops_told, rate_drops, shared_drops, shared_epoch};

use crate::Scale;
use crate::find::FoundRun;
use crate::grid::Panel;
use crate::results::{Results, RowResult};
use crate::words::{capital, counted};

/// A line of at most so many points has a mark at each of them.
const MARKED: usize = 20;

const SMOOTHED: &str =
    "Medians over seeds of the losses of logged mini-batches, smoothed over a fortieth of the training.";

/// A line's points: steps, and an error or a loss.
type Points = Vec<(f64, f64)>;

/// The colour of a row: that of its network everywhere, if it has one, else one after another.
pub(crate) fn colour(result: &RowResult, place: usize) -> Colour {
    const OTHERS: [Colour; 5] = [Colour::Green, Colour::Purple, Colour::Orange, Colour::Ink, Colour::Sky];
    Colour::of_network(result.row.model()).unwrap_or(OTHERS[place % OTHERS.len()])
}

/// Curves of rows that share a panel.
pub(crate) struct Curves {
    /// The panel's number in its table or figure, from 1: the same whichever rows have been trained.
    pub(crate) number: usize,
    pub(crate) errors: Figure,
    pub(crate) losses: Figure,
}

/// The curves of each panel of which something has been trained. The panels of a figure are read beside each
/// other, so they share their axes.
pub(crate) fn curves(results: &Results) -> Vec<Curves> {
    let panels = results.grid.panels.iter();
    let drawn: Vec<Drawn> =
        (1..).zip(panels).filter_map(|(number, panel)| Drawn::of(results, number, panel)).collect();
    let is_figure = results.grid.target.is_figure();
    let of = |panel: &Drawn| panel.curves(if is_figure { &drawn[..] } else { std::slice::from_ref(panel) });
    drawn.iter().map(of).collect()
}

/// A panel of which something has been trained.
struct Drawn {
    number: usize,
    title: String,
    lines: Vec<Line>,
    /// How many seeds a line has at most.
    seeds: usize,
    /// Where the learning rate fell, and the steps of an epoch, if all lines agree.
    drops: Vec<f64>,
    epoch: u64,
}

impl Drawn {
    fn of(results: &Results, number: usize, panel: &Panel) -> Option<Drawn> {
        let rows = panel.rows.iter().map(|index| &results.rows[*index]).enumerate();
        let rows: Vec<(usize, &RowResult)> = rows.filter(|(_, row)| !row.runs.is_empty()).collect();
        let scale = results.request.scale;
        let lines: Vec<Line> =
            rows.iter().map(|(place, row)| Line::of(row, colour(row, *place), scale)).collect();
        (!lines.is_empty()).then(|| Drawn {
            number,
            title: with_layers(&panel.title, rows.iter().map(|(_, row)| depths(row))),
            seeds: rows.iter().map(|(_, row)| row.runs.len()).max().unwrap_or(0),
            drops: shared_drops(lines.iter().map(|line| line.drops.clone())),
            epoch: shared_epoch(lines.iter().map(|line| line.epoch)),
            lines,
        })
    }

    /// The charts, whose axes reach as far as those of the panels `beside` it, itself among them.
    fn curves(&self, beside: &[Drawn]) -> Curves {
        let (title, lines) = (&self.title, &self.lines);
        let shown = match self.seeds {
            1 => "one seed each".to_owned(),
            seeds => format!("the median of {} in front, single seeds pale", counted(seeds, "seed")),
        };
        let told_drops = drops_told(&self.drops);
        let ends = |of: fn(&Line) -> Option<f64>, digits: usize, unit: &str| {
            let told = |line: &Line| Some(format!("{}: {:.digits$}\u{a0}{unit}", line.name, of(line)?));
            lines.iter().filter_map(told).collect::<Vec<_>>().join("; ")
        };
        let (errors, losses) = (ends(Line::last_error, 2, "%"), ends(Line::last_loss, 3, "nats"));
        // Where all runs failed, no line has an end to tell.
        let headed = |what: &str, ends: &str| match ends.is_empty() {
            true => format!("{what} of {title}"),
            false => format!("{what} of {title}, at the end {ends}"),
        };
        let all = || beside.iter().flat_map(|panel| &panel.lines);
        let points = all().flat_map(|line| line.errors.iter().chain(&line.losses)).flatten();
        let last = points.map(|point| point.0).fold(1.0, f64::max);
        let most = all().flat_map(|line| &line.errors).flatten().map(|point| point.1).fold(1.0, f64::max);
        let chart = |headline: String, y: Axis| {
            let chart = Chart::new(headline, Axis::from_zero("steps", last), y).epochs(self.epoch);
            chart.verticals(self.drops.clone()).beside(all().map(|line| line.name.clone()))
        };
        let mut of_errors = chart(headed("Test error", &errors), Axis::percent("test error, %", most));
        let mut of_losses = chart(headed("Training loss", &losses), loss_axis(all()));
        for line in lines {
            for seed in line.errors.iter().filter(|_| line.errors.len() > 1) {
                of_errors = of_errors.with(Series::new("", line.colour, seed.clone()).faint());
            }
            let errors = medians(&line.front(&line.errors));
            let is_short = errors.len() <= MARKED;
            let errors = Series::new(&line.name, line.colour, errors);
            of_errors = of_errors.with(if is_short { errors.marked() } else { errors });
            of_losses = of_losses.with(Series::new(&line.name, line.colour, line.mean_loss()).dashed());
        }
        let of_errors = Figure::new(
            &of_errors,
            match errors.is_empty() {
                true => format!("{title}: {shown}.{told_drops}"),
                false => {
                    format!("{title}. Test errors at the end: {errors}. {}.{told_drops}", capital(&shown))
                }
            },
        );
        let of_losses = Figure::new(
            &of_losses,
            match losses.is_empty() {
                true => format!("{title}. {SMOOTHED}{told_drops}"),
                false => {
                    format!("{title}. Training losses of the last epoch: {losses}. {SMOOTHED}{told_drops}")
                }
            },
        );
        Curves { number: self.number, errors: of_errors, losses: of_losses }
    }
}

/// The layers of a row's network in the paper, and those of the one that stands for it here.
fn depths(result: &RowResult) -> [&str; 2] {
    [depth_and_unit(result.row.model()).0, result.layers()]
}

/// The title of a panel, with the layers that its networks have here where these are not the paper's.
fn with_layers<'a>(title: &str, depths: impl Iterator<Item = [&'a str; 2]>) -> String {
    let depths: Vec<[&str; 2]> = depths.collect();
    let is_smaller = depths.iter().any(|[paper, here]| paper != here);
    match depths.first() {
        Some([_, layers]) if is_smaller && depths.iter().all(|[_, here]| here == layers) => {
            format!("{title} (here {layers} layers)")
        }
        _ => title.to_owned(),
    }
}

/// The axis of all losses that are drawn.
fn loss_axis<'a>(lines: impl Iterator<Item = &'a Line>) -> Axis {
    let losses = lines.flat_map(Line::mean_loss).map(|point| point.1);
    let [low, high] = losses
        .filter(|loss| loss.is_finite() && *loss > 0.0)
        .fold([f64::INFINITY, 0.0], |[low, high], loss| [low.min(loss), high.max(loss)]);
    let range = (low <= high).then_some([0.9 * low, 1.1 * high]);
    Axis { range, ..Axis::log("training loss, nats (log scale)") }
}

/// A row's curves, one for each of its runs.
struct Line {
    name: String,
    colour: Colour,
    errors: Vec<Points>,
    losses: Vec<Points>,
    /// Where the learning rate of the first run fell, and the steps of its epochs.
    drops: Vec<f64>,
    epoch: u64,
    /// Which of the runs failed.
    failed: Vec<bool>,
    /// Median error and median loss of the last epoch, if the row does not fail.
    ends: (Option<f64>, Option<f64>),
}

impl Line {
    fn of(result: &RowResult, colour: Colour, scale: Scale) -> Line {
        let courses: Vec<Course> = result.runs.iter().map(Course::read).collect();
        let (drops, epoch) =
            courses.first().map(|first| (first.drops.clone(), first.epoch)).unwrap_or_default();
        let (errors, losses) = courses.into_iter().map(|course| (course.errors, course.losses)).unzip();
        let failed = result.runs.iter().map(|run| RowResult::has_failed(run, scale)).collect();
        let ends = (result.judged_errors().median(), result.judged_losses().median());
        Line { name: short(&result.row.label), colour, errors, losses, drops, epoch, failed, ends }
    }

    /// Of `curves`, one for each run, those that the line in front is the median of: of the runs that did not
    /// fail, unless all did, and of more than the end, unless none has more.
    fn front(&self, curves: &[Points]) -> Vec<Points> {
        let all_failed = self.failed.iter().all(|failed| *failed);
        let chosen = || curves.iter().zip(&self.failed).filter(|(_, failed)| all_failed || !**failed);
        let has_course = chosen().any(|(curve, _)| curve.len() > 1);
        chosen().filter(|(curve, _)| !has_course || curve.len() > 1).map(|(curve, _)| curve.clone()).collect()
    }

    /// The median loss, smoothed.
    fn mean_loss(&self) -> Points {
        let median = medians(&self.front(&self.losses));
        smoothed(&median, (median.len() / 40).max(1))
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

/// What a run logged.
struct Course {
    /// Test error in percent by step.
    errors: Points,
    /// Training loss by step.
    losses: Points,
    /// Where the learning rate fell.
    drops: Vec<f64>,
    /// The steps of an epoch; 0 before the first ends.
    epoch: u64,
}

impl Course {
    fn read(run: &FoundRun) -> Course {
        let (mut errors, mut steps, mut epoch) = (vec![], vec![], 0);
        for metric in run.folder.metrics().unwrap_or_default() {
            match metric {
                Metric::Step(step) => steps.push(step),
                Metric::Epoch(end) => {
                    errors.extend(end.test.map(|test| (end.step as f64, test.error())));
                    epoch = if epoch == 0 { end.step / end.epoch.max(1) } else { epoch };
                }
                // Images in files are scored at the end alone.
                Metric::Final(end) if errors.is_empty() => {
                    errors.extend(end.test.map(|test| (end.step as f64, test.error())));
                }
                Metric::Processes(_) | Metric::Final(_) => {}
            }
        }
        let losses = steps.iter().map(|step| (step.step as f64, step.loss)).collect();
        Course { errors, losses, drops: rate_drops(&steps), epoch }
    }
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

    #[test]
    fn a_title_names_the_layers_that_are_not_the_papers() {
        let title = |depths: &[[&'static str; 2]]| with_layers("Table", depths.iter().copied());
        assert_eq!(title(&[["110", "56"], ["110", "56"]]), "Table (here 56 layers)");
        assert_eq!(title(&[["110", "110"], ["110", "110"]]), "Table");
        assert_eq!(title(&[["110", "56"], ["1001", "164"]]), "Table", "no depth is that of all");
    }
}
