//! Claim 8: how much f = ReLU cuts before and after a training, at two depths.
//!
//! It takes a run's checkpoint. What was measured of one is kept beside its record in a file of its own, so
//! that the claim stands where checkpoints are too large to be kept.

use std::fs;
use std::path::Path;

use candle_core::{Result, Tensor};
use resnet::{Images, OpenOptions, Pretrained, origin_path};
use resnet_models::Model;
use resnet_record::{Contrast, Recipe, RunRecord, Seeds};
use resnet_report::Figure;
use resnet_report::chart::{Axis, Chart, Colour, Series};
use serde::{Deserialize, Serialize};

use super::compared::noise;
use super::evidence::{Evidence, Trained, runs_of};
use super::quantity::Unit;
use super::signal::{IMAGES, batch, units_of};
use super::{Measured, Verdict};
use crate::Error;
use crate::find::FoundRun;
use crate::results::RowResult;
use crate::words::percent;

/// Shares of zeros in percent up to which f counts as cutting little.
const LITTLE: f64 = 10.0;

/// Percent of a unit's sums that ReLU sets to zero, unit by unit, on the first images of a run's training
/// set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cuts {
    /// With the weights that the run began with.
    first: Vec<f64>,
    /// With those that its results are of.
    last: Vec<f64>,
}

impl Cuts {
    /// The file of a kept record's folder that holds them.
    pub(crate) const FILE: &str = "relu-cuts.json";

    /// Writes them beside a kept record.
    pub(crate) fn write(&self, folder: &Path) -> std::result::Result<(), Error> {
        let file = folder.join(Cuts::FILE);
        let written = resnet_files::write_whole(&file, |out| {
            serde_json::to_writer(&mut *out, self).map_err(std::io::Error::from)?;
            out.write_all(b"\n")
        });
        written.map_err(Error::io("write", &file))
    }

    /// What lies beside a kept record, if anything does.
    fn read(folder: &Path) -> std::result::Result<Option<Cuts>, Error> {
        let file = folder.join(Cuts::FILE);
        let bytes = match fs::read(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(Error::io("read", &file))?,
        };
        let cuts: Cuts = serde_json::from_slice(&bytes).map_err(|error| {
            Error::Other(format!(
                "{}: no shares by unit ({error}); keep the run's record again",
                file.display()
            ))
        })?;
        Ok(Some(cuts))
    }
}

/// Up to how many layers the paper says that f cuts little in a trained network, and from how many on often.
const FEW_LAYERS: usize = 164;
const MANY_LAYERS: usize = 1000;

/// Claim 8: how much f = ReLU cuts before and after a training, at two depths.
pub(super) fn cut(evidence: &Evidence) -> std::result::Result<Measured, Error> {
    let rows = evidence.rows(&["cifar10-resnet164-v1", "cifar10-resnet1001-v1"]);
    let mut measured: Vec<Ends> = vec![];
    let mut figure = None;
    for row in &rows {
        let mut cuts = vec![];
        for run in &row.runs {
            let of_run = match cuts_of(run)? {
                None => kept_of(run, &evidence.found())?,
                measured => measured,
            };
            if let Some(of_run) = of_run {
                figure = Some(by_unit(&run.record, &of_run));
                cuts.push(of_run);
            }
        }
        if !cuts.is_empty() {
            measured.push(Ends::of(row, &cuts));
        }
    }
    if measured.is_empty() {
        return Ok(Measured::nothing(
            "It takes finished runs of original units with their checkpoints and data: figure 6's and, deeper, figure 1's.",
        ));
    }
    let names: Vec<&str> = measured.iter().map(|ends| ends.row.as_str()).collect();
    let mut sentences: Vec<String> = measured.iter().map(Ends::told).collect();
    if measured.len() < 2 {
        sentences.push("A second depth has not been measured.".to_owned());
    }
    if let [shallow, deep] = &measured[..]
        && let Some(contrast) = Contrast::of(&shallow.last, &deep.last)
    {
        let (points, noise) = (percent(contrast.difference.abs()), noise(&contrast, Unit::Points));
        let more = if contrast.difference < 0.0 { "less" } else { "more" };
        sentences.push(format!("The deeper one cuts {points} points {more} at the end ({noise})."));
    }
    sentences.push(format!(
        "Up to {LITTLE} % at the end counts as little, and more as often. The paper says little of {FEW_LAYERS} layers and \
         often of 1,001, so networks of up to {FEW_LAYERS} layers should cut little, deeper ones more, and those of \
         {MANY_LAYERS} and more often."
    ));
    Ok(Measured {
        verdict: judged(&measured, evidence.trained()),
        sentences,
        rests_on: runs_of(measured.iter().map(|ends| ends.last.count()).sum(), &names),
        figure,
    })
}

