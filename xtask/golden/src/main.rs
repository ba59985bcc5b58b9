//! Holds this workspace against values computed by other programs: `cargo xtask golden <kind> <file>`.
//!
//! A reference file holds what its kind says, plain or gzipped. Nothing here is tuned to a file:
//! tolerances are constants, and any file of the kind can be given.
//!
//! This is a package of its own and not a part of xtask, which `cargo xtask` builds before anything
//! else and which therefore knows neither chemistry nor objectives.

mod molecules;
mod nasty;
mod objectives;
mod rna;
mod seh;

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use flate2::read::MultiGzDecoder;
use serde::de::DeserializeOwned;

/// Compare with values computed by other programs; exit code 1 beyond tolerance, 2 on a bad file
#[derive(Parser)]
#[command(name = "golden", bin_name = "cargo xtask golden")]
struct Args {
    /// What the file holds
    kind: Kind,
    /// JSON lines, one JSON document of objectives, or CSV of rna and seh; plain or gzipped
    file: PathBuf,
    /// Weights of the sEH proxy [default: those of a data folder, else of ../shared/data]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

/// The kinds of reference file there are.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Molecules with descriptors, fingerprints, scaffolds and formulas
    Molecules,
    /// Odd inputs and whether they are SMILES
    Nasty,
    /// Trajectories and their losses
    Objectives,
    /// RNA strands with duplex energies and fitness of four targets
    Rna,
    /// Molecules with the output of the sEH proxy
    Seh,
}

fn main() -> ExitCode {
    let Args {
        kind,
        file,
        weights,
    } = Args::parse();
    match run(kind, &file, weights) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("error: {} is not reproduced; see the table", file.display());
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Compares one reference file and prints what was found; `false` if anything is out of tolerance.
///
/// # Errors
/// A file that cannot be read, a line that is not of the kind (named as `file:line`).
fn run(kind: Kind, file: &Path, weights: Option<PathBuf>) -> Result<bool> {
    if weights.is_some() && !matches!(kind, Kind::Seh) {
        bail!("--weights belongs to the kind seh");
    }
    match kind {
        Kind::Molecules => molecules::run(&records(file)?),
        Kind::Nasty => nasty::run(records(file)?),
        Kind::Objectives => objectives::run(file),
        Kind::Rna => rna::run(&rows(file)?),
        Kind::Seh => seh::run(&rows(file)?, weights),
    }
}

/// The text of a file, unpacked if it is gzipped.
fn text(file: &Path) -> Result<String> {
    let name = file.display();
    let bytes = fs::read(file).with_context(|| format!("cannot read {name}"))?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return String::from_utf8(bytes).with_context(|| format!("{name} is not UTF-8 text"));
    }
    let mut text = String::new();
    MultiGzDecoder::new(bytes.as_slice())
        .read_to_string(&mut text)
        .with_context(|| format!("{name} is not gzipped UTF-8 text"))?;
    Ok(text)
}

/// Reads a file of JSON lines; blank lines are skipped.
fn records<T: DeserializeOwned>(file: &Path) -> Result<Vec<T>> {
    let name = file.display();
    let text = text(file)?;
    let records = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            serde_json::from_str(line).with_context(|| format!("{name}:{}", number + 1))
        })
        .collect::<Result<Vec<T>>>()?;
    if records.is_empty() {
        bail!("{name} holds no records");
    }
    Ok(records)
}

/// Reads a file of comma-separated values with a line of names.
fn rows<T: DeserializeOwned>(file: &Path) -> Result<Vec<T>> {
    let name = file.display();
    let text = text(file)?;
    let mut rows = Vec::new();
    for (at, row) in csv::Reader::from_reader(text.as_bytes())
        .into_deserialize()
        .enumerate()
    {
        rows.push(row.with_context(|| format!("{name}:{}", at + 2))?);
    }
    if rows.is_empty() {
        bail!("{name} holds no records");
    }
    Ok(rows)
}

/// How one column of a reference file compares.
struct Column {
    name: &'static str,
    tolerance: f64,
    compared: usize,
    mismatches: usize,
    largest: f64,
    worst: Option<String>,
}

impl Column {
    fn new(name: &'static str, tolerance: f64) -> Self {
        Self {
            name,
            tolerance,
            compared: 0,
            mismatches: 0,
            largest: 0.0,
            worst: None,
        }
    }

    /// Notes a number; an absent expectation is not compared.
    fn number(&mut self, smiles: &str, expected: Option<f64>, found: f64) {
        let Some(expected) = expected else { return };
        let error = (found - expected).abs();
        self.compared += 1;
        // NaN is inside nothing, so it counts as a mismatch and as the largest error.
        let inside = |bound: f64| error <= bound;
        if !inside(self.tolerance) {
            self.mismatches += 1;
        }
        if !inside(self.largest) {
            self.largest = error;
            self.worst = Some(format!("{smiles}  expected {expected}, found {found}"));
        }
    }

    /// Notes a text or set that must be identical.
    fn same<T: PartialEq + std::fmt::Debug + ?Sized>(
        &mut self,
        smiles: &str,
        expected: &T,
        found: &T,
    ) {
        self.compared += 1;
        if expected != found {
            self.mismatches += 1;
            self.worst
                .get_or_insert_with(|| format!("{smiles}  expected {expected:?}, found {found:?}"));
            self.largest = 1.0;
        }
    }

    /// Notes that there is no value where one was expected.
    fn missing(&mut self, smiles: &str, error: &dyn std::fmt::Display) {
        self.compared += 1;
        self.mismatches += 1;
        self.largest = f64::INFINITY;
        self.worst = Some(format!("{smiles}  {error}"));
    }
}

/// Prints the columns as a table; whether all are within tolerance.
fn report<'a>(columns: impl IntoIterator<Item = &'a Column>) -> bool {
    let mut table = String::new();
    let mut within = true;
    for column in columns {
        within &= column.mismatches == 0;
        let _ = writeln!(
            table,
            "{:<10} {:>7} compared {:>5} mismatches   largest error {:<9} (tolerance {:e}){}",
            column.name,
            column.compared,
            column.mismatches,
            format!("{:.2e}", column.largest),
            column.tolerance,
            column
                .worst
                .as_ref()
                .map_or_else(String::new, |worst| format!("  at {worst}")),
        );
    }
    print!("{table}");
    within
}
