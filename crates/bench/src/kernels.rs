//! Every convolution of a network, pass by pass, beside the peak of the machine.
//!
//! GFLOP/s count the multiply-adds of the definition, so that Winograd's algorithm, which does fewer, may
//! exceed the peak. GB/s count input, output and weights once each; data that are still in the caches from
//! the repetition before may exceed the peak too.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use resnet_kernels::conv::{
    self, Algorithm, ConvInput, ConvShape, Epilogue, GradientEpilogue, PackedFilters, Prologue,
};
use resnet_kernels::{Buffer, Isa, parallel, probe};
use resnet_models::summary;
use serde::Serialize;

use crate::statistics::Spread;
use crate::subject::{Subject, Work};

/// How long a pass is repeated for one measurement.
const REPEAT: Duration = Duration::from_millis(20);
/// How long multiply-adds are counted.
const PROBE: Duration = Duration::from_millis(200);
/// Copies, of which the fastest counts.
const COPIES: usize = 8;

/// The peak of the machine.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Ceilings {
    /// GFLOP/s of multiply-adds in registers on one thread.
    pub fma_gflops_one_thread: f64,
    /// The same on all threads.
    pub fma_gflops: f64,
    /// GB/s of copying, of the fastest copy.
    pub copy_gbytes_per_second: f64,
}

/// A network's convolutions, measured.
#[derive(Debug, Clone, Serialize)]
pub struct Network {
    /// Its name.
    pub model: String,
    /// Images per step.
    pub batch: usize,
    /// Each geometry once, in order.
    pub layers: Vec<Layer>,
}

/// Convolutions of one geometry.
#[derive(Debug, Clone, Serialize)]
pub struct Layer {
    /// Channels, height and width of the input.
    pub input: [usize; 3],
    /// Channels of the output.
    pub outputs: usize,
    /// Height and width of the filters.
    pub kernel: usize,
    /// The stride, in pixels.
    pub stride: usize,
    /// How many of them the network has.
    pub count: usize,
    /// The algorithm of the library's choice.
    pub algorithm: &'static str,
    /// The forward pass.
    pub output: Pass,
    /// The gradient of the input.
    pub input_gradient: Pass,
    /// The gradient of the filters.
    pub weight_gradient: Pass,
}

/// One pass of a convolution.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Pass {
    /// Milliseconds for the whole batch.
    pub ms: f64,
    /// GFLOP/s, as the definition counts them.
    pub gflops: f64,
    /// GB/s of input, output and weights.
    pub gbytes_per_second: f64,
}

/// The convolutions of a network that are to be measured.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The network's name.
    pub model: String,
    /// Images per step.
    pub batch: usize,
    /// Each geometry once, in order, and how often it is there.
    shapes: Vec<(ConvShape, usize)>,
}

impl Workload {
    /// The convolutions of the network called `model`; the batch is as for
    /// [`Subject::new`](crate::Subject::new).
    ///
    /// # Errors
    /// If there is no such network.
    pub fn new(model: &str, batch: Option<NonZeroUsize>) -> anyhow::Result<Self> {
        let subject = Subject::new(Work::Train, model, batch, 1)?;
        let shapes = distinct(summary::convolutions(&subject.spec, subject.batch)?);
        Ok(Workload { model: subject.spec.name, batch: subject.batch, shapes })
    }

    /// How many geometries there are.
    pub fn layers(&self) -> usize {
        self.shapes.len()
    }

    /// Measures each pass of each geometry `times` times and takes the median. `progress` is called after
    /// each geometry with how many are done.
    pub fn measure(self, times: usize, mut progress: impl FnMut(usize)) -> Network {
        let mut layers = vec![];
        for (shape, count) in &self.shapes {
            layers.push(measure(shape, *count, times));
            progress(layers.len());
        }
        Network { model: self.model, batch: self.batch, layers }
    }
}

/// Each geometry once, in order, and how often it is there.
fn distinct(shapes: Vec<ConvShape>) -> Vec<(ConvShape, usize)> {
    let mut found: Vec<(ConvShape, usize)> = vec![];
    for shape in shapes {
        match found.iter_mut().find(|(other, _)| *other == shape) {
            Some((_, count)) => *count += 1,
            None => found.push((shape, 1)),
        }
    }
    found
}

impl Ceilings {
    /// Measures them; `threads` is how many the kernels use already.
    pub fn measure(threads: usize) -> Self {
        let fma = || probe::fma_gflops(Isa::best(), PROBE);
        let fma_gflops = fma();
        Ceilings {
            fma_gflops_one_thread: if threads == 1 { fma_gflops } else { parallel::with_threads(1, fma) },
            fma_gflops,
            copy_gbytes_per_second: probe::copy_gbytes_per_second(COPIES),
        }
    }
}

