//! The processes that train together: joined by MPI where mpirun has started several, else this one alone.

use std::sync::Arc;

use resnet_terminal::output::Gone;
use resnet_terminal::voice::{Voice, speak};
use resnet_train::AllReduce;

use crate::args::RanksArgs;
use crate::failure::{Ended, report};

/// Joins the other processes, if there are any. Only the first prints, unless `--log-ranks` is given.
#[cfg(feature = "mpi")]
pub(crate) fn join(args: &RanksArgs) -> anyhow::Result<Arc<dyn AllReduce>> {
    let patience = std::time::Duration::from_secs(args.rank_timeout);
    let Some(world) = resnet_mpi::World::join(patience)? else { return Ok(Arc::new(resnet_train::Alone)) };
    if args.log_ranks {
        speak(voice(&world));
    } else if !world.is_first() {
        speak(Voice::Silent);
    }
    Ok(Arc::new(world))
}

/// This process alone; an error if several were started, since each would train by itself.
#[cfg(not(feature = "mpi"))]
pub(crate) fn join(_: &RanksArgs) -> anyhow::Result<Arc<dyn AllReduce>> {
    match resnet_train::started_processes() {
        None | Some(1) => Ok(Arc::new(resnet_train::Alone)),
        Some(count) => anyhow::bail!(
            "this is one of {count} processes, and the program was built without MPI; build it with: cargo xtask train \
             --features mpi"
        ),
    }
}

fn voice(all: &dyn AllReduce) -> Voice {
    Voice::After(format!("process {}: ", all.rank().index))
}

/// Ends a command of the processes `all`. A process that cannot go on reports its error and ends the others
/// too. The first process has two seconds to be the one that reports, where all know of the error.
pub(crate) fn end(all: &dyn AllReduce, done: anyhow::Result<()>) -> anyhow::Result<()> {
    let Err(error) = &done else { return done };
    let is_failure = !error.is::<Gone>() && !matches!(error.downcast_ref(), Some(Ended::Interrupted));
    if !all.are_several() || !is_failure {
        return done;
    }
    if !all.is_first() {
        std::thread::sleep(std::time::Duration::from_secs(2));
    }
    speak(voice(all));
    report(error);
    all.end_all();
    Err(Ended::Reported.into())
}
