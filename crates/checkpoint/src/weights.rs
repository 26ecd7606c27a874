//! Which weights of a file are read, where it holds several: what a training reached, and its average.

use std::fmt;
use std::str::FromStr;

/// Which of several sets of weights in a file are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Weights {
    /// As timm chooses: the average under `state_dict_ema` or `model_ema`, else what was trained under
    /// `state_dict` or `model`; then what others call them.
    #[default]
    Usual,
    /// The average over the training (EMA); a file without one is refused.
    Average,
    /// What was trained, even if there is an average.
    Trained,
    /// Those under this key, or under several with points between them.
    Key(String),
}

/// Which of them were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// The key that they lay under, if they did.
    pub key: Option<String>,
    /// Keys of others in the file.
    pub others: Vec<String>,
}

impl Weights {
    /// The word that is read as these, as in `"ema".parse()`; none for the usual ones.
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
