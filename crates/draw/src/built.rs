//! Units by name, built as a network would build them; a picture shows what was built.

use resnet_blocks::{Placement, Shortcut, UnitOutline};
use resnet_models::{Spec, registry, summary};

use crate::Error;

/// A depth that networks of one, two and three layers a unit all have.
const DEPTH: usize = 20;
/// The first unit that neither shares its activation with its shortcut nor changes the shape.
const PLAIN: usize = 1;

/// A network of units called `word`: what stands after the depth in a network's name, `v2`, `v2-bottleneck`,
/// `constant-scaling-by-0.5-1`.
pub(crate) fn spec(word: &str) -> Result<Spec, Error> {
    registry::find(&format!("resnet{DEPTH}-{word}"), 10).map_err(|_| Error::Unknown { name: word.to_owned() })
}

/// The unit called `word`.
pub(crate) fn unit(word: &str) -> Result<UnitOutline, Error> {
    plain(&spec(word)?)
}

/// The unit of a placement and a shortcut, of two layers.
pub(crate) fn of(placement: Placement, shortcut: Shortcut) -> Result<UnitOutline, Error> {
    plain(&Spec { placement, shortcut, ..spec("v1")? })
}

fn plain(spec: &Spec) -> Result<UnitOutline, Error> {
    let mut units = summary::unit_outlines(spec)?;
    match PLAIN < units.len() {
        true => Ok(units.swap_remove(PLAIN)),
        false => Err(Error::Unknown { name: spec.name.clone() }),
    }
}
