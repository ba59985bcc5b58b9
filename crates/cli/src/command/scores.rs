//! `gfn scores`.

mod export;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anabranch_oracles::{Answer, StoreReader};
use anyhow::Context;

/// Look at the scores that a run paid for, and take them elsewhere
///
/// A run whose reward is an oracle (a command, an HTTP endpoint, a function) keeps every answer in
/// scores.sqlite in its folder before using it, and asks for no object twice. Reading it disturbs no run that
/// is going on.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  gfn scores show runs/fragments-001\n  \
                  gfn scores export runs/fragments-001                      scores.csv beside the store\n  \
                  gfn scores export runs/fragments-001 -o all.parquet --failures\n\n\
                  Any SQLite program reads the store, too; its table `answers` has one row for each object:\n  \
                  sqlite3 runs/fragments-001/scores.sqlite \"SELECT kind, count(*) FROM answers GROUP BY kind\"")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    Show(Show),
    Export(export::Args),
}

/// Counts by kind of answer and by source, and the best few objects
#[derive(clap::Args)]
#[command(
    after_help = "Kinds: scores; null, error, nan, infinity, missing_column, which the oracle answered; \
                        timeout, crash, unanswered, unreachable, which a later session asks again."
)]
struct Show {
    /// The run folder, or the store itself
    path: PathBuf,
    /// How many of the best objects of each source
    #[arg(short = 'n', long, default_value_t = 5)]
    number: u32,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.action {
        Action::Show(args) => show(args)?,
        Action::Export(args) => export::run(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Name of the store in a run folder.
const STORE: &str = "scores.sqlite";

/// The store of a run folder, or the one that was named.
fn store(path: &Path) -> anyhow::Result<(PathBuf, StoreReader)> {
    let file = if path.is_dir() {
        let file = path.join(STORE);
        anyhow::ensure!(
            file.exists(),
            "{} has no {STORE}: the reward of this run is not an oracle, or nothing was scored yet",
            path.display()
        );
        file
    } else {
        path.to_path_buf()
    };
    let reader = StoreReader::open(&file)?;
    Ok((file, reader))
}

fn show(args: &Show) -> anyhow::Result<()> {
    let (file, reader) = store(&args.path)?;
    let sources = reader.sources()?;
    let objects: u64 = sources.iter().flat_map(|s| s.kinds.values()).sum();
    println!(
        "{}: {objects} objects, {} sources",
        file.display(),
        sources.len()
    );
    let asking = reader.asking()?;
    if asking > 0 {
        println!("{asking} objects are being asked now, or were when their session was killed");
    }
    for source in &sources {
        println!("\nsource {}   {}", source.id, source.source);
        for (kind, count) in &source.kinds {
            println!("  {kind:<15} {count:>9}");
        }
        let answers: u64 = source.kinds.values().sum();
        if answers > 0 {
            let seconds = source.seconds / answers as f64;
            println!(
                "  asked {} times, {seconds:.3} s to the last answer on average",
                source.attempts
            );
        }
        let best = reader.best(source.id, args.number)?;
        if !best.is_empty() {
            println!(
                "  best by {}:",
                source.columns.first().context("the source has no column")?
            );
        }
        for row in best {
            if let Answer::Scores(values) = &row.answer {
                let values: Vec<String> = values.iter().map(|v| format!("{v:>12.6}")).collect();
                println!("  {}  {}", values.join(" "), row.object);
            }
        }
    }
    Ok(())
}
