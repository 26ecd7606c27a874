//! `bench`: what a network or its kernels do in a second, alone or in turns with PyTorch or ONNX Runtime.
//!
//! Whoever is measured runs in a process of its own (`worker`), ours in `ours`, a peer's in a script of `xtask/peers`
//! (`peer`). `turns` lets them measure one after the other, `report` prints. `kernels` has no peer: its measure is the
//! machine.

mod kernels;
pub(crate) mod ours;
mod peer;
mod report;
mod statistics;
mod subject;
mod turns;
mod worker;

use std::sync::Arc;

use crate::args::{BenchArgs, BenchKind};
use crate::failure::Ended;
use crate::{interrupt, threads};

use self::ours::Work;
use self::peer::Peer;
use self::subject::Subject;
use self::worker::Crew;

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
    let peer = args.against.map(Peer::new);
    if let Some(peer) = &peer {
        peer.check(work)?;
    }
    let subject = Subject::new(work, args.model.as_deref(), args.batch, threads)?;
    let crew = Arc::new(Crew::default());
    interrupt::on_first_press({
        let crew = Arc::clone(&crew);
        move || crew.stop()
    })?;
    let result = match &peer {
        Some(peer) => turns::against(&crew, &subject, peer, args.pairs.get()),
        None => turns::alone(&crew, &subject, args.pairs.get()),
    };
    // Workers that were stopped by Ctrl-C look like workers that broke.
    if crew.is_stopped() {
        return Err(Ended::Interrupted.into());
    }
    report::print(&subject, &result?, args.format.get())
}
