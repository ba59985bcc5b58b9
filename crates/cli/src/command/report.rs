//! `gfn report`.

use std::path::PathBuf;
use std::process::ExitCode;

use anabranch_learn::run::folder::replace_file;
use anabranch_tasks::evaluate::EvaluationSize;
use anabranch_tasks::report::data::ReportData;
use anabranch_tasks::report::render;
use anabranch_tasks::runs::assess;

use super::{around, open};
use crate::progress::Waiting;

/// Write a report of one run, or of several beside each other, as one HTML page
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  gfn report runs/fragments-001\n  gfn report runs/a runs/b -o comparison.html"
)]
pub struct Args {
    /// The run folders
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// The page [default: report.html in the run folder, comparison.html for several]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Objects drawn from each policy
    #[arg(short = 'n', long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(2..))]
    number: u64,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let path = match (&args.output, args.runs.as_slice()) {
        (Some(path), _) => path.clone(),
        (None, [run]) => run.join("report.html"),
        (None, _) => PathBuf::from("comparison.html"),
    };
    // A page that somebody named is theirs; the one in the run folder is ours to renew.
    let ours = args.output.is_none() && args.runs.len() == 1;
    anyhow::ensure!(
        ours || !path.exists(),
        "{} exists already; choose another with -o",
        path.display()
    );
    let samples = usize::try_from(args.number)?;
    let mut reports = Vec::new();
    for folder in &args.runs {
        let (run, config) = open(folder)?;
        let size = EvaluationSize::of(&config, samples);
        let _waiting = Waiting::new("sampling and evaluating");
        reports.push(assess(&config, &run, &around(), None, None, size)?.report);
    }
    replace_file(&path, render(&ReportData { runs: reports })?.as_bytes())?;
    println!("report   {}", path.display());
    Ok(ExitCode::SUCCESS)
}
