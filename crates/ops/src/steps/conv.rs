//! Convolution: `y = conv(x, weight) + bias + residual`; a linear layer is the 1x1 case on one pixel.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::conv::{
    self, Algorithm, ConvInput, ConvShape, Epilogue, GradientEpilogue, GradientTarget, PackedFilters,
    Statistics,
};
use resnet_kernels::norm::{self, Activation, Moments};
use resnet_kernels::{Buffer, Isa, elementwise};

use super::Run;
use crate::Mode;
use crate::graph::{Backward, Deferred, Forward, Loadable, NormState, Param, Value};

/// A recorded convolution.
#[derive(Debug, Clone)]
pub(crate) struct Conv {
    pub(crate) name: String,
    /// `conv 3x3`, `linear`, ...
    pub(crate) kind: String,
    pub(crate) x: Value,
    pub(crate) y: Value,
    pub(crate) weight: Param,
    pub(crate) bias: Option<Param>,
    /// The other operand of an addition that was folded into the store.
    pub(crate) residual: Option<Value>,
    /// What follows in the store; only inference folds one.
    pub(crate) activation: Activation,
    pub(crate) shape: ConvShape,
}

impl Run for Conv {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> String {
        let mut kind = self.kind.clone();
        if self.residual.is_some() {
            kind.push_str(" + residual");
        }
        if self.activation == Activation::Relu {
            kind.push_str(" + relu");
        }
        kind
    }

    fn inputs(&self) -> Vec<Value> {
        [self.x].into_iter().chain(self.residual).collect()
    }

    fn output(&self) -> Value {
        self.y
    }

    fn params(&self) -> Vec<Param> {
        [self.weight].into_iter().chain(self.bias).collect()
    }

    fn kept(&self) -> Vec<Value> {
        vec![self.x]
    }

    fn multiply_adds(&self) -> u64 {
        self.shape.multiply_adds_per_image()
    }

    fn forward(&self, run: &mut Forward) -> Result<()> {
        let x = run.load(self.x);
        let residual = self.residual.map(|residual| run.read(residual));
        let mut y = run.buffer(self.y);
        let filters = run
            .ready_filters(self.y)
            .unwrap_or_else(|| Arc::new(self.pack_filters(run.isa, run.param(self.weight))));
        let bias = self.bias.map(|bias| run.param(bias));
        let statistics = run.statistics(self.y);
        let moments = self.compute(run.isa, &x, &filters, bias, residual.as_deref(), statistics, &mut y);
        run.write_moments(self.y, moments);
        run.write(self.y, y);
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(self.y) else { return Ok(()) };
        let algorithm = Algorithm::choose(run.isa, &self.shape);
        if let Some(residual) = self.residual.filter(|residual| run.wants(*residual)) {
            run.give(residual, dy.clone());
        }
        if let Some(bias) = self.bias.filter(|bias| run.wants_param(*bias)) {
            // The sum over pixels is their mean times their number.
            let pixels = (dy.len() / self.shape.out_channels) as f32;
            let mean = norm::moments(run.isa, &dy, self.shape.out_channels).mean;
            run.param_gradient(bias).iter_mut().zip(mean).for_each(|(to, mean)| *to += mean * pixels);
        }
        if !run.wants_param(self.weight) {
            if run.wants(self.x) {
                self.give_input_grad(run, &dy);
            }
            return Ok(());
        }
        let mut dw = Buffer::unspecified(self.shape.weight_len());
        if run.wants(self.x) && algorithm == Algorithm::Pointwise && self.shape.stride == 1 {
            self.give_both(run, &dy, &mut dw);
        } else {
            let x = run.load(self.x);
            conv::weight_grad(
                algorithm,
                run.isa,
                &self.shape,
                ConvInput { x: &x.buffer, prologue: x.prologue() },
                &dy,
                &mut dw,
            );
            if run.wants(self.x) {
                self.give_input_grad(run, &dy);
            }
        }
        elementwise::add_assign(run.param_gradient(self.weight), &dw);
        Ok(())
    }
}

