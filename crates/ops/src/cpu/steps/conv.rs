//! Convolution: `y = conv(x, weight) + bias + residual`; a linear layer is the 1x1 case on one pixel.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::conv::{
    self, Algorithm, ConvInput, Epilogue, GradientEpilogue, GradientTarget, OutputGradient, PackedFilters,
    Statistics,
};
use resnet_kernels::norm::{self, Moments};
use resnet_kernels::{Buffer, Isa};

use super::Execute;
use crate::cpu::backward::{Backward, Deferred};
use crate::cpu::forward::Forward;
use crate::cpu::slots::{Loadable, NormState};
use crate::mode::Mode;
use crate::plan::Value;
use crate::plan::step::{ConvStep, Step};
use crate::plan::value::Param;

impl Execute for ConvStep {
    fn forward(&self, step: &Step, run: &mut Forward) -> Result<()> {
        let Operands { x, residual, weight, bias, y: output } = Operands::of(step);
        let x = run.load(x);
        let replaced = residual.and_then(|residual| run.buffer_to_replace(residual, output));
        let beside = residual.filter(|_| replaced.is_none()).map(|residual| run.read(residual));
        let residual = match (&replaced, &beside) {
            (Some(_), _) => conv::Residual::InPlace,
            (None, Some(beside)) => conv::Residual::Tensor(beside),
            (None, None) => conv::Residual::None,
        };
        let mut y = replaced.unwrap_or_else(|| run.buffer(output));
        let filters = run
            .prepared_filters(output)
            .unwrap_or_else(|| Arc::new(self.pack_filters(run.isa, run.param(weight))));
        let bias = bias.map(|bias| run.param(bias));
        let statistics = run.statistics(output);
        let moments = self.compute(run.isa, &x, &filters, bias, residual, statistics, &mut y);
        run.write_moments(output, moments);
        run.write(output, y);
        Ok(())
    }

    fn backward(&self, step: &Step, run: &mut Backward) -> Result<()> {
        let Operands { x: input, residual, weight, bias, y } = Operands::of(step);
        let algorithm = Algorithm::choose(run.isa, &self.shape);
        let takes_both = run.wants(input)
            && run.wants_param(weight)
            && (algorithm, self.shape.stride) == (Algorithm::Pointwise, 1);
        if takes_both
            && bias.is_none()
            && let Some((through, accumulate, mut dy)) = run.take_through(y)
        {
            let by = through.by(run.params(), accumulate);
            let dx = self.both(run, (input, weight), OutputGradient::Through(by, &mut dy));
            let dy = Arc::new(dy);
            self.give_or_defer(run, (input, weight), dx, &dy);
            if let Some(residual) = residual.filter(|residual| run.wants(*residual)) {
                run.give(residual, dy);
            }
            return Ok(());
        }
        let Some(dy) = run.take(y) else { return Ok(()) };
        if let Some(residual) = residual.filter(|residual| run.wants(*residual)) {
            run.give(residual, dy.clone());
        }
        if let Some(bias) = bias.filter(|bias| run.wants_param(*bias) && !dy.is_empty()) {
            // The sum over pixels is their mean times their number.
            let pixels = (dy.len() / self.shape.out_channels) as f32;
            let mean = norm::moments(run.isa, &dy, self.shape.out_channels).mean;
            run.param_gradient(bias).iter_mut().zip(mean).for_each(|(to, mean)| *to += mean * pixels);
        }
        if !run.wants_param(weight) {
            if run.wants(input) {
                self.give_input_grad(run, input, weight, &dy);
            }
            return Ok(());
        }
        if takes_both {
            let dx = self.both(run, (input, weight), OutputGradient::There(&dy));
            self.give_or_defer(run, (input, weight), dx, &dy);
            return Ok(());
        }
        let mut dw = vec![0.0; self.shape.weight_len()];
        let x = run.load(input);
        conv::weight_grad(algorithm, run.isa, &self.shape, input_of(&x), &dy, &mut dw);
        if run.wants(input) {
            self.give_input_grad(run, input, weight, &dy);
        }
        run.give_param(weight, dw);
        Ok(())
    }
}

/// A convolution's values and parameters by name.
struct Operands {
    x: Value,
    residual: Option<Value>,
    weight: Param,
    bias: Option<Param>,
    y: Value,
}

