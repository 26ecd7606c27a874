//! `bench kernels`: every convolution of a network, pass by pass, beside the peak of the machine.

use resnet_bench::{Ceilings, Network, Workload, peak_memory};
use resnet_kernels::Isa;
use resnet_terminal::numbers;
use resnet_terminal::output::{self, Format};
use resnet_terminal::progress::{Meter, Show, Unit};
use serde::Serialize;

use super::Ours;
use crate::args::BenchArgs;

/// The networks whose layers are measured unless the command line names one.
const NETWORKS: [&str; 3] = ["resnet110-v2", "resnet164-v2", "resnet50"];

#[derive(Serialize)]
struct Json<'a> {
    /// Its name and batch if it is one network; `networks` has those of several.
    model: Option<&'a str>,
    batch: Option<usize>,
    threads: usize,
    isa: &'a str,
    ours: Ours,
    /// Nobody is compared with.
    peer: Option<()>,
    ratio: Option<f64>,
    ceilings: Ceilings,
    networks: &'a [Network],
}

pub(super) fn run(args: &BenchArgs, threads: usize) -> anyhow::Result<()> {
    let names = args.model.as_deref().map_or(NETWORKS.to_vec(), |model| vec![model]);
    let work = names.into_iter().map(|name| Workload::new(name, args.batch));
    let work = work.collect::<anyhow::Result<Vec<_>>>()?;
    let ceilings = Ceilings::measure(threads);
    let all = work.iter().map(Workload::layers).sum::<usize>() as u64;
    let mut meter = Meter::new(Unit::Layers, 0, all, Show::IfSlow);
    let mut networks = vec![];
    let mut before = 0;
    for workload in work {
        let (model, layers) = (workload.model.clone(), workload.layers());
        networks.push(workload.measure(args.pairs.get(), |done| {
            meter.update((before + done) as u64, |left| format!("{model} · {left}"));
        }));
        before += layers;
    }
    drop(meter);
    let only = if let [network] = &networks[..] { Some(network) } else { None };
    match args.format.get() {
        Format::Json => output::json(&Json {
            model: only.map(|network| &*network.model),
            batch: only.map(|network| network.batch),
            threads,
            isa: Isa::best().name(),
            ours: Ours {
                // As if a training step of the one network were its convolutions alone.
                images_per_second: only.map(Network::images_per_second),
                peak_memory_bytes: peak_memory(),
            },
            peer: None,
            ratio: None,
            ceilings,
            networks: &networks,
        }),
        Format::Text => text(&ceilings, &networks, threads),
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
        output::print_table(&network.table())?;
    }
    Ok(())
}
