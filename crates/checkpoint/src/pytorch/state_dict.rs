//! Where the weights are in a file: the dictionary of names and tensors, alone or in a training's checkpoint.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use resnet_pickle::{Id, Object, Pickle};

use super::tensor::{self, Value};
use super::{Fault, module};
use crate::text::clip;
use crate::weights::{Taken, Weights};

/// The keys that timm looks for, in its order.
static TIMMS: [&str; 4] = ["state_dict_ema", "model_ema", "state_dict", "model"];
/// Keys of averaged weights.
static AVERAGES: [&str; 8] = [
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "model_ema_state_dict",
    "model_state_dict_ema",
    "ema_model",
    "params_ema",
    "ema",
];
/// Keys of trained weights.
static TRAINED: [&str; 8] =
    ["state_dict", "model", "model_state_dict", "net", "network", "module", "params", "weights"];
/// How deep dictionaries may be nested.
const DEEPEST: usize = 4;
/// The longest key that is followed. A key is repeated in the keys of everything below it.
const LONGEST_KEY: usize = 200;
/// The most entries that objects may have for each object of the pickle, where entries that several share
/// count once for each of them.
const MOST_SHARED: u64 = 16;

/// The weights that were found.
pub(super) struct Found {
    /// A dictionary or a module.
    pub(super) weights: Id,
    pub(super) taken: Taken,
}

/// A value and the keys that lead to it.
#[derive(Clone)]
struct Place {
    id: Id,
    keys: Vec<String>,
}

/// A search that remembers which objects lead to tensors.
struct Search<'p> {
    pickle: &'p Pickle<'p>,
    leads: HashMap<Id, bool>,
}

/// The weights that are asked for.
pub(super) fn find(pickle: &Pickle, asked: &Weights) -> Result<Found, Fault> {
    check_sharing(pickle)?;
    let mut search = Search { pickle, leads: HashMap::new() };
    let root = Place { id: pickle.root(), keys: vec![] };
    let mut at = match asked {
        Weights::Key(key) => {
            let place = search.named(&root, key).filter(|place| search.leads(place.id, DEEPEST));
            place.ok_or_else(|| search.not_there(&root, asked))?
        }
        _ => root.clone(),
    };
    let mut others = vec![];
    for _ in 0..=DEEPEST {
        if module::is_module(pickle, at.id) {
            return search.found(&root, at, others, asked);
        }
        let leading = search.leading(&at);
        let next = match choice(&leading, asked) {
            Some(chosen) => chosen.clone(),
            None if search.has_tensors(at.id) => return search.found(&root, at, others, asked),
            None => only(&leading, asked)?.clone(),
        };
        others.extend(leading.iter().filter(|other| other.id != next.id).map(Place::name));
        at = next;
    }
    Err(Fault::Refused(format!("its weights lie more than {DEEPEST} dictionaries deep")))
}

/// Refuses a pickle in which so many objects have one and the same long state that to look into each of them
/// would take hours.
fn check_sharing(pickle: &Pickle) -> Result<(), Fault> {
    let entries = |id: Id| {
        let state = pickle.call(id)?.state;
        Some((pickle.entry_count(id) + state.map_or(0, |state| pickle.entry_count(state))) as u64)
    };
    let all: u64 = pickle.ids().filter_map(entries).sum();
    match all > MOST_SHARED * pickle.objects().len() as u64 {
        true => Err(Fault::Damaged("its objects share more entries than in any file of PyTorch".to_owned())),
        false => Ok(()),
    }
}

