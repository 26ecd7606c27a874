//! `cargo xtask`: train, evaluate, export, look at and measure residual networks. Each command parses, calls
//! a crate, prints.

mod args;
mod commands;
mod data;
mod failure;
mod heatmap;
mod help;
mod hints;
mod interrupt;
mod live;
mod logging;
mod network;
mod output;
mod pictures;
mod preamble;
mod progress;
mod recipes;
mod source;
mod table;
mod text;
mod threads;
mod transform;
mod weights;

use std::process::ExitCode;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    let cli: Cli = help::parse();
    logging::start();
    failure::exit_code(run(cli.command))
}

fn run(command: Command) -> anyhow::Result<()> {
    // Asked for in the environment and not there: nobody wants to hear of it after an hour.
    resnet_kernels::Isa::requested()?;
    match command {
        Command::Train(args) => commands::train::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Summary(args) => commands::summary::run(&args),
        Command::Models(args) => commands::models::run(&args),
        Command::Data(args) => commands::data::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::BenchWorker(args) => commands::bench::ours::run(&args),
    }
}