/// The median of `times` measurements of each pass.
fn measure(shape: &ConvShape, count: usize, times: usize) -> Layer {
    let isa = Isa::best();
    let algorithm = Algorithm::choose(isa, shape);
    let (mut x, mut y) = (Buffer::zeroed(shape.input_len()), Buffer::zeroed(shape.output_len()));
    let mut weight = Buffer::zeroed(shape.weight_len());
    for floats in [&mut x[..], &mut weight[..]] {
        floats.iter_mut().enumerate().for_each(|(i, float)| *float = (i * 7919 % 1000) as f32 * 1e-3 - 0.5);
    }
    // As networks run them: all but the first normalise and rectify what they load.
    let (scale, shift) = (vec![1.0; shape.in_channels], vec![0.1; shape.in_channels]);
    let prologue = match shape.in_channels {
        1..=3 => Prologue::None,
        _ => Prologue::NormRelu { scale: &scale, shift: &shift },
    };
    let pass = |seconds: f64| Pass {
        ms: 1e3 * seconds,
        gflops: 2e-9 * (shape.multiply_adds_per_image() * shape.images as u64) as f64 / seconds,
        gbytes_per_second: 4e-9 * (shape.input_len() + shape.output_len() + shape.weight_len()) as f64
            / seconds,
    };
    let output = seconds(times, || {
        // Packed anew each time, as in training, whose weights change with every step.
        let filters = PackedFilters::new(algorithm, isa, shape, &weight);
        conv::forward(isa, shape, ConvInput { x: &x, prologue }, &filters, Epilogue::default(), &mut y);
    });
    // The output `y` stands for its own gradient. The input's gradient comes last, since it overwrites `x`.
    let mut dw = Buffer::zeroed(shape.weight_len());
    let weight_gradient = seconds(times, || {
        conv::weight_grad(algorithm, isa, shape, ConvInput { x: &x, prologue }, &y, &mut dw);
    });
    let input_gradient = seconds(times, || {
        conv::input_grad(algorithm, isa, shape, &y, &weight, GradientEpilogue::None, &mut x);
    });
    Layer {
        input: [shape.in_channels, shape.in_h, shape.in_w],
        outputs: shape.out_channels,
        kernel: shape.kernel,
        stride: shape.stride,
        count,
        algorithm: match algorithm {
            Algorithm::Winograd => "winograd",
            Algorithm::Pointwise => "pointwise",
            Algorithm::Direct => "direct",
        },
        output: pass(output),
        input_gradient: pass(input_gradient),
        weight_gradient: pass(weight_gradient),
    }
}

/// The seconds that `work` takes: the median of `times` measurements, after one call to warm up.
fn seconds(times: usize, mut work: impl FnMut()) -> f64 {
    work();
    let measurement = |_| {
        let start = Instant::now();
        let mut calls = 0;
        while calls == 0 || start.elapsed() < REPEAT {
            work();
            calls += 1;
        }
        start.elapsed().as_secs_f64() / f64::from(calls)
    };
    Spread::of((0..times).map(measurement)).median
}

impl Network {
    /// Images per second, if a training step were its convolutions alone. The first one's input gradient,
    /// that of the images, is not counted: no step computes it.
    pub fn images_per_second(&self) -> f64 {
        let of_layer = |layer: &Layer| {
            let passes = [layer.output, layer.input_gradient, layer.weight_gradient];
            layer.count as f64 * passes.iter().map(|pass| pass.ms).sum::<f64>()
        };
        let of_images = self.layers.first().map_or(0.0, |first| first.input_gradient.ms);
        1e3 * self.batch as f64 / (self.layers.iter().map(of_layer).sum::<f64>() - of_images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_all_passes_but_the_gradient_of_the_images() {
        let pass = |ms| Pass { ms, gflops: 1.0, gbytes_per_second: 1.0 };
        let layer = |count, ms: f64| Layer {
            input: [3, 8, 8],
            outputs: 8,
            kernel: 3,
            stride: 1,
            count,
            algorithm: "direct",
            output: pass(ms),
            input_gradient: pass(2.0 * ms),
            weight_gradient: pass(ms),
        };
        let network = Network { model: String::new(), batch: 7, layers: vec![layer(1, 5.0), layer(3, 10.0)] };
        // 10 ms for the first, 120 for the others.
        assert!((network.images_per_second() - 7e3 / 130.0).abs() < 1e-9, "{}", network.images_per_second());
    }

    #[test]
    fn every_convolution_is_counted() {
        let work = Workload::new("resnet20-v2", NonZeroUsize::new(2)).unwrap();
        let shapes = &work.shapes;
        // The stem; six, five and five of one width; two that change it. Option A's shortcuts are none.
        assert_eq!(shapes.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [1, 6, 1, 5, 1, 5]);
        let multiply_adds: u64 =
            shapes.iter().map(|(shape, count)| *count as u64 * shape.multiply_adds_per_image()).sum();
        let spec = Subject::new(Work::Train, "resnet20-v2", None, 1).unwrap().spec;
        assert_eq!(multiply_adds + 640, summary::of(&spec).unwrap().multiply_adds);
    }
}
