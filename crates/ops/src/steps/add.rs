//! The addition of equation (1), `y = h(x) + F(x)`, and the ReLU of figure 1(a) after it.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::elementwise;
use resnet_kernels::norm::{self, Activation};

use super::Run;
use crate::graph::{Backward, Forward, Value};

/// A recorded addition. Where `b` is a batch norm's output, normalising and adding are one pass.
#[derive(Debug, Clone)]
pub(crate) struct Add {
    pub(crate) a: Value,
    pub(crate) b: Value,
    pub(crate) y: Value,
    /// Whether f of equation (2) is ReLU instead of the identity.
    pub(crate) relu: bool,
}

impl Run for Add {
    fn kind(&self) -> String {
        if self.relu { "add + relu".to_owned() } else { "add".to_owned() }
    }

    fn inputs(&self) -> Vec<Value> {
        vec![self.a, self.b]
    }

    fn output(&self) -> Value {
        self.y
    }

    fn kept(&self) -> Vec<Value> {
        if self.relu { vec![self.y] } else { vec![] }
    }

    fn forward(&self, run: &mut Forward) -> Result<()> {
        let a = run.read(self.a);
        let mut y = run.buffer(self.y);
        match run.recipe(self.b) {
            Some((source, state)) if state.activation == Activation::Identity => {
                let source = run.read(source);
                let activation = if self.relu { Activation::Relu } else { Activation::Identity };
                norm::apply(run.isa, &source, &state.map, Some(&a), activation, &mut y);
            }
            _ => {
                elementwise::add(&a, &run.read(self.b), &mut y);
                if self.relu {
                    elementwise::relu_in_place(&mut y);
                }
            }
        }
        run.write(self.y, y);
        Ok(())
    }

    fn backward(&self, run: &mut Backward) -> Result<()> {
        let Some(mut dy) = run.take(self.y) else { return Ok(()) };
        if self.relu {
            let y = run.read(self.y);
            let mut masked = run.buffer(self.y);
            elementwise::relu_backward(&y, &dy, &mut masked);
            dy = Arc::new(masked);
        }
        for operand in [self.a, self.b] {
            if run.wants(operand) {
                run.give(operand, dy.clone());
            }
        }
        Ok(())
    }
}
