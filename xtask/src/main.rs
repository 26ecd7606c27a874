//! `cargo xtask`: train, evaluate, export, look at and measure residual networks. Each command parses, calls
//! a crate, prints.

mod args;
mod commands;
mod company;
mod data;
mod data_hints;
mod downloads;
mod failure;
mod heat_maps;
mod help;
mod hints;
mod interrupt;
mod threads;
mod weights;

use std::num::NonZeroUsize;
use std::process::ExitCode;

use resnet_terminal::logging;

use crate::args::{Cli, Command};

/// What is logged unless `RUST_LOG` says otherwise.
const LOGGED: &str =
    "warn,xtask=info,resnet=info,resnet_data=info,resnet_models=info,resnet_train=info,resnet_record=info";

fn main() -> ExitCode {
    resnet_kernels::buffer::keep_large_allocations();
    let cli: Cli = help::parse();
    logging::start(LOGGED);
    failure::exit_code(run(cli.command))
}

fn run(command: Command) -> anyhow::Result<()> {
    // What the environment asks for and is not there is an error before anything begins.
    resnet_kernels::Isa::requested()?;
    resnet_kernels::conv::Algorithm::requested()?;
    match command {
        Command::Train(args) => commands::train::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Reproduce(args) => commands::reproduce::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::Summary(args) => {
            resnet_views::show_summary(&args.model, args.classes.map(NonZeroUsize::get), args.format.get())
        }
        Command::Models(args) => resnet_views::show_models(args.format.get()),
        Command::Draw(args) => commands::draw::run(&args),
        Command::Analyze(args) => commands::analyze::run(&args),
        Command::Recipes(args) => commands::plans::recipes(&args),
        Command::Schedule(args) => commands::plans::schedule(&args),
        Command::Runs(args) => commands::plans::runs(&args),
        Command::Data(args) => commands::data::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::BenchWorker(args) => commands::bench::work(&args),
    }
}
