//! Every convolution of a network, pass by pass, beside what the machine can do at most.
//!
//! GFLOP/s count the multiply-adds of the definition, so that Winograd's algorithm, which does fewer, may
//! pass the ceiling. GB/s count input, output and weights once each; what is still in the caches from the
//! repetition before may pass the ceiling too.

use std::time::{Duration, Instant};

use resnet_kernels::conv::{
    self, Algorithm, ConvInput, ConvShape, Epilogue, GradientEpilogue, PackedFilters, Prologue,
};
use resnet_kernels::{Buffer, Isa, parallel, probe};
use resnet_models::summary;
use serde::Serialize;

use crate::args::BenchArgs;
use crate::numbers;
use crate::output::{self, Format};
use crate::progress::{Meter, Show, Unit};
use crate::table::{Column, Table};

use super::ours::peak_memory;
use super::statistics::Spread;
use super::subject;

/// The networks whose layers are measured unless the command line names one.
const NETWORKS: [&str; 3] = ["resnet110-v2", "resnet164-v2", "resnet50"];
/// How long a pass is repeated for one measurement.
const REPEAT: Duration = Duration::from_millis(20);
/// How long multiply-adds are counted.
const PROBE: Duration = Duration::from_millis(200);
/// Copies, of which the fastest counts.
const COPIES: usize = 8;

#[derive(Serialize)]
struct Json<'a> {
    /// Its name and batch if it is one network; `networks` has those of several.
    model: Option<&'a str>,
    batch: Option<usize>,
    threads: usize,
    isa: &'a str,
    ours: OursJson,
    ceilings: Ceilings,
    networks: &'a [Network],
}

/// If a training step of the one network were its convolutions alone.
#[derive(Serialize)]
struct OursJson {
    images_per_second: Option<f64>,
    peak_memory_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Ceilings {
    fma_gflops_one_thread: f64,
    fma_gflops: f64,
    copy_gbytes_per_second: f64,
}

#[derive(Serialize)]
struct Network {
    model: String,
    batch: usize,
    layers: Vec<Layer>,
}

/// Convolutions of one geometry.
#[derive(Serialize)]
struct Layer {
    input: [usize; 3],
    outputs: usize,
    kernel: usize,
    stride: usize,
    /// How many of them the network has.
    count: usize,
    algorithm: &'static str,
    output: Pass,
    input_gradient: Pass,
    weight_gradient: Pass,
}

#[derive(Clone, Copy, Serialize)]
struct Pass {
    ms: f64,
    gflops: f64,
    gbytes_per_second: f64,
}

pub(super) fn run(args: &BenchArgs, threads: usize) -> anyhow::Result<()> {
    let names = args.model.as_deref().map_or(NETWORKS.to_vec(), |model| vec![model]);
    let mut work = vec![];
    for name in names {
        let spec = subject::find(name)?;
        let batch = args.batch.map_or_else(|| subject::default_batch(&spec), |batch| batch.get());
        work.push((spec.name.clone(), batch, distinct(summary::convolutions(&spec, batch)?)));
    }
    let ceilings = ceilings(threads);
    let all = work.iter().map(|(_, _, shapes)| shapes.len() as u64).sum();
    let mut meter = Meter::new(Unit::Layers, 0, all, Show::IfSlow);
    let mut done = 0;
    let mut networks = vec![];
    for (model, batch, shapes) in work {
        let mut layers = vec![];
        for (shape, count) in shapes {
            layers.push(measure(&shape, count, args.pairs.get()));
            done += 1;
            meter.update(done, |left| format!("{model} · {left}"));
        }
        networks.push(Network { model, batch, layers });
    }
    drop(meter);
    let only = if let [network] = &networks[..] { Some(network) } else { None };
    match args.format.get() {
        Format::Json => output::json(&Json {
            model: only.map(|network| &*network.model),
            batch: only.map(|network| network.batch),
            threads,
            isa: Isa::best().name(),
            ours: OursJson {
                images_per_second: only.map(Network::images_per_second),
                peak_memory_bytes: peak_memory(),
            },
            ceilings,
            networks: &networks,
        }),
        Format::Text => text(&ceilings, &networks, threads),
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

fn ceilings(threads: usize) -> Ceilings {
    let fma = || probe::fma_gflops(Isa::best(), PROBE);
    let fma_gflops = fma();
    Ceilings {
        fma_gflops_one_thread: if threads == 1 { fma_gflops } else { parallel::with_threads(1, fma) },
        fma_gflops,
        copy_gbytes_per_second: probe::copy_gbytes_per_second(COPIES),
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
    // Its own output stands for the gradient of it; the input's place takes the input's gradient last.
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
    /// If a training step were its convolutions alone.
    fn images_per_second(&self) -> f64 {
        let of_layer = |layer: &Layer| {
            let passes = [layer.output, layer.input_gradient, layer.weight_gradient];
            layer.count as f64 * passes.iter().map(|pass| pass.ms).sum::<f64>()
        };
        1e3 * self.batch as f64 / self.layers.iter().map(of_layer).sum::<f64>()
    }
}

fn text(ceilings: &Ceilings, networks: &[Network], threads: usize) -> anyhow::Result<()> {
    output::sentences(&format!(
        "{}: {:.0} GFLOP/s of multiply-adds on one thread, {:.0} on {threads}; {:.1} GB/s copying",
        Isa::best().name(),
        ceilings.fma_gflops_one_thread,
        ceilings.fma_gflops,
        ceilings.copy_gbytes_per_second
    ))?;
    for network in networks {
        output::line(&format!(
            "\n{}, batch {}: the convolutions of {} images a second\n",
            network.model,
            network.batch,
            numbers::speed(network.images_per_second())
        ))?;
        let mut table = Table::new([
            Column::text("convolution"),
            Column::number("number").optional(1),
            Column::text("algorithm").optional(2),
            Column::number("output GFLOP/s"),
            Column::number("GB/s").optional(3),
            Column::number("input gradient"),
            Column::number("GB/s").optional(3),
            Column::number("weight gradient"),
            Column::number("GB/s").optional(3),
        ]);
        network.layers.iter().for_each(|layer| table.add(row(layer)));
        output::print_table(&table)?;
    }
    Ok(())
}

fn row(layer: &Layer) -> Vec<String> {
    let Layer { input: [channels, height, width], outputs, kernel, stride, .. } = layer;
    let mut cells = vec![
        format!("{height}x{width} {channels} -> {outputs}, {kernel}x{kernel}/{stride}"),
        layer.count.to_string(),
        layer.algorithm.to_owned(),
    ];
    for pass in [layer.output, layer.input_gradient, layer.weight_gradient] {
        cells.extend([format!("{:.0}", pass.gflops), format!("{:.1}", pass.gbytes_per_second)]);
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_convolution_is_counted() {
        let spec = subject::find("resnet20-v2").unwrap();
        let shapes = distinct(summary::convolutions(&spec, 2).unwrap());
        // The stem; six, five and five of one width; two that change it. Option A's shortcuts are none.
        assert_eq!(shapes.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [1, 6, 1, 5, 1, 5]);
        let multiply_adds: u64 =
            shapes.iter().map(|(shape, count)| *count as u64 * shape.multiply_adds_per_image()).sum();
        assert_eq!(multiply_adds + 640, summary::of(&spec).unwrap().multiply_adds);
    }
}
