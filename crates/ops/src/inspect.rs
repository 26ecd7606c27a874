//! What each step of a plan puts out: where a network's values grow, or stop being numbers.

use candle_core::{Result, Tensor};

use crate::cpu::Cpu;
use crate::draws::Draws;
use crate::executor::Executor;
use crate::mode::Mode;
use crate::node;
use crate::parameters::Parameters;
use crate::plan::step::{Op, RunningStatistics, Step};
use crate::plan::{LayerInfo, Plan};

/// The largest magnitude among some numbers, and how many of them are not finite.
///
/// ```
/// use resnet_ops::Extremes;
/// let extremes = Extremes::of(&[1.0, -3.0, f32::NAN, f32::INFINITY]);
/// assert_eq!(extremes, Extremes { largest: 3.0, not_finite: 2 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extremes {
    /// The largest magnitude among the finite ones; 0 if none is finite.
    pub largest: f32,
    /// How many are NaN or infinite.
    pub not_finite: usize,
}

impl Extremes {
    /// The extremes of `values`.
    pub fn of(values: &[f32]) -> Extremes {
        let mut extremes = Extremes { largest: 0.0, not_finite: 0 };
        for value in values {
            match value.is_finite() {
                true => extremes.largest = extremes.largest.max(value.abs()),
                false => extremes.not_finite += 1,
            }
        }
        extremes
    }
}

/// A summary of the output of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOutput {
    /// The dotted name of its layer; for a step without parameters (an addition, a pool) that of the last
    /// step before it that has one.
    pub layer: String,
    /// What it does: `conv 3x3`, `batch norm + relu`, `add`, ...
    pub kind: String,
    /// The largest magnitude among its finite values; 0 if none is finite.
    pub largest: f32,
    /// How many of its values are NaN or infinite.
    pub not_finite: usize,
}

impl StepOutput {
    fn of(layer: &str, info: &LayerInfo, values: &[f32]) -> StepOutput {
        let Extremes { largest, not_finite } = Extremes::of(values);
        StepOutput { layer: layer.to_owned(), kind: info.kind.clone(), largest, not_finite }
    }
}

impl Plan {
    /// Runs the plan forward and looks at the output of every step, in order. Running statistics and the
    /// counters of dropout stay as they are, in `Mode::Train` too. Slower than [`Plan::run`], since nothing
    /// stays unwritten.
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_nn::VarBuilder;
    /// use resnet_ops::{Graph, Layer, Linear, Mode, Shape};
    ///
    /// # fn main() -> candle_core::Result<()> {
    /// let vb = VarBuilder::zeros(DType::F32, &Device::Cpu);
    /// let layer = Linear::new(4, 2, vb.pp("fc"))?;
    /// let x = Tensor::new(&[[1f32, 2.0, f32::NAN, 0.0]], &Device::Cpu)?;
    /// let mut graph = Graph::new();
    /// let input = graph.input(Shape::of(&x)?);
    /// let output = layer.trace(&mut graph, input)?;
    /// let outputs = graph.finish(output)?.inspect(&[&x], Mode::Eval)?;
    /// assert_eq!((outputs[0].layer.as_str(), outputs[0].not_finite), ("fc", 2));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn inspect(&self, inputs: &[&Tensor], mode: Mode) -> Result<Vec<StepOutput>> {
        node::check_inputs(self, inputs)?;
        self.params.iter().try_for_each(node::check)?;
        let params = node::parameters_to_use(self, mode)?;
        let params = Parameters::new(params)?;
        let inputs: Vec<Vec<f32>> =
            inputs.iter().map(|input| input.flatten_all()?.to_vec1()).collect::<Result<_>>()?;
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();

        let running = self.steps.iter().filter_map(running_statistics);
        let before: Vec<_> = running
            .flat_map(|running| [&running.mean, &running.var])
            .map(|var| Ok((var, var.as_tensor().copy()?)))
            .collect::<Result<_>>()?;
        let draws: Vec<_> = self.steps.iter().filter_map(draws).map(|draws| (draws, draws.steps())).collect();
        let (layers, mut seen, mut last) = (self.layers(), vec![], "");
        let mut look = |index: usize, values: &[f32]| {
            let info = &layers[index];
            if !info.name.is_empty() {
                last = &info.name;
            }
            seen.push(StepOutput::of(last, info, values));
        };
        let looked =
            params.with_values(|params| Cpu::default().each_output(self, &inputs, params, mode, &mut look));
        draws.into_iter().for_each(|(draws, steps)| draws.set_steps(steps));
        for (var, value) in before {
            var.set(&value)?;
        }
        looked.map(|()| seen)
    }
}

fn running_statistics(step: &Step) -> Option<&RunningStatistics> {
    match &step.op {
        Op::BatchNorm(norm) => Some(&norm.running),
        _ => None,
    }
}

fn draws(step: &Step) -> Option<&Draws> {
    match &step.op {
        Op::Drop(drop) => Some(&drop.draws),
        _ => None,
    }
}
