//! Whether two runs are the same training, and if not, the first certified step that shows it.

use crate::{Certificate, Difference, Error, Metric, RunFolder};

/// What the certificates of two runs say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Keys of the recipe that differ.
    pub recipe: Vec<Difference>,
    /// How many steps both runs certify with the same digests, before the first that differs.
    pub agreed: usize,
    /// The last of them; 0 if there is none.
    pub last_agreed: u64,
    /// The first that differs.
    pub parting: Option<Parting>,
}

/// The first certified step in which two runs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parting {
    /// Steps done, this one included.
    pub step: u64,
    /// The two runs' certificates of it.
    pub certificates: [Certificate; 2],
}

/// Compares two runs by their certificates.
///
/// # Errors
/// [`Error::NothingCertified`] if a run has no certified step, [`Error::NothingInCommon`] if none is
/// certified by both, [`Error::Io`] or [`Error::Damaged`] if a run cannot be read.
pub fn agreement(a: &RunFolder, b: &RunFolder) -> Result<Agreement, Error> {
    let (of_a, of_b) = (certificates(a)?, certificates(b)?);
    for (run, certified) in [(a, &of_a), (b, &of_b)] {
        if certified.is_empty() {
            return Err(Error::NothingCertified { run: run.dir().to_owned() });
        }
    }
    let mut agreement =
        Agreement { recipe: a.recipe()?.differences(&b.recipe()?), agreed: 0, last_agreed: 0, parting: None };
    for (step, a) in of_a {
        // Certified steps rise; a run that goes on after an interruption has each once.
        let Ok(at) = of_b.binary_search_by_key(&step, |(step, _)| *step) else { continue };
        let b = of_b[at].1;
        if a != b {
            agreement.parting = Some(Parting { step, certificates: [a, b] });
            return Ok(agreement);
        }
        (agreement.agreed, agreement.last_agreed) = (agreement.agreed + 1, step);
    }
    match agreement.agreed {
        0 => Err(Error::NothingInCommon { a: a.dir().to_owned(), b: b.dir().to_owned() }),
        _ => Ok(agreement),
    }
}

fn certificates(run: &RunFolder) -> Result<Vec<(u64, Certificate)>, Error> {
    let metrics = run.metrics()?;
    let steps = metrics.iter().filter_map(Metric::step);
    Ok(steps.filter_map(|step| Some((step.step, step.certificate?))).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Digest, Recipe, Run, RunRecord, StepMetrics};

    const RECIPE: &str = include_str!("../recipes/quick-start.toml");

    /// A run with these certificates: (step, batch, loss, weights).
    fn run(dir: &Path, set: &str, steps: &[(u64, u8, u8, u8)]) -> RunFolder {
        let mut recipe = Recipe::parse(RECIPE, "quick-start.toml").unwrap();
        recipe.set(set).unwrap();
        let mut run = Run::create(dir, &recipe, RunRecord::begin("run", &recipe)).unwrap();
        for &(step, batch, loss, weights) in steps {
            let [batch, loss, weights] = [batch, loss, weights].map(|byte| Digest([byte; 8]));
            run.log(&Metric::Step(StepMetrics {
                step,
                epoch: 1,
                images: 64 * step,
                loss: 1.0,
                rate: 0.1,
                images_per_second: 9.0,
                certificate: (step != 13).then_some(Certificate { batch, loss, weights }),
            }))
            .unwrap();
        }
        run.folder().clone()
    }

    #[test]
    fn the_first_step_that_differs_is_named_with_what_differs_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let steps = [(10, 1, 1, 1), (13, 0, 0, 0), (20, 2, 2, 2), (30, 3, 3, 3)];
        let a = run(&at("a"), "train.seed=0", &steps);

        let same = agreement(&a, &run(&at("same"), "train.seed=0", &steps[1..])).unwrap();
        assert_eq!((same.agreed, same.last_agreed, same.parting), (2, 30, None));
        assert_eq!(same.recipe, []);

        let other = [(10, 1, 1, 1), (15, 9, 9, 9), (20, 2, 7, 7), (30, 8, 8, 8)];
        let parted = agreement(&a, &run(&at("other"), "train.seed=7", &other)).unwrap();
        assert_eq!((parted.agreed, parted.last_agreed), (1, 10));
        let Parting { step, certificates: [of_a, of_b] } = parted.parting.unwrap();
        assert_eq!((step, of_a.differences(&of_b)), (20, vec!["loss", "weights"]));
        let [Difference { key, before, after }] = &parted.recipe[..] else { panic!("{:?}", parted.recipe) };
        assert_eq!((key.as_str(), before.as_deref(), after.as_deref()), ("train.seed", Some("0"), Some("7")));

        let none = agreement(&a, &run(&at("none"), "train.seed=0", &[(11, 1, 1, 1)])).unwrap_err();
        assert!(none.to_string().contains("no certified step in common"), "{none}");
        let short = agreement(&a, &run(&at("short"), "train.seed=0", &[])).unwrap_err().to_string();
        assert!(short.contains("short has no certified step: it ends before its first logged"), "{short}");
    }
}
