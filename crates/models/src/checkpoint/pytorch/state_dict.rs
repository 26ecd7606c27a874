//! Where in a pickle the weights are: the dictionary of names and tensors, alone or among what a training
//! keeps.

use std::collections::BTreeMap;

use super::Fault;
use super::object::{Id, Object, Pickle, Tensor};
use crate::checkpoint::error::{clip, list};

/// What trainings call the weights among other things, the more usual first.
static KEYS: [&str; 6] = ["state_dict", "model_state_dict", "model", "net", "network", "module"];
/// Dictionaries in dictionaries.
const DEEPEST: usize = 4;

/// The tensors by name.
pub(super) fn find<'a>(pickle: &'a Pickle) -> Result<BTreeMap<&'a str, &'a Tensor>, Fault> {
    let mut within = pickle.root();
    for _ in 0..=DEEPEST {
        let Object::Dict(items) = pickle.object(within) else {
            let cause = "it does not hold a dictionary of names and tensors".to_owned();
            return Err(Fault::Refused(cause));
        };
        match step(pickle, items)? {
            Step::Into(inner) => within = inner,
            Step::Here => return tensors(pickle, items),
        }
    }
    Err(Fault::Refused(format!("its weights lie more than {DEEPEST} dictionaries deep")))
}

/// How the search goes on.
enum Step {
    /// These are the weights.
    Here,
    /// They are in this dictionary.
    Into(Id),
}

fn step(pickle: &Pickle, items: &[(Id, Id)]) -> Result<Step, Fault> {
    let named = |key: &&str| {
        let found = items.iter().find(|(name, _)| pickle.text(*name) == Some(*key));
        found.map(|(_, value)| *value).filter(|value| is_filled(pickle, *value))
    };
    if let Some(inner) = KEYS.iter().find_map(named) {
        return Ok(Step::Into(inner));
    }
    if items.iter().any(|(_, value)| matches!(pickle.object(*value), Object::Tensor(_))) {
        return Ok(Step::Here);
    }
    // Under a key of its own: there must be no doubt which one.
    let mut inner: Vec<(Id, Id)> =
        items.iter().copied().filter(|(_, value)| starts_with_a_tensor(pickle, *value)).collect();
    inner.dedup_by_key(|(_, value)| *value);
    match inner[..] {
        [(_, one)] => Ok(Step::Into(one)),
        [] => Err(Fault::Refused("it holds no tensors under names".to_owned())),
        _ => {
            let keys: Vec<String> = inner
                .iter()
                .map(|(key, _)| clip(pickle.text(*key).unwrap_or("a key that is no text"), 40))
                .collect();
            Err(Fault::Refused(format!(
                "it holds several dictionaries of tensors ({})",
                list(keys.len(), &keys)
            )))
        }
    }
}

fn is_filled(pickle: &Pickle, id: Id) -> bool {
    matches!(pickle.object(id), Object::Dict(items) if !items.is_empty())
}

fn starts_with_a_tensor(pickle: &Pickle, id: Id) -> bool {
    let Object::Dict(items) = pickle.object(id) else { return false };
    items.first().is_some_and(|(_, value)| matches!(pickle.object(*value), Object::Tensor(_)))
}

/// The items that are tensors; what else lies among them (an epoch, a score) is no weight.
fn tensors<'a>(pickle: &'a Pickle, items: &[(Id, Id)]) -> Result<BTreeMap<&'a str, &'a Tensor>, Fault> {
    let mut tensors = BTreeMap::new();
    for (name, value) in items {
        let Object::Tensor(tensor) = pickle.object(*value) else { continue };
        let Some(name) = pickle.text(*name) else {
            return Err(Fault::Refused("a tensor in it is under a key that is no text".to_owned()));
        };
        if tensors.insert(name, &**tensor).is_some() {
            return Err(Fault::Damaged(format!("it has two tensors {}", clip(name, 80))));
        }
    }
    Ok(tensors)
}