impl<'p> Search<'p> {
    /// The values in an object by key: of a dictionary, of the attributes of an object of some class, and of
    /// the root by number if it is a list.
    fn values(&self, id: Id) -> Vec<(Cow<'p, str>, Id)> {
        let pickle = self.pickle;
        let named = |entries: Cow<'_, [(Id, Id)]>| {
            let named = entries.iter().filter_map(|(key, id)| Some((Cow::from(pickle.str(*key)?), *id)));
            named.collect()
        };
        if let Some(entries) = pickle.entries(id) {
            return named(entries);
        }
        match pickle.object(id) {
            Object::List(items) | Object::Tuple(items) if id == pickle.root() => {
                items.iter().enumerate().map(|(number, id)| (Cow::from(number.to_string()), *id)).collect()
            }
            Object::Call(call) => {
                call.state.and_then(|state| pickle.entries(state)).map(named).unwrap_or_default()
            }
            _ => vec![],
        }
    }

    /// The values at `at` that lead to tensors.
    fn leading(&mut self, at: &Place) -> Vec<Place> {
        let values = self.values(at.id).into_iter();
        let leading = values.filter(|(key, id)| key.len() <= LONGEST_KEY && self.leads(*id, DEEPEST));
        leading.map(|(key, id)| at.child(&key, id)).collect()
    }

    /// Whether there are weights in an object, or in what it holds.
    fn leads(&mut self, id: Id, depth: usize) -> bool {
        if let Some(known) = self.leads.get(&id) {
            return *known;
        }
        // An object inside itself leads nowhere.
        self.leads.insert(id, false);
        let leads = module::is_module(self.pickle, id)
            || self.values(id).iter().any(|(_, value)| {
                is_weight(self.pickle, *value) || depth > 0 && self.leads(*value, depth - 1)
            });
        self.leads.insert(id, leads);
        leads
    }

    /// Whether a dictionary holds tensors itself.
    fn has_tensors(&self, id: Id) -> bool {
        let entries = self.pickle.entries(id).unwrap_or_default();
        entries.iter().any(|(_, value)| tensor::understand(self.pickle, *value) != Value::Other)
    }

    /// The value under a key, or under nested keys joined by dots.
    fn named(&self, root: &Place, key: &str) -> Option<Place> {
        let child = |at: &Place, key: &str| {
            let found = self.values(at.id).into_iter().rfind(|(name, _)| name == key);
            found.map(|(name, id)| at.child(&name, id))
        };
        child(root, key).or_else(|| key.split('.').try_fold(root.clone(), |at, key| child(&at, key)))
    }

    fn found(
        &mut self,
        root: &Place,
        at: Place,
        others: Vec<String>,
        asked: &Weights,
    ) -> Result<Found, Fault> {
        let is_averaged = || at.keys.iter().any(|key| is_average(key)) || self.counts_averages(at.id);
        if *asked == Weights::Average && !is_averaged() {
            return Err(self.not_there(root, asked));
        }
        let key = (!at.keys.is_empty()).then(|| at.name());
        Ok(Found { weights: at.id, taken: Taken { key, others } })
    }

    /// Whether weights are an `AveragedModel`'s: its counter is a tensor of the state dict, and a buffer of
    /// the whole module.
    fn counts_averages(&self, weights: Id) -> bool {
        let pickle = self.pickle;
        let buffers = pickle.call(weights).and_then(|call| pickle.get(call.state?, "_buffers"));
        [Some(weights), buffers].into_iter().flatten().any(|at| pickle.get(at, "n_averaged").is_some())
    }

    /// The fault for weights that are not in the file; it names those that are.
    fn not_there(&mut self, root: &Place, asked: &Weights) -> Fault {
        let mut names = vec![];
        // An object under many keys is looked into once: otherwise a short pickle could fill all memory.
        let mut seen = HashSet::new();
        for place in self.leading(root) {
            names.push(place.name());
            if !seen.insert(place.id) {
                continue;
            }
            if !module::is_module(self.pickle, place.id) && !self.has_tensors(place.id) {
                names.extend(self.leading(&place).iter().map(Place::name));
            }
        }
        Fault::NotThere(asked.clone(), names)
    }
}

impl Place {
    fn child(&self, key: &str, id: Id) -> Place {
        Place { id, keys: [&self.keys[..], &[key.to_owned()]].concat() }
    }

    fn key(&self) -> &str {
        self.keys.last().map_or("", String::as_str)
    }

    /// Its keys, for messages and to ask for it.
    fn name(&self) -> String {
        clip(&self.keys.join("."), 80)
    }
}

/// The place whose key is a usual name of the weights that are asked for.
fn choice<'s>(places: &'s [Place], asked: &Weights) -> Option<&'s Place> {
    let named = |key: &&str| places.iter().rfind(|place| place.key() == *key);
    let average = || AVERAGES.iter().find_map(named);
    let trained = || TRAINED.iter().find_map(named);
    match asked {
        Weights::Usual | Weights::Key(_) => TIMMS.iter().find_map(named).or_else(average).or_else(trained),
        Weights::Average => {
            average().or_else(|| places.iter().find(|place| is_average(place.key()))).or_else(trained)
        }
        Weights::Trained => named(&"model").or_else(trained),
    }
}

/// The only place that fits, whatever its key is; none or several are an error.
fn only<'s>(places: &'s [Place], asked: &Weights) -> Result<&'s Place, Fault> {
    let fits = |place: &&Place| *asked != Weights::Trained || !is_average(place.key());
    let fitting: Vec<&Place> = places.iter().filter(fits).collect();
    match fitting[..] {
        [] if places.is_empty() => Err(Fault::Refused("it has no tensors under names".to_owned())),
        [] => Err(Fault::NotThere(asked.clone(), places.iter().map(Place::name).collect())),
        // An object under several keys counts once.
        [first, ref rest @ ..] if rest.iter().all(|other| other.id == first.id) => Ok(first),
        _ => Err(Fault::Several(fitting.iter().map(|place| place.name()).collect())),
    }
}

/// Whether an object is a tensor of floating-point numbers with at least one dimension: not a loss, nor the
/// state of a random generator.
fn is_weight(pickle: &Pickle, id: Id) -> bool {
    matches!(tensor::understand(pickle, id), Value::Tensor(tensor) if !tensor.shape.is_empty())
}

/// Whether a key says that its weights are averaged.
fn is_average(key: &str) -> bool {
    AVERAGES.contains(&key) || key.split(['_', '-', '.']).any(|word| word.eq_ignore_ascii_case("ema"))
}

/// The values by name that may be tensors.
pub(super) fn named<'p>(pickle: &'p Pickle, weights: Id) -> Result<Vec<(Cow<'p, str>, Id)>, Fault> {
    if module::is_module(pickle, weights) {
        let named = module::tensors(pickle, weights)?;
        return Ok(named.into_iter().map(|(name, id)| (Cow::from(name), id)).collect());
    }
    let mut named = vec![];
    for (key, value) in pickle.entries(weights).unwrap_or_default().iter() {
        match pickle.str(*key) {
            Some(name) => named.push((Cow::from(name), *value)),
            None if tensor::understand(pickle, *value) == Value::Other => {}
            None => return Err(Fault::Refused("a tensor in it is under a key that is no text".to_owned())),
        }
    }
    Ok(named)
}

#[cfg(test)]
#[path = "state_dict_tests.rs"]
mod tests;
