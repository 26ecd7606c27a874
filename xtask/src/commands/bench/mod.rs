//! `bench`: what a network or its kernels do in a second, alone or in turns with PyTorch or ONNX Runtime.
//!
//! Whoever is measured runs in a process of its own (`worker`), ours in `ours`, a peer's in a script of
//! `xtask/peers` (`peer`). `turns` lets them measure one after the other, `report` prints. `kernels` has no
//! peer: its measure is the machine.

mod kernels;
pub(crate) mod ours;
mod peer;
mod report;
mod statistics;
mod subject;
mod turns;
mod worker;

use std::sync::Arc;

use crate::args::{AgainstArg, BenchArgs, BenchKind, Work};
use crate::failure::Ended;
use crate::{interrupt, threads};

use self::peer::{Peer, Program};
use self::subject::Subject;
use self::worker::Crew;

/// Who takes turns with us.
enum Rival {
    Nobody,
    Peer(Peer),
    /// Ourselves, which tells what the other threads bring.
    OneThread,
}

pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let threads = threads::start(&args.threads)?;
    let work = match args.what {
        BenchKind::Train => Work::Train,
        BenchKind::Infer => Work::Infer,
        BenchKind::Kernels if args.against.is_some() => {
            let why = "bench kernels measures against the machine; --against goes with train and infer";
            return Err(Ended::Usage(why.to_owned()).into());
        }
        BenchKind::Kernels => return kernels::run(args, threads),
    };
    let rival = match args.against {
        None => Rival::Nobody,
        Some(AgainstArg::Pytorch) => Rival::Peer(Peer::new(Program::Pytorch)),
        Some(AgainstArg::Onnxruntime) => Rival::Peer(Peer::new(Program::OnnxRuntime)),
        Some(AgainstArg::OneThread) => Rival::OneThread,
    };
    match &rival {
        Rival::Peer(peer) => peer.check(work)?,
        Rival::OneThread if threads == 1 => {
            let why = "one thread against one thread says nothing; write --threads 2 or more";
            return Err(Ended::Usage(why.to_owned()).into());
        }
        Rival::OneThread | Rival::Nobody => {}
    }
    let subject = Subject::new(work, args.model.as_deref(), args.batch, threads)?;
    let crew = Arc::new(Crew::default());
    interrupt::on_first_press({
        let crew = Arc::clone(&crew);
        move || crew.stop()
    })?;
    let pairs = args.pairs.get();
    let result = match &rival {
        Rival::Peer(peer) => turns::against(&crew, &subject, peer, pairs),
        Rival::OneThread => turns::against_one_thread(&crew, &subject, pairs),
        Rival::Nobody => turns::alone(&crew, &subject, pairs),
    };
    // Workers that were stopped by Ctrl-C look like workers that broke.
    if crew.is_stopped() {
        return Err(Ended::Interrupted.into());
    }
    report::print(&subject, &result?, args.format.get())
}
