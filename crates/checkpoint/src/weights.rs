//! Which weights are read if a file holds several sets, such as the trained weights and their average.

use std::fmt;
use std::str::FromStr;

/// Which of several sets of weights in a file are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Weights {
    /// As timm chooses: the average under `state_dict_ema` or `model_ema`, else the trained weights under
    /// `state_dict` or `model`; then the keys of other projects. Of a checkpoint of ours to resume from, the
    /// trained weights.
    #[default]
    Usual,
    /// The average over the training (EMA); a file without one is refused.
    Average,
    /// The trained weights, even if there is an average.
    Trained,
    /// The weights under this key, or under nested keys joined by dots.
    Key(String),
}

/// Which of several sets were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Their key, if they had one.
    pub key: Option<String>,
    /// The keys of the other sets in the file.
    pub others: Vec<String>,
}

impl Weights {
    /// The word that parses as this choice, such as `ema`; `None` for the usual weights.
    pub fn word(&self) -> Option<&str> {
        match self {
            Weights::Usual => None,
            Weights::Average => Some("ema"),
            Weights::Trained => Some("model"),
            Weights::Key(key) => Some(key),
        }
    }
}

impl FromStr for Weights {
    type Err = std::convert::Infallible;

    /// `ema`, `model`, or a key.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word {
            "ema" => Weights::Average,
            "model" => Weights::Trained,
            key => Weights::Key(key.to_owned()),
        })
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Weights::Usual => "weights",
            Weights::Average => "averaged weights (EMA)",
            Weights::Trained => "weights that are not averaged",
            Weights::Key(key) => return write!(f, "weights under {:?}", crate::text::clip(key, 80)),
        })
    }
}
