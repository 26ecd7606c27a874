//! Giving a model a checkpoint's values: all of them or none.

use candle_core::{Tensor, Var};

use super::report::{Report, Reshaped, strays};
use super::{Checkpoint, Error};
use crate::model::Model;

/// What may differ between a checkpoint and a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Parameters that the file lacks; allowed, they stay as they are.
    pub missing: Rule,
    /// Tensors that the network lacks; allowed, they are left out.
    pub unexpected: Rule,
    /// Tensors of another shape; allowed, the parameters stay as they are. So a network gets a new head.
    pub reshaped: Rule,
}

/// Whether a difference is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// It is.
    Refuse,
    /// It is only reported.
    Allow,
}

impl Policy {
    /// Everything must fit.
    pub const STRICT: Policy =
        Policy { missing: Rule::Refuse, unexpected: Rule::Refuse, reshaped: Rule::Refuse };
    /// Every name must fit; parameters of another shape, such as those of a head for other classes, stay as they are.
    pub const RESHAPED: Policy = Policy { reshaped: Rule::Allow, ..Policy::STRICT };
}

impl Rule {
    fn permits<T>(self, differences: &[T]) -> bool {
        self == Rule::Allow || differences.is_empty()
    }
}

impl Checkpoint {
    /// Gives `model` this checkpoint's weights and running statistics. Numbers that are NaN or infinite are loaded
    /// and reported.
    ///
    /// # Errors
    /// If names or shapes differ where `policy` doesn't allow it; the model is then as it was.
    pub fn load_into(&self, model: &Model, policy: Policy) -> Result<Report, Error> {
        let report = self.compare(model);
        let fits = policy.missing.permits(&report.missing)
            && policy.unexpected.permits(&report.unexpected)
            && policy.reshaped.permits(&report.reshaped);
        if !fits {
            return Err(Error::Mismatch { looks_like: self.other_network(model), report: Box::new(report) });
        }
        let failed = |cause| Error::Candle { path: self.path.clone(), cause };
        // What can fail comes first: after it, setting variables can't.
        let values = self.values(model).map_err(failed)?;
        for (variable, tensor) in values {
            variable.set(&tensor).map_err(failed)?;
        }
        Ok(report)
    }

    /// What [`Checkpoint::load_into`] would load and what not; nothing is changed.
    pub fn compare(&self, model: &Model) -> Report {
        let variables = model.variables();
        let missing: Vec<String> =
            variables.keys().filter(|name| !self.tensors.contains_key(*name)).cloned().collect();
        let mut unexpected = vec![];
        let mut reshaped = vec![];
        for (name, array) in &self.tensors {
            match variables.get(name) {
                None => unexpected.push(name.as_str()),
                Some(variable) if variable.dims() != array.shape => {
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
            converted: self.converted.clone(),
            ignored: self.ignored,
            non_finite: self.non_finite.clone(),
        }
    }

    /// The values of those tensors that fit, as their variables want them.
    fn values<'a>(&self, model: &'a Model) -> candle_core::Result<Vec<(&'a Var, Tensor)>> {
        let variables = model.variables().iter();
        let pairs = variables.filter_map(|(name, variable)| Some((variable, self.tensors.get(name)?)));
        let fitting = pairs.filter(|(variable, array)| variable.dims() == array.shape);
        let tensor = |(variable, array): (&'a Var, &super::Array)| {
            let tensor = Tensor::from_slice(&array.values, variable.dims(), variable.device())?;
            Ok((variable, tensor.to_dtype(variable.dtype())?))
        };
        fitting.map(tensor).collect()
    }

    /// What the file's names and shapes belong to, if it is not the model.
    fn other_network(&self, model: &Model) -> Option<String> {
        let found = self.spec_of_names().ok()?;
        let same = crate::Spec { name: model.spec().name.clone(), ..found.clone() };
        let classes = if found.classes == 1 { "class" } else { "classes" };
        (same != *model.spec()).then(|| format!("{} with {} {classes}", found.name, found.classes))
    }
}
