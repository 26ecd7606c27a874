//! What came out, row by row: errors and losses over seeds, failures, and differences from the row's
//! baseline.

use resnet_record::paper::{IMAGENET_CLASSES, depth_and_unit};
use resnet_record::{Contrast, Recipe, Seeds};

use crate::deviations::part_of;
use crate::find::{FoundRun, RunStatus};
use crate::grid::{Grid, Published, Row};
use crate::study::{Study, found};
use crate::words::distinct;
use crate::{Request, Scale, deviations};

/// A table or figure with what was measured.
#[derive(Debug, Clone)]
pub struct Results {
    /// What was asked for.
    pub request: Request,
    /// The table.
    pub grid: Grid,
    /// Its rows, in their order.
    pub rows: Vec<RowResult>,
}

/// A row with its runs.
#[derive(Debug, Clone)]
pub struct RowResult {
    /// The row.
    pub row: Row,
    /// Its runs that are over, by seed.
    pub runs: Vec<FoundRun>,
    /// The test errors in percent of those that did not fail.
    pub errors: Seeds,
    /// The training losses in nats of the last epoch, of the same.
    pub losses: Seeds,
    /// How many failed: they diverged, or their error is above the paper's 20 % for CIFAR-10 at full scale,
    /// else above that of a network which is right at most twice as often as a guess.
    pub failed: usize,
    /// The difference in mean test error from the row's baseline, in points, if both have errors and neither
    /// fails.
    pub contrast: Option<Contrast>,
    /// What the row is judged by: `errors` and `losses` with those of the runs that failed, and the top-5
    /// errors of all, where the paper has both and they were counted.
    judged: [Seeds; 3],
    /// How its trainings differ from the paper's.
    pub deviations: Vec<String>,
}

impl RowResult {
    /// Whether more of its runs failed than not.
    pub fn fails(&self) -> bool {
        2 * self.failed > self.runs.len()
    }

    /// The test errors by which the row is judged: none if it fails, else those of all runs, since the ones
    /// that did not fail would flatter it. A run that diverged has the error of a guess.
    pub fn judged_errors(&self) -> Seeds {
        if self.fails() { Seeds::default() } else { self.judged[0].clone() }
    }

    /// The losses likewise; that of a guess is the logarithm of the number of classes.
    pub fn judged_losses(&self) -> Seeds {
        if self.fails() { Seeds::default() } else { self.judged[1].clone() }
    }

    /// The top-5 errors likewise; none where one of the runs that finished has none.
    pub(crate) fn judged_top5_errors(&self) -> Seeds {
        if self.fails() { Seeds::default() } else { self.judged[2].clone() }
    }

    /// The layers of the network that stands for the row here.
    pub(crate) fn layers(&self) -> &str {
        self.runs.first().map_or("no", |run| depth_and_unit(&run.record.model).0)
    }

    /// Whether this run of the row failed.
    pub(crate) fn has_failed(run: &FoundRun, scale: Scale) -> bool {
        Outcome::of(run, scale).is_failure
    }
}

impl Results {
    /// Collects what has been measured for each table and figure of `study`; reads all folders of runs.
    pub fn collect(study: &Study) -> Vec<Results> {
        let found = found(&study.request);
        study.grids.iter().map(|grid| Results::of(&study.request, grid, &found)).collect()
    }

    fn of(request: &Request, grid: &Grid, found: &[FoundRun]) -> Results {
        let mut rows: Vec<RowResult> =
            grid.rows.iter().map(|row| RowResult::of(row, request, found)).collect();
        for index in 0..rows.len() {
            let (row, baseline) = (&rows[index], rows[index].row.against.map(|against| &rows[against]));
            let contrast =
                baseline.and_then(|baseline| Contrast::of(&baseline.judged_errors(), &row.judged_errors()));
            rows[index].contrast = contrast;
        }
        Results { request: request.clone(), grid: grid.clone(), rows }
    }

    /// Whether anything has been measured.
    pub fn has_any(&self) -> bool {
        self.rows.iter().any(|row| !row.runs.is_empty())
    }

    /// The row's label, with its group where a row of another group is called the same.
    pub(crate) fn label_of(&self, row: &RowResult) -> String {
        let Row { label, group, .. } = &row.row;
        let is_shared = self.rows.iter().any(|other| other.row.label == *label && other.row.group != *group);
        if is_shared { format!("{label} ({group})") } else { label.clone() }
    }

