//! The paper's claims put to the test: for each the measurement that speaks to it, a verdict with its
//! statistics, and the runs that it rests on.
//!
//! | file | claims |
//! |---|---|
//! | `shortcuts` | 1 to 3: what figure 2's shortcuts do to the training |
//! | `units` | 4, 7, 9, 10, 12: activations, depth and warm-up, from curves |
//! | `signal` | 5: what passes the units of a network |
//! | `cut` | 8: what f = ReLU cuts |
//! | `asymmetric` | 6: the same function |
//! | `cost` | 11: time by depth |
//! | `evidence` | rows of runs by their names |
//! | `quantity` | the losses and errors that are compared |
//! | `compared` | differences between rows, verdicts, and both in words |
//! | `page` | the page |

mod asymmetric;
mod compared;
mod cost;
mod cut;
mod evidence;
mod page;
mod quantity;
mod shortcuts;
mod signal;
mod units;

use resnet_record::paper::{CLAIMS, Claim};
use resnet_report::Figure;
use serde::Serialize;

use crate::results::Results;
use crate::{Error, Request, Study, Target};
use evidence::Evidence;

pub use asymmetric::{Apart, Sameness, sameness};
pub use cost::{Cost, cost};
pub(crate) use cut::cuts_of;
pub(crate) use page::claims_page;

/// What the measurements say of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds here.
    Supported,
    /// It does not hold here.
    Contradicted,
    /// It was measured, and could be either.
    Undecided,
    /// Nothing has been measured that speaks to it.
    NotTested,
}

/// Claims that are judged by fresh networks or by the time of steps, not by trainings at the study's scale.
const WITHOUT_TRAINING: [u8; 3] = [5, 6, 11];

/// A claim with what was found.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The claim's number.
    pub number: u8,
    /// What it says.
    pub says: &'static str,
    /// Where the paper says it.
    pub place: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What was measured, in sentences.
    pub measured: Vec<String>,
    /// What that rests on, such as "4 runs of 56 layers (cifar10-resnet110-v1, cifar10-resnet110-v2)".
    pub rests_on: String,
    /// A picture of it.
    #[serde(skip)]
    pub figure: Option<Figure>,
}

impl Verdict {
    /// The verdict on a claim that says both things: supported if both are, contradicted if one is.
    fn and(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Supported, Verdict::Supported) => Verdict::Supported,
            (Verdict::Contradicted, _) | (_, Verdict::Contradicted) => Verdict::Contradicted,
            (Verdict::NotTested, Verdict::NotTested) => Verdict::NotTested,
            _ => Verdict::Undecided,
        }
    }
}

impl Finding {
    /// The verdict in words: "supported at this scale" of trainings, "supported" of what needs none,
    /// "undecided so far".
    pub fn verdict_words(&self) -> &'static str {
        match (self.verdict, WITHOUT_TRAINING.contains(&self.number)) {
            (Verdict::Supported, false) => "supported at this scale",
            (Verdict::Supported, true) => "supported",
            (Verdict::Contradicted, false) => "contradicted at this scale",
            (Verdict::Contradicted, true) => "contradicted",
            (Verdict::Undecided, _) => "undecided so far",
            (Verdict::NotTested, _) => "not tested",
        }
    }
}

/// What was measured of one claim.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) verdict: Verdict,
    pub(crate) sentences: Vec<String>,
    pub(crate) rests_on: String,
    pub(crate) figure: Option<Figure>,
}

impl Measured {
    /// The result for a claim that no run speaks to; `missing` says which runs it takes.
    pub(crate) fn nothing(missing: &str) -> Measured {
        let sentences = vec![missing.to_owned()];
        Measured { verdict: Verdict::NotTested, sentences, rests_on: String::new(), figure: None }
    }

    /// The same with a sentence more, if there is one.
    pub(crate) fn and(mut self, sentence: Option<String>) -> Measured {
        self.sentences.extend(sentence);
        self
    }
}

/// Judges every claim: by the runs of `study`, which is one of [`crate::Target::Claims`], by runs of table 5
/// where there are any, and by what can be measured here, which takes some ten seconds.
///
/// # Errors
/// If a network cannot be built or measured.
pub fn examine(study: &Study) -> Result<Vec<Finding>, Error> {
    examine_claims(study, &CLAIMS.map(|claim| claim.number))
}

/// The same of the claims with these numbers alone.
///
/// # Errors
/// As [`examine`].
pub fn examine_claims(study: &Study, numbers: &[u8]) -> Result<Vec<Finding>, Error> {
    // The study of the claims trains nothing on ImageNet, but runs of table 5 count where they exist.
    let imagenet =
        Study::new(&Request { targets: vec![Target::Table5], only: vec![], ..study.request.clone() })?;
    let results = Results::collect(study).into_iter().chain(Results::collect(&imagenet));
    let evidence = Evidence::new(results.collect());
    let computed = |error: candle_core::Error| Error::Other(format!("a claim cannot be measured: {error}"));
    CLAIMS
        .iter()
        .filter(|claim| numbers.contains(&claim.number))
        .map(|claim| {
            let measured = match claim.number {
                1 => shortcuts::worse(&evidence),
                2 => shortcuts::contain_the_identity(&evidence)?,
                3 => shortcuts::nearly_the_identity(&evidence).map_err(computed)?,
                4 => units::slow_start(&evidence),
                5 => signal::only_grows().map_err(computed)?,
                6 => asymmetric::same_function().map_err(computed)?,
                7 => units::deepest(&evidence),
                8 => cut::cut(&evidence)?,
                9 => units::loss_and_error(&evidence),
                10 => units::without_warmup(&evidence),
                11 => cost::linear()?,
                12 => units::overfits(&evidence),
                number => return Err(Error::Other(format!("nothing measures claim {number}"))),
            };
            Ok(finding(claim, measured))
        })
        .collect()
}

fn finding(claim: &Claim, measured: Measured) -> Finding {
    let Claim { number, says, place } = *claim;
    let Measured { verdict, sentences, rests_on, figure } = measured;
    Finding { number, says, place, verdict, measured: sentences, rests_on, figure }
}
