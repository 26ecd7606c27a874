//! What came out, row by row: errors and losses over seeds, failures, and differences from the row's
//! baseline.

use resnet_record::{Contrast, Recipe, Seeds};

use crate::find::{FoundRun, RunStatus};
use crate::grid::{Grid, Row};
use crate::study::{Study, found};
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
    /// How many failed: they diverged, or their error is above [`Scale::fails_above`].
    pub failed: usize,
    /// The difference in mean test error from the row's baseline, in points, if both have errors and neither
    /// fails.
    pub contrast: Option<Contrast>,
    /// How its trainings differ from the paper's.
    pub deviations: Vec<String>,
}

impl RowResult {
    /// Whether more of its runs failed than not.
    pub fn fails(&self) -> bool {
        2 * self.failed > self.runs.len()
    }

    /// The test errors by which the row is judged: none if it fails, since those that are left would flatter
    /// it.
    pub fn judged_errors(&self) -> Seeds {
        if self.fails() { Seeds::default() } else { self.errors.clone() }
    }

    /// The losses likewise.
    pub fn judged_losses(&self) -> Seeds {
        if self.fails() { Seeds::default() } else { self.losses.clone() }
    }

    /// Whether this run of the row failed.
    pub(crate) fn has_failed(run: &FoundRun, scale: Scale) -> bool {
        measured(run, scale).is_none()
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
        let recipe = row.recipe_at(request.scale, request.has_data);
        let runs = recipe.as_ref().map_or_else(Vec::new, |recipe| runs_of(recipe, found));
        let (mut errors, mut losses, mut failed, mut deviations) = (vec![], vec![], 0, vec![]);
        for run in &runs {
            match measured(run, request.scale) {
                Some((error, loss)) => {
                    errors.push(error);
                    losses.push(loss);
                }
                None => failed += 1,
            }
            for told in row.recipe.as_ref().map_or_else(Vec::new, |paper| deviations_of(run, paper)) {
                if !deviations.contains(&told) {
                    deviations.push(told);
                }
            }
        }
        let (errors, losses) = (Seeds::of(errors), Seeds::of(losses));
        RowResult { row: row.clone(), runs, errors, losses, failed, contrast: None, deviations }
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

/// The runs of a training that are over, one for each seed, by seed.
fn runs_of(recipe: &Recipe, found: &[FoundRun]) -> Vec<FoundRun> {
    let of_it = found.iter().filter(|run| run.is_over() && run.is_of(recipe));
    let mut runs: Vec<FoundRun> = vec![];
    for run in of_it {
        if !runs.iter().any(|known| known.record.seed == run.record.seed) {
            runs.push(run.clone());
        }
    }
    runs.sort_by_key(|run| run.record.seed);
    runs
}

/// A run's test error in percent and its last training loss in nats; `None` if it failed.
fn measured(run: &FoundRun, scale: Scale) -> Option<(f64, f64)> {
    let RunStatus::Finished(results) = run.status else { return None };
    let error = 100.0 - results.test?.top1();
    (error <= scale.fails_above(&run.recipe)).then_some((error, results.train_loss))
}