    /// All runs, row by row.
    pub fn runs(&self) -> impl Iterator<Item = &FoundRun> {
        self.rows.iter().flat_map(|row| &row.runs)
    }
}

impl RowResult {
    fn of(row: &Row, request: &Request, found: &[FoundRun]) -> RowResult {
        let recipe = row.recipe_at(request.scale, request.images);
        let runs = recipe.as_ref().map_or_else(Vec::new, |recipe| runs_of(recipe, found));
        let outcomes: Vec<Outcome> = runs.iter().map(|run| Outcome::of(run, request.scale)).collect();
        let failed = outcomes.iter().filter(|outcome| outcome.is_failure).count();
        let over_all = |of: fn(&Outcome) -> f64| Seeds::of(outcomes.iter().map(of));
        let over_seeds = |of: fn(&Outcome) -> f64| {
            Seeds::of(outcomes.iter().filter(|outcome| !outcome.is_failure).map(of))
        };
        let has_top5 = matches!(row.published, Published::Errors(..));
        let all_top5: Option<Vec<f64>> = outcomes.iter().map(|outcome| outcome.top5_error).collect();
        let of_run =
            |run: &FoundRun| row.recipe.as_ref().map_or_else(Vec::new, |paper| deviations_of(run, paper));
        let mut deviations = distinct(runs.iter().flat_map(of_run));
        deviations.extend(part_of(&row.name).filter(|_| !runs.is_empty()).map(str::to_owned));
        RowResult {
            row: row.clone(),
            errors: over_seeds(|outcome| outcome.error),
            losses: over_seeds(|outcome| outcome.loss),
            judged: [
                over_all(|outcome| outcome.error),
                over_all(|outcome| outcome.loss),
                Seeds::of(all_top5.filter(|_| has_top5).unwrap_or_default()),
            ],
            runs,
            failed,
            contrast: None,
            deviations,
        }
    }
}

/// How a run differs from the training of the paper.
fn deviations_of(run: &FoundRun, paper: &Recipe) -> Vec<String> {
    let mut told = match run.record.deviations.is_empty() {
        // A run of plain `train` does not say.
        true => deviations(paper, &run.recipe, None, None),
        false => run.record.deviations.clone(),
    };
    if run.record.processes > 1 && !run.recipe.train.sync_bn {
        told.push(format!("norms of {} processes, each over its own part of a batch", run.record.processes));
    }
    told
}

/// The runs of a training that are over, one for each seed, by seed. Of several with one seed it is the first
/// with its weights, since a claim may ask for them and kept records have none.
fn runs_of(recipe: &Recipe, found: &[FoundRun]) -> Vec<FoundRun> {
    let of_it = found.iter().filter(|run| run.is_over() && run.is_of(recipe));
    let mut runs: Vec<FoundRun> = vec![];
    for run in of_it {
        match runs.iter_mut().find(|known| known.record.seed == run.record.seed) {
            None => runs.push(run.clone()),
            Some(known) if !known.has_weights() && run.has_weights() => *known = run.clone(),
            Some(_) => {}
        }
    }
    runs.sort_by_key(|run| run.record.seed);
    runs
}

/// What came out of a run.
struct Outcome {
    /// Whether it failed.
    is_failure: bool,
    /// The test error in percent.
    error: f64,
    /// The top-5 error, where it was counted.
    top5_error: Option<f64>,
    /// The training loss of the last epoch, in nats.
    loss: f64,
}

impl Outcome {
    /// A run that diverged is as good as a guess.
    fn of(run: &FoundRun, scale: Scale) -> Outcome {
        let scores = match run.status {
            RunStatus::Finished(results) => results.test.map(|test| (test, results.train_loss)),
            _ => None,
        };
        match scores {
            Some((test, loss)) => Outcome {
                is_failure: test.error() > scale.fails_above(&run.recipe),
                error: test.error(),
                top5_error: test.top5().map(|accuracy| 100.0 - accuracy),
                loss,
            },
            None => {
                let classes = run.recipe.classes().unwrap_or(IMAGENET_CLASSES) as f64;
                let error = |guesses: f64| 100.0 * (1.0 - guesses / classes).max(0.0);
                let (error, top5_error) = (error(1.0), Some(error(5.0)));
                Outcome { is_failure: true, error, top5_error, loss: classes.ln() }
            }
        }
    }
}
