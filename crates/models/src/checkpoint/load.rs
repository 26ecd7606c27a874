//! Loading a checkpoint into a model: all values or none.

use candle_core::{Tensor, Var};
use resnet_blocks::Branch;

use super::report::{Report, Reshaped, strays};
use super::{Checkpoint, Error};
use crate::model::Model;

/// What may differ between a checkpoint and a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Parameters that the file lacks. If allowed, they stay as they are.
    pub missing: Rule,
    /// Tensors that the network lacks. If allowed, they are ignored.
    pub unexpected: Rule,
    /// Tensors of another shape. If allowed, the parameters stay as they are, as for a new head.
    pub reshaped: Rule,
    /// The last layer.
    pub head: HeadRule,
}

/// Whether the last layer is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadRule {
    /// It is loaded like every other layer.
    Load,
    /// It stays as it is, whatever the file has, because the classes are others.
    Keep,
}

/// Whether a difference is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// It is an error.
    Refuse,
    /// It is only reported.
    Allow,
}

impl Policy {
    /// Everything must fit.
    pub const STRICT: Policy = Policy {
        missing: Rule::Refuse,
        unexpected: Rule::Refuse,
        reshaped: Rule::Refuse,
        head: HeadRule::Load,
    };
    /// Everything but the head must fit, and the head keeps its initial weights, whatever head the file has:
    /// for fine-tuning on other classes.
    pub const NEW_HEAD: Policy = Policy { head: HeadRule::Keep, ..Policy::STRICT };
}

impl Rule {
    fn permits<T>(self, differences: &[T]) -> bool {
        self == Rule::Allow || differences.is_empty()
    }
}

impl Checkpoint {
    /// Loads this checkpoint's weights and running statistics into `model`. Numbers that are NaN or infinite
    /// are loaded and reported.
    ///
    /// # Errors
    /// If names or shapes differ where `policy` doesn't allow it; the model is then as it was.
    pub fn load_into(&self, model: &Model, policy: Policy) -> Result<Report, Error> {
        let mut report = self.compare(model);
        if policy.head == HeadRule::Keep {
            self.set_head_aside(model, &mut report);
        }
        let fits = policy.missing.permits(&report.missing)
            && policy.unexpected.permits(&report.unexpected)
            && policy.reshaped.permits(&report.reshaped);
        if !fits {
            return Err(Error::Mismatch { looks_like: self.other_network(model), report: Box::new(report) });
        }
        let failed = |cause| Error::Candle { path: self.path.clone(), cause };
        // Everything that can fail comes first; setting the variables cannot.
        let values = self.values(model, &report.kept_head).map_err(failed)?;
        for (variable, tensor) in values {
            variable.set(&tensor).map_err(failed)?;
        }
        Ok(report)
    }

    /// What [`Checkpoint::load_into`] would load and what it would not; nothing is changed.
    pub fn compare(&self, model: &Model) -> Report {
        let variables = model.variables();
        let missing: Vec<String> =
            variables.keys().filter(|name| !self.tensors.contains_key(*name)).cloned().collect();
        let mut unexpected = vec![];
        let mut reshaped = vec![];
        for (name, array) in &self.tensors {
            match variables.get(name) {
                None => unexpected.push(name.as_str()),
                Some(variable) if !same_shape(variable.dims(), &array.shape) => {
                    let (file, model) = (array.shape.clone(), variable.dims().to_vec());
                    reshaped.push(Reshaped { name: name.clone(), file, model });
                }
                Some(_) => {}
            }
        }
        Report {
            path: self.path.clone(),
            model: model.spec().name.clone(),
            naming: self.naming.clone(),
            matched: self.tensors.len() - unexpected.len() - reshaped.len(),
            unexpected: strays(unexpected, &missing, variables.keys().map(String::as_str)),
            missing,
            reshaped,
            kept_head: vec![],
            other_head: vec![],
            converted: self.converted.clone(),
            ignored: self.ignored,
            left_out: self.left_out.clone(),
            non_finite: self.non_finite.clone(),
        }
    }

    /// Removes the head's parameters from the lists of a comparison, and what the file has for a head: people
    /// and self-supervised methods put several layers there (`fc.1.weight` of a `Sequential`).
    fn set_head_aside(&self, model: &Model, report: &mut Report) {
        let heads = [&format!("{}.", model.spec().family().head()), "classifier."];
        let is_heads = |name: &str| heads.iter().any(|head| name.starts_with(head));
        let names = model.variables().keys().filter(|name| is_heads(name));
        report.kept_head = names.cloned().collect();
        let of_head = |name: &String| report.kept_head.contains(name);
        let there = report.kept_head.iter().filter(|name| self.tensors.contains_key(*name)).count();
        let reshaped = report.reshaped.iter().filter(|other| of_head(&other.name)).count();
        report.matched -= there - reshaped;
        report.missing.retain(|name| !of_head(name));
        report.reshaped.retain(|other| !of_head(&other.name));
        let strays = report.unexpected.extract_if(.., |stray| is_heads(&stray.name));
        report.other_head = strays.map(|stray| stray.name).collect();
    }

    /// The values of the tensors that fit, in their variables' shapes, without a head that is kept.
    fn values<'a>(
        &self,
        model: &'a Model,
        kept_head: &[String],
    ) -> candle_core::Result<Vec<(&'a Var, Tensor)>> {
        let variables = model.variables().iter().filter(|(name, _)| !kept_head.contains(name));
        let pairs = variables.filter_map(|(name, variable)| Some((variable, self.tensors.get(name)?)));
        let fitting = pairs.filter(|(variable, array)| same_shape(variable.dims(), &array.shape));
        let tensor = |(variable, array): (&'a Var, &super::Array)| {
            let tensor = Tensor::from_slice(&array.values, variable.dims(), variable.device())?;
            Ok((variable, tensor.to_dtype(variable.dtype())?))
        };
        fitting.map(tensor).collect()
    }

    /// The network that the names and shapes belong to, if it is not the model's.
    fn other_network(&self, model: &Model) -> Option<String> {
        let found = self.spec_of_names().ok()?;
        // What names and shapes do not show is assumed to be as in the model.
        let same = crate::Spec {
            name: model.spec().name.clone(),
            branch: match (found.branch, model.spec().branch) {
                (Branch::Bottleneck(_), own @ Branch::Bottleneck(_)) => own,
                (other, _) => other,
            },
            first_unit: model.spec().first_unit,
            head: model.spec().head,
            ..found.clone()
        };
        let classes = if found.classes == 1 { "class" } else { "classes" };
        (same != *model.spec()).then(|| format!("{} with {} {classes}", found.name, found.classes))
    }
}

/// Whether shapes are equal up to trailing ones: a matrix `[classes, features]` matches a 1x1 convolution
/// `[classes, features, 1, 1]`.
fn same_shape(a: &[usize], b: &[usize]) -> bool {
    let core = |shape: &[usize]| shape.iter().rposition(|&size| size != 1).map_or(0, |last| last + 1);
    a[..core(a)] == b[..core(b)]
}