/// The share that the networks of a row cut on average over their units, seed by seed.
struct Ends {
    row: String,
    model: String,
    layers: usize,
    first: Seeds,
    last: Seeds,
}

impl Ends {
    fn of(row: &RowResult, cuts: &[Cuts]) -> Ends {
        Ends {
            row: row.row.name.clone(),
            model: row.runs.first().map(|run| run.record.model.clone()).unwrap_or_default(),
            layers: row.layers().parse().unwrap_or(0),
            first: Seeds::of(cuts.iter().map(|cut| mean(&cut.first))),
            last: Seeds::of(cuts.iter().map(|cut| mean(&cut.last))),
        }
    }

    fn told(&self) -> String {
        let [first, last] = [&self.first, &self.last].map(|seeds| percent(seeds.mean().unwrap_or(f64::NAN)));
        format!("{} cuts {first} % of the sums at first and {last} % at the end.", self.model)
    }

    /// Whether every seed is on the side of the limit that the paper has for this depth; `None` for depths
    /// between, of which it says nothing.
    fn is_as_claimed(&self) -> Option<bool> {
        let [least, most] = self.last.range()?;
        match self.layers {
            few if few <= FEW_LAYERS => Some(most <= LITTLE),
            many if many >= MANY_LAYERS => Some(least > LITTLE),
            _ => None,
        }
    }

    /// Whether every seed, of two at least, is on the other side.
    fn is_against(&self) -> bool {
        let Some([least, most]) = self.last.range().filter(|_| self.last.count() > 1) else { return false };
        match self.layers {
            few if few <= FEW_LAYERS => least > LITTLE,
            many if many >= MANY_LAYERS => most <= LITTLE,
            _ => false,
        }
    }
}

/// Supported if the networks of both depths cut as much as the paper says of networks as deep, and the deeper
/// ones decidedly more; contradicted if those of one depth do not, or the deeper ones cut decidedly less.
/// Networks that were hardly trained decide nothing.
fn judged(measured: &[Ends], trained: Trained) -> Verdict {
    if trained == Trained::Hardly {
        return Verdict::Undecided;
    }
    let deeper = match measured {
        [shallow, deep] => Contrast::of(&shallow.last, &deep.last).filter(Contrast::is_decided),
        _ => None,
    };
    match deeper {
        _ if measured.iter().any(Ends::is_against) => Verdict::Contradicted,
        Some(more) if more.difference < 0.0 => Verdict::Contradicted,
        Some(_) if measured.iter().all(|ends| ends.is_as_claimed() != Some(false)) => Verdict::Supported,
        _ => Verdict::Undecided,
    }
}

fn mean(shares: &[f64]) -> f64 {
    shares.iter().sum::<f64>() / shares.len().max(1) as f64
}

/// The picture of one run.
fn by_unit(record: &RunRecord, Cuts { first, last }: &Cuts) -> Figure {
    let line = |name: &str, shares: &[f64], colour| {
        let points = shares.iter().zip(1u32..).map(|(share, unit)| (f64::from(unit), *share)).collect();
        Series::new(name, colour, points)
    };
    let most = first.iter().chain(last).copied().fold(LITTLE, f64::max);
    let chart = Chart::new(
        "Shares of the sums that ReLU cuts, by unit",
        Axis::from_zero("unit", last.len() as f64),
        Axis::percent("cut by ReLU after the addition, %", most),
    )
    .with(line("at first", first, Colour::Orange))
    .with(line("at the end", last, Colour::Vermilion));
    let RunRecord { model, seed, .. } = record;
    let caption = format!("{model}, seed {seed}, on {IMAGES} of its training images.");
    Figure::new(&chart, caption)
}

/// What ReLU cuts in a run: measured where its checkpoint is, else as it was kept. `None` if there is
/// neither.
pub(crate) fn cuts_of(run: &FoundRun) -> std::result::Result<Option<Cuts>, Error> {
    match measured(run)? {
        Some(cuts) => Ok(Some(cuts)),
        None => Cuts::read(run.folder.dir()),
    }
}

/// What was kept of the same training elsewhere, such as beside a record without checkpoints.
fn kept_of(run: &FoundRun, found: &[FoundRun]) -> std::result::Result<Option<Cuts>, Error> {
    let is_same = |other: &&FoundRun| other.record.seed == run.record.seed && other.is_of(&run.recipe);
    for other in found.iter().filter(is_same) {
        if let Some(cuts) = Cuts::read(other.folder.dir())? {
            return Ok(Some(cuts));
        }
    }
    Ok(None)
}

