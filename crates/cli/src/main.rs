//! The program `gfn`: train, resume, sample, evaluate and report on GFlowNets.

mod command;
mod interrupt;
mod progress;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// glibc returns every large buffer to the system at once; networks ask for the same sizes again in
/// the next step, and this allocator keeps them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Train samplers that draw diverse, high-reward objects: molecules, sequences, cells of a grid.
#[derive(Parser)]
#[command(
    name = "gfn",
    version,
    after_help = "Begin with:\n  gfn train fragments              molecules with a good QED and SA score, in about 3 minutes\n  \
                  gfn train fragments --dry-run    every setting, explained\n  \
                  gfn sample runs/fragments-001 -n 1000 -o hits.sdf"
)]
struct Cli {
    /// Threads to compute with; the result does not depend on it [default: all processors]
    #[arg(long, global = true, value_name = "N")]
    threads: Option<usize>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(command::train::Args),
    Resume(command::resume::Args),
    Sample(command::sample::Args),
    Eval(command::eval::Args),
    Export(command::export::Args),
    Report(command::report::Args),
    Reproduce(command::reproduce::Args),
    Scores(command::scores::Args),
    Data(command::data::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    progress::start_logging();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Stack of a thread of the pool: what the main thread of a program has.
const STACK: usize = 8 << 20;

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(cli.threads != Some(0), "--threads is 0; give at least 1");
    // Everything runs inside the pool: from outside, each parallel piece of a training step would wake a
    // thread and wait for it.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(cli.threads.unwrap_or(0))
        .stack_size(STACK)
        .build()?;
    pool.install(|| match cli.command {
        Command::Train(args) => command::train::run(&args),
        Command::Resume(args) => command::resume::run(&args),
        Command::Sample(args) => command::sample::run(&args),
        Command::Eval(args) => command::eval::run(&args),
        Command::Export(args) => command::export::run(&args),
        Command::Report(args) => command::report::run(&args),
        Command::Reproduce(args) => command::reproduce::run(&args),
        Command::Scores(args) => command::scores::run(&args),
        Command::Data(args) => command::data::run(&args),
    })
}
