//! What is asked of a training of several processes.

use clap::Args;

/// How processes that mpirun has started train together; there is nothing to ask without the feature `mpi`.
#[derive(Debug, Args)]
pub(crate) struct RanksArgs {
    /// Show what every process does, and not the first one alone
    #[cfg(feature = "mpi")]
    #[arg(long)]
    pub(crate) log_ranks: bool,
    /// End all processes when one has not answered for so many seconds
    #[cfg(feature = "mpi")]
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rank_timeout: u64,
}