/// Measures a run; `None` if it is not finished, its checkpoint or its data are gone, or its network has no
/// ReLU after additions.
fn measured(run: &FoundRun) -> std::result::Result<Option<Cuts>, Error> {
    if !run.has_weights() {
        return Ok(None);
    }
    let Some(images) = images_of(&run.recipe, &run.record.data) else { return Ok(None) };
    let trained = Pretrained::load(&run.folder.dir().display().to_string())?;
    let spec = trained.network().spec().clone();
    let failed = |error: candle_core::Error| Error::Other(format!("{}: {error}", run.folder.dir().display()));
    let measure = |model: &Model| -> Result<Vec<f64>> {
        Ok(units_of(model, &images)?.units.iter().filter_map(|unit| unit.cut).collect())
    };
    let last = measure(trained.network().model()).map_err(failed)?;
    if last.is_empty() {
        return Ok(None);
    }
    let first =
        Model::init(&spec, run.recipe.train.seed).and_then(|model| measure(&model)).map_err(failed)?;
    Ok(Some(Cuts { first, last }))
}

/// The first training images of a run, normalised; `None` if they cannot be opened any more, or lie in files.
fn images_of(recipe: &Recipe, origin: &str) -> Option<Tensor> {
    let folder = origin_path(origin).filter(|_| recipe.data.generated.is_none());
    if folder.is_none() && recipe.data.generated.is_none() {
        return None;
    }
    let images = Images::of_recipe(recipe, folder.as_deref(), &OpenOptions::default()).ok()?;
    match images {
        Images::InMemory(data) => batch(&data.train, (recipe.data.mean, recipe.data.std)).ok(),
        Images::InFiles(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find::find_runs;
    use resnet_record::Run;

    #[test]
    fn what_was_kept_beside_a_record_is_found_without_its_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = Recipe::built_in("cifar10-resnet164-v1").unwrap();
        drop(Run::create(folder.path(), &recipe, RunRecord::begin("made", &recipe)).unwrap());
        let found = || find_runs(folder.path()).0.remove(0);
        assert_eq!(cuts_of(&found()).unwrap(), None);
        let cuts = Cuts { first: vec![50.0, 40.5], last: vec![3.0, 2.25] };
        cuts.write(folder.path()).unwrap();
        assert_eq!(cuts_of(&found()).unwrap(), Some(cuts));
        fs::write(folder.path().join(Cuts::FILE), "{\"first\": 3}").unwrap();
        let told = cuts_of(&found()).unwrap_err().to_string();
        assert!(told.contains("relu-cuts.json: no shares by unit"), "{told}");
    }

    #[test]
    fn shallow_networks_should_cut_little_and_deeper_ones_more() {
        let ends = |layers: usize, last: [f64; 2]| Ends {
            row: String::new(),
            model: String::new(),
            layers,
            first: Seeds::of([50.0, 50.0]),
            last: Seeds::of(last),
        };
        let verdict = |shallow, deep| judged(&[shallow, deep], Trained::AWhile);
        assert_eq!(verdict(ends(56, [4.0, 4.1]), ends(164, [7.0, 7.1])), Verdict::Supported);
        assert_eq!(verdict(ends(164, [4.0, 4.1]), ends(1001, [20.0, 20.5])), Verdict::Supported);
        assert_eq!(verdict(ends(56, [4.0, 4.1]), ends(164, [20.0, 20.5])), Verdict::Contradicted);
        assert_eq!(verdict(ends(164, [4.0, 4.1]), ends(1001, [5.0, 5.1])), Verdict::Contradicted);
        assert_eq!(verdict(ends(56, [7.0, 7.1]), ends(164, [4.0, 4.1])), Verdict::Contradicted);
        assert_eq!(verdict(ends(56, [4.0, 6.0]), ends(164, [5.0, 7.0])), Verdict::Undecided);
        // One depth says nothing of a deeper one, unless it is against what is said of its own.
        assert_eq!(judged(&[ends(56, [4.0, 4.1])], Trained::AWhile), Verdict::Undecided);
        assert_eq!(judged(&[ends(56, [20.0, 21.0])], Trained::AWhile), Verdict::Contradicted);
        assert_eq!(judged(&[ends(56, [20.0, 21.0])], Trained::Hardly), Verdict::Undecided);
    }
}