impl Operands {
    fn of(step: &Step) -> Self {
        Operands {
            x: step.inputs[0],
            residual: step.inputs.get(1).copied(),
            weight: step.params[0],
            bias: step.params.get(1).copied(),
            y: step.output,
        }
    }
}

/// What a convolution reads, with the norm that is applied while it is read.
fn input_of(x: &Loadable) -> ConvInput<'_> {
    ConvInput { x: &x.buffer, prologue: x.prologue() }
}

impl ConvStep {
    fn pack_filters(&self, isa: Isa, weight: &[f32]) -> PackedFilters {
        PackedFilters::new(Algorithm::choose(isa, &self.shape), isa, &self.shape, weight)
    }

    /// Writes the output, with everything that is fused into it, to `y`; returns the moments of `y` if
    /// `statistics` asks for them.
    #[allow(clippy::too_many_arguments)] // what a convolution is made of
    fn compute(
        &self,
        isa: Isa,
        x: &Loadable,
        filters: &PackedFilters,
        bias: Option<&[f32]>,
        residual: conv::Residual,
        statistics: Statistics,
        y: &mut [f32],
    ) -> Option<Moments> {
        let epilogue = Epilogue { bias, residual, activation: self.activation, statistics };
        conv::forward(isa, &self.shape, input_of(x), filters, epilogue, y)
    }

    /// The norm that this convolution applies while it loads its input, if no other step reads that input:
    /// the norm's backward sums can then be gathered here.
    fn norm_before(run: &Backward, input: Value, x: &Loadable) -> Option<Arc<NormState>> {
        x.state.clone().filter(|_| run.mode == Mode::Train && run.is_only_reader(input))
    }

    fn give_input_grad(&self, run: &mut Backward, input: Value, weight: Param, dy: &[f32]) {
        let algorithm = Algorithm::choose(run.isa, &self.shape);
        let mut dx = run.buffer(input);
        let x = run.load(input);
        let norm = Self::norm_before(run, input, &x);
        let epilogue = match &norm {
            Some(norm) => {
                GradientEpilogue::NormSums { x: &x.buffer, mean: &norm.moments.mean, map: &norm.map }
            }
            None => GradientEpilogue::None,
        };
        let filters = run.param(weight);
        let sums = conv::input_grad(algorithm, run.isa, &self.shape, dy, filters, epilogue, &mut dx);
        run.give_sums(input, sums);
        run.give(input, Arc::new(dx));
    }

    /// Computes both gradients of a 1x1 convolution in one pass and returns that of the input. It is `None`
    /// where a norm is applied to an input with more channels than the output: then only the norm's sums are
    /// computed.
    fn both(
        &self,
        run: &mut Backward,
        (input, weight): (Value, Param),
        dy: OutputGradient,
    ) -> Option<Buffer> {
        let mut dw = vec![0.0; self.shape.weight_len()];
        let x = run.load(input);
        let norm = Self::norm_before(run, input, &x);
        let is_deferred = norm.is_some() && self.shape.in_channels > self.shape.out_channels;
        let mut dx = (!is_deferred).then(|| run.buffer(input));
        let target = match (&norm, &mut dx) {
            (Some(norm), Some(dx)) => GradientTarget::StoreAndSum { mean: &norm.moments.mean, dx },
            (Some(norm), None) => GradientTarget::Sum { mean: &norm.moments.mean },
            (None, dx) => GradientTarget::Store(dx.as_deref_mut().unwrap_or_default()),
        };
        let filters = run.param(weight);
        let x = input_of(&x);
        let sums = conv::input_and_weight_grad(run.isa, &self.shape, x, dy, filters, &mut dw, target);
        run.give_sums(input, sums);
        run.give_param(weight, dw);
        dx
    }

    /// Gives the input its gradient, or leaves it to the norm before.
    fn give_or_defer(
        &self,
        run: &mut Backward,
        (input, weight): (Value, Param),
        dx: Option<Buffer>,
        dy: &Arc<Buffer>,
    ) {
        match dx {
            Some(dx) => run.give(input, Arc::new(dx)),
            None => run.defer(input, Deferred { shape: self.shape, weight, dy: dy.clone() }),
        }
    }
}
