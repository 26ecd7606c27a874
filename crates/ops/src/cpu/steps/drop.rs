//! Dropout of single elements, figure 2(f), and of whole images: stochastic depth (arXiv 1603.09382).
//!
//! What is dropped is a function of the training step's number and the image's place in the batch. So neither
//! a mask nor keys are kept: the backward pass draws again with the number of the forward pass. In evaluation
//! nothing is drawn and nothing changes.

use std::sync::Arc;

use candle_core::Result;
use resnet_kernels::simd::Isa;
use resnet_kernels::{Buffer, dropout};

use super::Execute;
use crate::cpu::backward::Backward;
use crate::cpu::forward::Forward;
use crate::mode::Mode;
use crate::part;
use crate::plan::step::{DropStep, Dropped, Step};

impl Execute for DropStep {
    fn forward(&self, step: &Step, run: &mut Forward) -> Result<()> {
        let x = run.read(step.inputs[0]);
        if run.mode == Mode::Eval {
            run.share(step.output, x);
            return Ok(());
        }
        let number = run.draw(step.output).unwrap_or_else(|| self.draws.next_step());
        let mut y = run.buffer(step.output);
        self.apply(run.isa, (number, run.images(step.output)), &x, &mut y);
        run.write_draw(step.output, Some(number));
        run.write(step.output, y);
        Ok(())
    }

    fn backward(&self, step: &Step, run: &mut Backward) -> Result<()> {
        let Some(dy) = run.take(step.output) else { return Ok(()) };
        let dx = match run.draw(step.output) {
            None => dy,
            Some(number) => {
                let mut dx = run.buffer(step.inputs[0]);
                self.apply(run.isa, (number, run.images(step.output)), &dy, &mut dx);
                Arc::new(dx)
            }
        };
        run.give(step.inputs[0], dx);
        Ok(())
    }
}

impl DropStep {
    /// Writes what training step `number` leaves of `x` to `out`. The gradient is the same function of `dy`.
    fn apply(&self, isa: Isa, (number, images): (u64, usize), x: &[f32], out: &mut Buffer) {
        let first = part::first_image();
        match self.what {
            Dropped::Elements => {
                let keys: Vec<u64> =
                    (first..first + images).map(|image| self.draws.bits(number, image)).collect();
                dropout::dropout(isa, &keys, self.keep, x, out);
            }
            Dropped::Images => {
                let image_len = (x.len() / images.max(1)).max(1);
                let pairs = x.chunks_exact(image_len).zip(out.chunks_exact_mut(image_len));
                for (image, (x, out)) in pairs.enumerate() {
                    let stays = self.draws.uniform(number, first + image) < self.keep;
                    let factor = if stays { (1.0 / self.keep) as f32 } else { 0.0 };
                    out.iter_mut().zip(x).for_each(|(out, x)| *out = x * factor);
                }
            }
        }
    }
}
