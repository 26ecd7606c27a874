//! Which variables train, and how fast: a recipe's `[stages]` for the parts of a network.

use std::collections::{BTreeMap, BTreeSet};

use resnet_ops::{is_running_statistic, layer_of};
use resnet_record::{FrozenNorms, Recipe, StagesRecipe};

use crate::{Classifier, Error};

/// A part of a network, such as a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What a recipe calls it.
    pub name: String,
    /// The names of its variables.
    pub variables: Vec<String>,
}

/// A part of a network in training.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its name.
    pub part: String,
    /// Layers with parameters.
    pub layers: usize,
    /// How many numbers its parameters hold.
    pub parameters: u64,
    /// The share of the schedule's learning rate; `None` if it does not train.
    pub factor: Option<f64>,
}

/// The parts of a network, each with its share of the learning rate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Groups {
    parts: Vec<Group>,
    /// The share of the learning rate of each variable that does not train at the schedule's; `None` if
    /// frozen.
    factors: BTreeMap<String, Option<f64>>,
    /// Running statistics that stay as they are.
    still: BTreeSet<String>,
}

impl Groups {
    /// The groups of `model` trained by `recipe`.
    ///
    /// # Errors
    /// [`Error::UnknownPart`] if the recipe names a part that the network doesn't have, [`Error::Setup`] if
    /// it gives a frozen part a learning rate.
    pub fn of(recipe: &Recipe, model: &dyn Classifier) -> Result<Groups, Error> {
        let (parts, stages) = (model.parts(), &recipe.stages);
        let names: Vec<String> = parts.iter().map(|part| part.name.clone()).collect();
        let frozen = frozen_parts(recipe, &names)?;
        if let Some(part) = stages.lr_factors.keys().find(|part| !names.contains(part)) {
            return Err(unknown(recipe, part, "that could have a learning rate of its own", &names));
        }
        if let Some(part) = names[..frozen].iter().find(|part| stages.lr_factors.contains_key(*part)) {
            return Err(Error::Setup(format!(
                "stages.lr_factors has {part}, which stages.freeze_until = \"{}\" freezes; leave one of the two out",
                stages.freeze_until.as_deref().unwrap_or_default()
            )));
        }
        let mut groups = Groups::default();
        for (index, Part { name, variables }) in parts.into_iter().enumerate() {
            let factor = (index >= frozen).then(|| factor(stages, &name, names.len() - 1 - index));
            let (mut layers, mut parameters) = (BTreeSet::new(), 0);
            for variable in variables {
                if is_running_statistic(&variable) {
                    if factor.is_none() && stages.frozen_norms == FrozenNorms::Stay {
                        groups.still.insert(variable);
                    }
                    continue;
                }
                layers.insert(layer_of(&variable).to_owned());
                parameters +=
                    model.variables().get(&variable).map_or(0, |variable| variable.elem_count() as u64);
                if factor != Some(1.0) {
                    groups.factors.insert(variable, factor);
                }
            }
            groups.parts.push(Group { part: name, layers: layers.len(), parameters, factor });
        }
        Ok(groups)
    }

    /// The parts in the order of the forward pass; none if the network doesn't tell them apart.
    pub fn parts(&self) -> &[Group] {
        &self.parts
    }

    /// Whether everything trains at the schedule's rate.
    pub fn is_plain(&self) -> bool {
        self.factors.is_empty()
    }

    /// The share of the schedule's learning rate that the variable called `name` has; `None` if it does not
    /// train.
    pub fn factor(&self, name: &str) -> Option<f64> {
        self.factors.get(name).copied().unwrap_or(Some(1.0))
    }

    /// The variables that do not train.
    pub fn frozen(&self) -> impl Iterator<Item = &str> {
        self.factors.iter().filter(|(_, factor)| factor.is_none()).map(|(name, _)| name.as_str())
    }

    /// Whether the variable called `name` is a running statistic that training moves.
    pub(crate) fn moves(&self, name: &str) -> bool {
        is_running_statistic(name) && !self.still.contains(name)
    }
}

/// The number of parts, counted from the first, that `stages.freeze_until` freezes; 0 if the recipe leaves it
/// out. The last part cannot be frozen: it is new where a network is fine-tuned.
///
/// ```
/// let mut recipe = resnet_record::Recipe::built_in("fine-tune").expect("a built-in recipe");
/// let parts = ["stem", "stage1", "stage2", "head"].map(str::to_owned);
/// assert_eq!(resnet_train::frozen_parts(&recipe, &parts)?, 0);
/// recipe.set("stages.freeze_until=stage1")?;
/// assert_eq!(resnet_train::frozen_parts(&recipe, &parts)?, 2);
/// recipe.set("stages.freeze_until=stage7")?;
/// let error = resnet_train::frozen_parts(&recipe, &parts).unwrap_err().to_string();
/// assert_eq!(error, "resnet50 has no part 'stage7' to freeze up to; there are stem, stage1 and stage2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::UnknownPart`] if there is no such part.
pub fn frozen_parts(recipe: &Recipe, parts: &[String]) -> Result<usize, Error> {
    let Some(until) = &recipe.stages.freeze_until else { return Ok(0) };
    let can_freeze = parts.split_last().map_or(&[][..], |(_, before)| before);
    match can_freeze.iter().position(|part| part == until) {
        Some(last) => Ok(last + 1),
        None => Err(unknown(recipe, until, "to freeze up to", can_freeze)),
    }
}

/// The share of the learning rate of the part called `name`, which has `after` parts behind it.
fn factor(stages: &StagesRecipe, name: &str, after: usize) -> f64 {
    let decay = stages.lr_decay.powi(after as i32);
    stages.lr_factors.get(name).copied().unwrap_or(decay)
}

fn unknown(recipe: &Recipe, part: &str, purpose: &'static str, names: &[String]) -> Error {
    let (model, part) = (recipe.model.name.clone(), part.to_owned());
    Error::UnknownPart { model, part, purpose, names: names.to_vec() }
}
