//! How a training tells of itself on the command line.

use clap::{Args, ValueEnum};
use resnet_terminal::output::Format;

/// How a training tells of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Format {
        match format {
            LogFormat::Text => Format::Text,
            LogFormat::Json => Format::Json,
        }
    }
}

/// How processes that mpirun has started train together; nothing is asked without the feature `mpi`.
#[derive(Debug, Args)]
pub(crate) struct RanksArgs {
    /// Show what every process does, not only the first
    #[cfg(feature = "mpi")]
    #[arg(long)]
    pub(crate) log_ranks: bool,
    /// End all processes when one has not answered for this many seconds
    #[cfg(feature = "mpi")]
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rank_timeout: u64,
}
