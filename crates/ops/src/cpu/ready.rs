//! What is prepared once for inference: packed filters, and the maps of the norms that are left.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::Isa;
use resnet_kernels::conv::{Algorithm, PackedFilters};

use super::lives::Lives;
use super::rooms::Rooms;
use super::slots::NormState;
use crate::executor::Keep;
use crate::plan::step::Op;
use crate::plan::value::Param;
use crate::plan::{FoldedParam, Plan};

/// A plan with the values of its parameters, for inference alone.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(super) plan: Plan,
    pub(super) lives: Lives,
    /// The parameters that are still read as they are; the others are empty.
    pub(super) params: Arc<[Vec<f32>]>,
    pub(super) steps: PreparedSteps,
}

/// What is prepared for steps, by the number of the value that a step sets.
#[derive(Debug)]
pub(super) struct PreparedSteps {
    pub(super) filters: Vec<Option<Arc<PackedFilters>>>,
    pub(super) norms: Vec<Option<Arc<NormState>>>,
    pub(super) rooms: Rooms,
}

impl Ready {
    pub(super) fn new(isa: Isa, plan: Plan, folded: &[FoldedParam]) -> Result<Self> {
        let values = plan.shapes.len();
        let lives = Lives::of(&plan, Keep::Nothing);
        let rooms = Rooms::of(&plan, &lives);
        let mut prepared = PreparedSteps { filters: vec![None; values], norms: vec![None; values], rooms };
        let mut params = vec![vec![]; folded.len()];
        for step in &plan.steps {
            let value = step.output.0;
            let read: &[Param] = match &step.op {
                Op::Conv(conv) => {
                    let algorithm = Algorithm::choose(isa, &conv.shape);
                    let weight = folded[step.params[0].0].values()?;
                    let filters = PackedFilters::new(algorithm, isa, &conv.shape, &weight);
                    prepared.filters[value] = Some(Arc::new(filters));
                    &step.params[1..]
                }
                Op::BatchNorm(norm) => {
                    let [gamma, beta] = [0, 1].map(|index| folded[step.params[index].0].values());
                    let map = norm.running_map(&gamma?, &beta?)?;
                    let state =
                        NormState { moments: norm.running.moments()?, map, activation: norm.activation };
                    prepared.norms[value] = Some(Arc::new(state));
                    &[]
                }
                _ => &step.params,
            };
            for param in read {
                params[param.0] = folded[param.0].values()?;
            }
        }
        Ok(Ready { plan, lives, params: params.into(), steps: prepared })
    }

    pub(super) fn like(plan: Plan, other: &Ready) -> Self {
        assert_eq!(plan.steps.len(), other.plan.steps.len(), "plans of other layers");
        let lives = Lives::of(&plan, Keep::Nothing);
        let PreparedSteps { filters, norms, .. } = &other.steps;
        let rooms = Rooms::of(&plan, &lives);
        let steps = PreparedSteps { filters: filters.clone(), norms: norms.clone(), rooms };
        Ready { plan, lives, params: other.params.clone(), steps }
    }

    /// The plan that is run.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }
}