impl Conv {
    /// The output once more, in the backward pass.
    pub(crate) fn recompute(&self, run: &mut Backward) -> Buffer {
        let x = run.load(self.x);
        let residual = self.residual.map(|residual| run.read(residual));
        let mut y = run.buffer(self.y);
        let filters = self.pack_filters(run.isa, run.param(self.weight));
        let bias = self.bias.map(|bias| run.param(bias));
        self.compute(run.isa, &x, &filters, bias, residual.as_deref(), Statistics::Skip, &mut y);
        y
    }

    fn pack_filters(&self, isa: Isa, weight: &[f32]) -> PackedFilters {
        PackedFilters::new(Algorithm::choose(isa, &self.shape), isa, &self.shape, weight)
    }

    /// The output with all that is fused into it.
    #[allow(clippy::too_many_arguments)] // what a convolution is made of
    fn compute(
        &self,
        isa: Isa,
        x: &Loadable,
        filters: &PackedFilters,
        bias: Option<&[f32]>,
        residual: Option<&Buffer>,
        statistics: Statistics,
        y: &mut [f32],
    ) -> Option<Moments> {
        let residual = residual.map(|residual| &residual[..]);
        let epilogue = Epilogue { bias, residual, activation: self.activation, statistics };
        conv::forward(
            isa,
            &self.shape,
            ConvInput { x: &x.buffer, prologue: x.prologue() },
            filters,
            epilogue,
            y,
        )
    }

    /// The norm whose output this convolution reads without its being written, if nobody else reads it: its
    /// backward sums can be gathered here.
    fn norm_before(&self, run: &Backward, x: &Loadable) -> Option<Arc<NormState>> {
        x.state.clone().filter(|_| run.mode == Mode::Train && run.is_only_reader(self.x))
    }

    fn give_input_grad(&self, run: &mut Backward, dy: &[f32]) {
        let algorithm = Algorithm::choose(run.isa, &self.shape);
        let mut dx = run.buffer(self.x);
        let x = run.load(self.x);
        let norm = self.norm_before(run, &x);
        let epilogue = match &norm {
            Some(norm) => {
                GradientEpilogue::NormSums { x: &x.buffer, mean: &norm.moments.mean, map: &norm.map }
            }
            None => GradientEpilogue::None,
        };
        let weight = run.param(self.weight);
        let sums = conv::input_grad(algorithm, run.isa, &self.shape, dy, weight, epilogue, &mut dx);
        run.give_sums(self.x, sums);
        run.give(self.x, Arc::new(dx));
    }

    /// Both gradients of a 1x1 convolution in one pass. That of an input wider than the output isn't written
    /// but left to the norm before.
    fn give_both(&self, run: &mut Backward, dy: &Arc<Buffer>, dw: &mut [f32]) {
        let x = run.load(self.x);
        let norm = self.norm_before(run, &x);
        let is_deferred = norm.is_some() && self.shape.in_channels > self.shape.out_channels;
        let mut dx = (!is_deferred).then(|| run.buffer(self.x));
        let target = match (&norm, &mut dx) {
            (Some(norm), Some(dx)) => GradientTarget::StoreAndSum { mean: &norm.moments.mean, dx },
            (Some(norm), None) => GradientTarget::Sum { mean: &norm.moments.mean },
            (None, dx) => GradientTarget::Store(dx.as_deref_mut().unwrap_or_default()),
        };
        let weight = run.param(self.weight);
        let prologue = x.prologue();
        let sums = conv::input_and_weight_grad(
            run.isa,
            &self.shape,
            ConvInput { x: &x.buffer, prologue },
            dy,
            weight,
            dw,
            target,
        );
        run.give_sums(self.x, sums);
        match dx {
            Some(dx) => run.give(self.x, Arc::new(dx)),
            None => run.defer(self.x, Deferred { shape: self.shape, weight: self.weight, dy: dy.clone() }),
        }
    }
}
