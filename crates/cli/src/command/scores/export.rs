//! `gfn scores export`.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anabranch_oracles::Answer;
use anabranch_oracles::store::{SourceSummary, StoredRow};
use anyhow::{Context, bail, ensure};

use super::table::{Cells, Format, Table};

/// Write the scores into a file: .csv, .parquet or .jsonl
///
/// One row for each object and source; columns: object, source, kind, the oracle's own columns, attempts,
/// seconds (from asking to answer), time (Unix seconds), and message with --failures.
#[derive(clap::Args)]
pub struct Args {
    /// The run folder, or the store itself
    path: PathBuf,
    /// The file: .csv .parquet or .jsonl; never one that exists [default: scores.csv beside the store]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Also objects without a score, with what the oracle said
    #[arg(long)]
    failures: bool,
    /// Only this source, by its number in gfn scores show
    #[arg(long, value_name = "NUMBER")]
    source: Option<i64>,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let (file, reader) = super::store(&args.path)?;
    let path = match &args.output {
        Some(path) => path.clone(),
        None => file.with_file_name("scores.csv"),
    };
    let format = Format::of(&path)?;
    ensure!(
        path.symlink_metadata().is_err(),
        "{} exists already and is not overwritten: choose another name with -o",
        path.display()
    );
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    ensure!(
        folder.is_dir(),
        "{} cannot be written: there is no folder {}; make it first",
        path.display(),
        folder.display()
    );
    let mut sources = reader.sources()?;
    if let Some(number) = args.source {
        sources.retain(|s| s.id == number);
        if sources.is_empty() {
            bail!(
                "there is no source {number} in {}; gfn scores show lists them",
                file.display()
            );
        }
    }
    let columns = columns(&sources);
    // Beside its place, so that the file appears whole or not at all.
    let failed = || format!("{} was not written", path.display());
    let mut staged = temporary(folder).with_context(failed)?;
    let mut rows = 0_u64;
    {
        let mut out = BufWriter::new(staged.as_file_mut());
        let mut table = Table::new(format, titles(&columns, args.failures), &mut out)?;
        reader.each(|row| {
            let Some(source) = sources.iter().find(|s| s.id == row.source) else {
                return Ok(());
            };
            if !args.failures && !matches!(row.answer, Answer::Scores(_)) {
                return Ok(());
            }
            rows += 1;
            table.push(cells(row, source, &columns, args.failures))
        })?;
        table.finish().with_context(failed)?;
        out.flush().with_context(failed)?;
    }
    staged.as_file().sync_all().with_context(failed)?;
    staged
        .persist_noclobber(&path)
        .map_err(|e| e.error)
        .with_context(failed)?;
    println!("{rows} objects in {}", path.display());
    Ok(())
}

/// A file with the permissions of any new file, where a temporary one is private.
fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".scores-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// The oracle's columns over all sources, in the order of their first appearance.
fn columns(sources: &[SourceSummary]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for column in sources.iter().flat_map(|s| &s.columns) {
        if !out.contains(column) {
            out.push(column.clone());
        }
    }
    out
}

/// Our own columns around the oracle's.
const OWN: [&str; 7] = [
    "object", "source", "kind", "attempts", "seconds", "time", "message",
];

fn titles(columns: &[String], failures: bool) -> Vec<String> {
    let [before @ .., attempts, seconds, time, message] = OWN;
    let mut out: Vec<String> = before.map(str::to_owned).to_vec();
    for column in columns {
        let mut title = column.clone();
        // An oracle may call its column as we call ours.
        while OWN.contains(&title.as_str()) || out.contains(&title) {
            title.insert_str(0, "oracle_");
        }
        out.push(title);
    }
    out.extend([attempts, seconds, time].map(str::to_owned));
    if failures {
        out.push(message.to_owned());
    }
    out
}

fn cells(row: StoredRow, source: &SourceSummary, columns: &[String], failures: bool) -> Cells {
    let (kind, values, message) = match row.answer {
        Answer::Scores(values) => ("scores", values, String::new()),
        Answer::Failed { kind, message } => (kind.name(), Vec::new(), message),
    };
    let value = |column: &String| {
        let place = source.columns.iter().position(|c| c == column)?;
        values.get(place).copied()
    };
    Cells {
        object: row.object,
        source: row.source,
        kind: kind.to_owned(),
        numbers: columns
            .iter()
            .map(value)
            .chain([Some(row.attempts as f64), Some(row.seconds), Some(row.time)])
            .collect(),
        message: failures.then_some(message),
    }
}
