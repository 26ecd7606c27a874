//! `Snapshot`: the named arrays of a training as it stands, and the numbers that belong to them.

use std::collections::BTreeMap;

use candle_core::Var;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::step::gradients::Weighed;

/// Named arrays, whose numbers are copied one array at a time when they are written.
#[derive(Debug)]
pub struct Snapshot<'a> {
    arrays: BTreeMap<String, Array<'a>>,
    state: EngineState,
    slots: usize,
}

#[derive(Debug)]
struct Array<'a> {
    /// `None` for a variable itself.
    slot: Option<String>,
    shape: &'a [usize],
    values: Values<'a>,
}

#[derive(Debug)]
enum Values<'a> {
    Variable(&'a Var),
    Numbers(&'a [f32]),
}

/// What an engine remembers beside arrays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineState {
    /// Updates of the weights so far.
    pub(crate) updates: u64,
    /// The batch weights that a step has added up so far; `None` if no step is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accumulated: Option<Weighed>,
}

impl<'a> Snapshot<'a> {
    /// A snapshot of variables alone: weights and running statistics.
    pub(crate) fn of(variables: &'a BTreeMap<String, Var>, state: EngineState) -> Snapshot<'a> {
        let array = |(name, variable): (&String, &'a Var)| {
            (name.clone(), Array { slot: None, shape: variable.dims(), values: Values::Variable(variable) })
        };
        Snapshot { arrays: variables.iter().map(array).collect(), state, slots: 0 }
    }

    /// Adds what `slot` remembers of a variable.
    pub(crate) fn add(&mut self, slot: &str, variable: &str, shape: &'a [usize], values: &'a [f32]) {
        let array = Array { slot: Some(slot.to_owned()), shape, values: Values::Numbers(values) };
        self.arrays.insert(format!("{slot}.{variable}"), array);
        self.slots += 1;
    }

    /// Names and shapes.
    pub fn shapes(&self) -> BTreeMap<&str, &[usize]> {
        self.arrays.iter().map(|(name, array)| (name.as_str(), array.shape)).collect()
    }

    /// The names of all arrays, each with its slot and that slot's variable; `None` for a variable itself.
    pub(crate) fn slots_by_name(&self) -> impl Iterator<Item = (&str, Option<(&str, &str)>)> {
        self.arrays.iter().map(|(name, array)| {
            let slot = array.slot.as_deref();
            (name.as_str(), slot.map(|slot| (slot, &name[slot.len() + 1..])))
        })
    }

    /// The numbers of the array called `name`, in row-major order.
    ///
    /// # Errors
    /// If there is no such array, or it is not f32.
    pub fn values(&self, name: &str) -> Result<Vec<f32>, Error> {
        match self.arrays.get(name).map(|array| &array.values) {
            Some(Values::Numbers(values)) => Ok(values.to_vec()),
            Some(Values::Variable(variable)) => {
                let values = variable.flatten_all().and_then(|flat| flat.to_vec1());
                values.map_err(Error::compute(format!("saving {name}")))
            }
            None => Err(Error::Setup(format!("a snapshot has no array {name}"))),
        }
    }

    /// What the engine remembers beside the arrays.
    pub fn state(&self) -> EngineState {
        self.state
    }

    /// How many arrays lie in slots and are not variables.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }
}
