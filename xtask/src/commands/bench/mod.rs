//! `bench`: what a network or its kernels do in a second, alone or alternating with PyTorch or ONNX Runtime.
//!
//! `resnet_bench` measures; `report`, `profile` and `kernels` print.

mod kernels;
mod profile;
mod report;

use std::io::{stdin, stdout};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::Context as _;
use resnet_bench::{Bench, Crew, Event, Peer, Program, Subject, Work, serve};
use resnet_terminal::numbers;
use resnet_terminal::progress::{self, Meter, Show, Unit};
use serde::Serialize;

use crate::args::{AgainstArg, BenchArgs, BenchKind, BenchWorkerArgs};
use crate::failure::Ended;
use crate::{interrupt, threads};

/// The network that is measured unless the command line names another.
const MODEL: &str = "resnet20-v2";
/// The peers' scripts, in the repository that this program was built from.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// What JSON says of this program where nobody takes turns with it.
#[derive(Serialize)]
struct Ours {
    images_per_second: Option<f64>,
    peak_memory_bytes: Option<u64>,
}

/// Who takes turns with us.
enum Against {
    Nobody,
    Peer(Peer),
    /// Ourselves, which tells what the other threads bring.
    OneThread,
}

pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let threads = threads::start(&args.threads)?;
    let Some(work) = work_of(args)? else { return kernels::run(args, threads) };
    let against = against(args, work, threads)?;
    let mut subject = Subject::new(work, args.model.as_deref().unwrap_or(MODEL), args.batch, threads)?;
    if let Some(recompute) = args.recompute {
        subject.recompute = recompute;
    }
    if args.profile { profile::run(args, &subject) } else { measure(args, &subject, &against) }
}

/// What a step does; `None` where single passes are measured.
fn work_of(args: &BenchArgs) -> anyhow::Result<Option<Work>> {
    let misplaced = match args.what {
        BenchKind::Train => return Ok(Some(Work::Train)),
        BenchKind::Infer if args.recompute.is_some() => {
            "inference keeps nothing that could be computed again; --recompute is for bench train"
        }
        BenchKind::Infer => return Ok(Some(Work::Infer)),
        BenchKind::Kernels if args.profile => {
            "bench kernels takes no step apart; --profile is for train and infer"
        }
        BenchKind::Kernels if args.recompute.is_some() => {
            "bench kernels measures single passes; --recompute is for bench train"
        }
        BenchKind::Kernels if args.against.is_some() => {
            "bench kernels has no other program to compare with; --against is for train and infer"
        }
        BenchKind::Kernels => return Ok(None),
    };
    Ended::usage(misplaced)
}

fn against(args: &BenchArgs, work: Work, threads: usize) -> anyhow::Result<Against> {
    let program = match args.against {
        None => return Ok(Against::Nobody),
        Some(AgainstArg::OneThread) if threads == 1 => {
            return Ended::usage(
                "comparing one thread with one thread shows nothing; use --threads 2 or more",
            );
        }
        Some(AgainstArg::OneThread) => return Ok(Against::OneThread),
        Some(AgainstArg::Pytorch) => Program::Pytorch,
        Some(AgainstArg::TorchCompile) => Program::TorchCompile,
        Some(AgainstArg::Onnxruntime) => Program::OnnxRuntime,
        Some(AgainstArg::Openvino) => Program::OpenVino,
        Some(AgainstArg::Ncnn) => Program::Ncnn,
    };
    let peer = Peer::new(program, Path::new(SCRIPTS));
    if !peer.can(work) {
        return Ended::usage(format!(
            "{} does not train; use bench infer, or --against pytorch",
            peer.title()
        ));
    }
    Ok(Against::Peer(peer))
}

/// Measures in processes of their own, alternating with whoever is compared.
fn measure(args: &BenchArgs, subject: &Subject, against: &Against) -> anyhow::Result<()> {
    let crew = Arc::new(Crew::default());
    interrupt::on_first_press({
        let crew = Arc::clone(&crew);
        move || crew.stop()
    })?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let worker = |subject: &Subject| {
        let mut command = Command::new(&program);
        command.arg("bench-worker").args(subject.arguments()).args(["--recompute", subject.recompute.name()]);
        command
    };
    let bench = Bench { crew: &crew, subject, worker: &worker };
    let pairs = args.pairs.get();
    let unit = if matches!(against, Against::Nobody) { Unit::Turns } else { Unit::Pairs };
    let mut meter = None;
    let mut show = |event: Event<'_>| match event {
        Event::Starting { title, setting } => progress::line(&format!("starting {title} ({setting})")),
        Event::Ready => meter = Some(Meter::new(unit, 0, pairs as u64, Show::Always)),
        Event::Measured { done, ours, theirs } => {
            if let Some(meter) = &mut meter {
                meter.update(done, |left| speeds(ours, theirs, left));
            }
        }
    };
    let measured = match against {
        Against::Peer(peer) => bench.against(peer, pairs, &mut show),
        Against::OneThread => bench.against_one_thread(pairs, &mut show),
        Against::Nobody => bench.alone(pairs, &mut show),
    };
    drop(meter);
    // Workers that were stopped by Ctrl-C look like workers that broke.
    if crew.is_stopped() {
        return Err(Ended::Interrupted.into());
    }
    report::print(subject, &measured?, args.format.get())
}

/// What `bench` starts: measures when it is told to on standard input.
pub(crate) fn work(args: &BenchWorkerArgs) -> anyhow::Result<()> {
    let threads = threads::start(&args.threads)?;
    let mut subject = Subject::new(args.work.into(), &args.model, Some(args.batch), threads)?;
    subject.recompute = args.recompute;
    serve(&subject, env!("CARGO_PKG_VERSION"), stdin().lock(), stdout().lock())
}

/// The last turn or pair, beside the bar.
fn speeds(ours: f64, theirs: Option<(&str, f64)>, left: &str) -> String {
    let ours = numbers::speed(ours);
    match theirs {
        Some((title, rate)) => format!("ours {ours}, {title} {} images/s · {left}", numbers::speed(rate)),
        None => format!("{ours} images/s · {left}"),
    }
}
