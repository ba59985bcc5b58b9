//! `gfn sample`.

use std::path::PathBuf;
use std::process::ExitCode;

use anabranch_tasks::runs::{SampleRequest, sample_run};

use super::{around, open};
use crate::progress::Counting;

/// Draw objects from a trained run into a file
///
/// The extension chooses the format: .csv .smi .sdf .jsonl .parquet.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  gfn sample runs/fragments-001 -n 1000 -o hits.sdf\n  \
                        gfn sample runs/fragments-001 -n 100000 -o all.parquet --seed 1 --allow-duplicates"
)]
pub struct Args {
    /// The run folder
    run: PathBuf,
    /// How many objects
    #[arg(short = 'n', long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    number: u64,
    /// The file: .csv .smi .sdf .jsonl or .parquet
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Seed of the draw [default: the run's]
    #[arg(long)]
    seed: Option<u64>,
    /// Inverse temperature, where the policy was trained with a distribution of them
    #[arg(long)]
    beta: Option<f64>,
    /// Keep objects that came before; otherwise each canonical text comes once
    #[arg(long)]
    allow_duplicates: bool,
    /// Sample from the checkpoint of this step instead of the newest
    #[arg(long, value_name = "STEP")]
    from: Option<u64>,
    /// Replace the file where it exists
    #[arg(long)]
    overwrite: bool,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (run, config) = open(&args.run)?;
    let request = SampleRequest {
        count: usize::try_from(args.number)?,
        allow_duplicates: args.allow_duplicates,
        seed: args.seed,
        beta: args.beta,
        from: args.from,
        path: args.output.clone(),
        overwrite: args.overwrite,
    };
    let bar = Counting::new(request.count, "objects");
    let written = sample_run(&config, &run, &around(), &request, &mut |count| {
        bar.set(count)
    })?;
    bar.finish();
    println!(
        "{} objects in {} ({} bytes)",
        written.rows,
        written.path.display(),
        written.bytes
    );
    Ok(ExitCode::SUCCESS)
}
