//! What can be drawn, by name.

use resnet_blocks::UnitOutline;
use resnet_models::{Spec, registry};

use crate::figures::{Cell, Figure, row_by_row};
use crate::{Error, built, network};

/// The named units of `resnet-blocks`: their names here, and the registry's words for them.
pub const UNITS: [(&str, &str); 10] = [
    ("original", "v1"),
    ("constant-scaling", "constant-scaling"),
    ("exclusive-gating", "exclusive-gating"),
    ("shortcut-only-gating", "shortcut-only-gating"),
    ("conv-shortcut", "conv-shortcut"),
    ("dropout-shortcut", "dropout-shortcut"),
    ("bn-after-addition", "bn-after-addition"),
    ("relu-before-addition", "relu-before-addition"),
    ("relu-only-preactivation", "relu-only-preactivation"),
    ("full-preactivation", "v2"),
];

/// Something that can be drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A figure of the paper.
    Figure(Figure),
    /// A unit.
    Unit {
        /// Its name.
        name: String,
        /// What it consists of.
        unit: UnitOutline,
    },
    /// A network.
    Network(Box<Spec>),
}

impl Subject {
    /// What `name` means: `figure1`, `figure2`, `figure4`, `figure5`, a unit such as `original` or
    /// `v2-bottleneck`, or a network such as `resnet110-v2` or `resnet50`.
    ///
    /// # Errors
    /// [`Error::Unknown`], or [`Error::Network`] if the name begins as a network's and is none.
    pub fn named(name: &str) -> Result<Self, Error> {
        if let Some(figure) = Figure::ALL.into_iter().find(|figure| figure.name() == name) {
            return Ok(Subject::Figure(figure));
        }
        match registry::find(name, registry::usual_classes(name)) {
            Ok(spec) => return Ok(Subject::Network(Box::new(spec))),
            Err(error) if name.contains("resnet") => return Err(error.into()),
            Err(_) => {}
        }
        let word = UNITS.iter().find(|(unit, _)| *unit == name).map_or(name, |(_, word)| word);
        Ok(Subject::Unit { name: name.to_owned(), unit: built::unit(word)? })
    }

    /// The picture as an SVG file.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn svg(&self) -> Result<String, Error> {
        match self {
            Subject::Figure(figure) => figure.svg(),
            Subject::Unit { name, unit } => {
                let title = format!("The unit {name}");
                Ok(row_by_row(&title, &[Cell { title: name.clone(), unit: unit.clone() }], 1))
            }
            Subject::Network(spec) => network::svg(spec),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_figures_units_or_networks() {
        assert_eq!(Subject::named("figure5").unwrap(), Subject::Figure(Figure::Five));
        assert!(matches!(Subject::named("resnet50").unwrap(), Subject::Network(_)));
        assert!(matches!(Subject::named("resnet1001-v2").unwrap(), Subject::Network(_)));
        for name in ["original", "v2-conv-shortcut-bottleneck", "exclusive-gating-bias-0", "v1-one-layer"] {
            assert!(matches!(Subject::named(name).unwrap(), Subject::Unit { .. }), "{name}");
        }
        let refused = |name| Subject::named(name).unwrap_err().to_string();
        assert!(refused("resnet21-v2").contains("6n + 2"));
        for name in ["figure3", "", "v3", "v2-v2"] {
            assert!(
                refused(name).starts_with(&format!("there is no figure, unit or network {name:?}")),
                "{name}"
            );
        }
    }
}
