//! `gfn resume`.

use std::path::PathBuf;
use std::process::ExitCode;

use anabranch_learn::run::RunFolder;
use anabranch_tasks::runs;

use super::{around, train_to_the_end};

/// Go on with a run that was stopped or killed, or train a finished one further
///
/// The result has the same bytes as a run that was never stopped. Settings given here are kept for the
/// rest of the run.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  gfn resume runs/fragments-001\n  gfn resume runs/fragments-001 steps=5000"
)]
pub struct Args {
    /// The run folder
    run: PathBuf,
    /// Settings to change, for example steps=5000
    #[arg(value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Go on from the checkpoint of this step instead of the newest
    #[arg(long, value_name = "STEP")]
    from: Option<u64>,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let run = RunFolder::open_for_writing(&args.run)?;
    let config = runs::reconfigure(&run, &args.settings, &around(), args.from)?;
    train_to_the_end(&config, &run, args.from)
}
