//! `gfn export`.

use std::path::PathBuf;
use std::process::ExitCode;

use anabranch_tasks::export::{ExportRequest, export_run};

use super::open;

/// Write the policy of a trained run as an ONNX file
///
/// Beside the file goes a description of its inputs and outputs in JSON, with the names of all actions. What the
/// file computes are unnormalised log-probabilities of all actions there are; whoever uses it leaves out those that
/// are not legal and applies a softmax. Any runtime that knows opset 17 runs it.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  gfn export runs/fragments-001 -o policy.onnx\n  \
                        gfn export runs/fragments-001 -o policy.onnx --examples 100   also policy.npz, to check a runtime with\n\
                  \nSee docs/guide/onnx.md."
)]
pub struct Args {
    /// The run folder
    run: PathBuf,
    /// The file, which must end in .onnx; the description ends in .json
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Export the checkpoint of this step instead of the newest
    #[arg(long, value_name = "STEP")]
    from: Option<u64>,
    /// Write so many visited states with our own scores to a file that ends in .npz
    #[arg(long, value_name = "N", default_value_t = 0)]
    examples: usize,
    /// Replace the files where they exist
    #[arg(long)]
    overwrite: bool,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (run, config) = open(&args.run)?;
    let request = ExportRequest {
        path: args.output.clone(),
        from: args.from,
        examples: args.examples,
        overwrite: args.overwrite,
    };
    let written = export_run(&config, &run, &request)?;
    println!(
        "policy       {} ({} bytes, step {})",
        written.model.display(),
        written.bytes,
        written.step
    );
    println!("description  {}", written.description.display());
    if let Some(examples) = written.examples {
        println!("examples     {}", examples.display());
    }
    Ok(ExitCode::SUCCESS)
}
