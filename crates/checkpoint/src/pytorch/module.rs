//! Whole modules, as `torch.save(model, FILE)` writes them: the names that `model.state_dict()` would give.

use std::collections::HashSet;

use resnet_pickle::{Id, Object, Pickle};

use super::Fault;

/// The most modules that are searched; ResNet-1001 has 4,000.
const MOST_MODULES: usize = 100_000;
/// The longest name. It is repeated in the names of everything below it.
const LONGEST_NAME: usize = 1000;
/// As many bytes of a name count as an object of the pickle.
const NAME_BYTES: usize = 64;
/// The most entries that are visited for each object of the pickle. Where a module has one place, that is
/// about one; texts and numbers that are alike are one object.
const MOST_VISITS: usize = 4;

/// Whether an object is a `torch.nn.Module`, of whatever class.
pub(super) fn is_module(pickle: &Pickle, id: Id) -> bool {
    let Some(state) = pickle.call(id).and_then(|call| call.state) else { return false };
    ["_parameters", "_modules"].iter().all(|part| {
        let part = pickle.get(state, part);
        part.is_some_and(|part| pickle.is_dictionary(part))
    })
}

/// A module's parameters and persistent buffers by name, and those of all modules in it.
pub(super) fn tensors(pickle: &Pickle, module: Id) -> Result<Vec<(String, Id)>, Fault> {
    let beyond = || Fault::Damaged("its modules are more or lie deeper than in any network".to_owned());
    let mut found = vec![];
    let mut waiting = vec![(String::new(), module)];
    let mut seen = 0;
    // A module can be in others many times, at two bytes each, so a short pickle could name what fills all
    // memory, or what takes hours to be visited.
    let mut room = MOST_VISITS * pickle.objects().len();
    while let Some((prefix, module)) = waiting.pop() {
        seen += 1;
        if seen > MOST_MODULES || prefix.len() > LONGEST_NAME {
            return Err(beyond());
        }
        let Some(state) = pickle.call(module).and_then(|call| call.state) else { continue };
        room = room.checked_sub(pickle.entry_count(state)).ok_or_else(beyond)?;
        let transient = transient(pickle, state);
        room = room.checked_sub(transient.len()).ok_or_else(beyond)?;
        for part in ["_parameters", "_buffers", "_modules"] {
            let entries = pickle.get(state, part).and_then(|part| pickle.entries(part)).unwrap_or_default();
            for (name, value) in entries.iter() {
                let name = pickle.str(*name).unwrap_or_default();
                let takes = 1 + (prefix.len() + name.len()) / NAME_BYTES;
                room = room.checked_sub(takes).ok_or_else(beyond)?;
                let is_transient = part == "_buffers" && transient.contains(name);
                if *pickle.object(*value) == Object::None || is_transient {
                    continue;
                }
                match part {
                    "_modules" => waiting.push((format!("{prefix}{name}."), *value)),
                    _ => found.push((format!("{prefix}{name}"), *value)),
                }
            }
        }
    }
    Ok(found)
}

/// The names of the buffers that are not saved with a module's weights.
fn transient<'a>(pickle: &'a Pickle, state: Id) -> HashSet<&'a str> {
    let Some(set) = pickle.get(state, "_non_persistent_buffers_set") else { return HashSet::new() };
    // Before protocol 4, a set is the call of its class with a list.
    let list = pickle.call(set).and_then(|call| pickle.items(call.arguments)?.first().copied());
    let names = pickle.items(list.unwrap_or(set)).unwrap_or_default();
    names.iter().filter_map(|name| pickle.str(*name)).collect()
}
