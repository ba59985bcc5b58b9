//! `gfn data read`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anabranch_chem::Molecule;
use anabranch_data::load::{Format, Options, Rows};

/// Show what is understood of a file of objects
///
/// Prints format, columns, rows, how many molecules can be read, the first rows, and the first errors with
/// their lines. Formats: .smi .csv .tsv .sdf .parquet .fasta, also with .gz. The exit code is 1 where a row
/// or a molecule cannot be read.
#[derive(clap::Args)]
pub struct Args {
    /// The file
    file: PathBuf,
    /// The column with the objects [default: smiles, sequence, ... by its name]
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
    /// How many rows and errors to show
    #[arg(short = 'n', long, default_value_t = 5)]
    number: usize,
    /// smi, csv, sdf, parquet or fasta [default: by the file's name]
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// What the objects are [default: molecules where the column's name says smiles]
    #[arg(long, value_name = "KIND", value_parser = ["molecules", "text"])]
    objects: Option<String>,
}

/// Most characters of a cell that are shown.
const CELL: usize = 48;

/// Most columns that are shown of a row.
const CELLS: usize = 8;

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let format = match &args.format {
        Some(name) => Some(Format::parse(name).ok_or_else(|| {
            anyhow::anyhow!("there is no format {name}; give smi, csv, sdf, parquet or fasta")
        })?),
        None => None,
    };
    let options = Options {
        format,
        ..Options::default()
    };
    let mut rows = Rows::open(&args.file, &options)?;
    let at = rows.column(args.column.as_deref())?;
    let columns = rows.columns().to_vec();
    let molecules = match args.objects.as_deref() {
        Some(kind) => kind == "molecules",
        None => columns[at].to_ascii_lowercase().contains("smiles"),
    };
    let mut first: Vec<String> = Vec::new();
    let mut errors: Vec<String> = Vec::new();
    let (mut count, mut wrong, mut valid, mut empty) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut distinct: BTreeSet<String> = BTreeSet::new();
    for row in &mut rows {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                wrong += 1;
                if errors.len() < args.number {
                    errors.push(error.to_string());
                }
                continue;
            }
        };
        count += 1;
        let text = row.cells[at].trim();
        if first.len() < args.number {
            first.push(format!("  line {}: {}", row.line, shown(&row.cells)));
        }
        if text.is_empty() {
            empty += 1;
            continue;
        }
        if !molecules {
            distinct.insert(text.to_owned());
            continue;
        }
        let canonical =
            Molecule::from_smiles(text).and_then(|molecule| molecule.smiles().map(str::to_owned));
        match canonical {
            Ok(canonical) => {
                valid += 1;
                distinct.insert(canonical);
            }
            Err(error) => {
                if errors.len() < args.number {
                    errors.push(format!(
                        "{}: line {}: {error}",
                        args.file.display(),
                        row.line
                    ));
                }
            }
        }
    }
    println!("file       {}", args.file.display());
    println!("format     {}", rows.format().name());
    println!("columns    {}", columns.join(", "));
    println!("rows       {count} read, {wrong} not");
    println!("objects    column {}, {empty} empty", columns[at]);
    let invalid = if molecules { count - empty - valid } else { 0 };
    if molecules {
        println!(
            "molecules  {valid} valid, {invalid} not, {} distinct",
            distinct.len()
        );
    } else {
        println!("distinct   {}", distinct.len());
    }
    if !first.is_empty() {
        println!("first rows\n{}", first.join("\n"));
    }
    for error in &errors {
        eprintln!("error: {error}");
    }
    let more = (wrong + invalid).saturating_sub(errors.len() as u64);
    if more > 0 {
        eprintln!("and {more} more; -n shows more of them");
    }
    Ok(if wrong + invalid > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// A row on one line.
fn shown(cells: &[String]) -> String {
    let cut = |cell: &String| {
        let line: String = cell
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(CELL)
            .collect();
        if line.len() < cell.len() {
            line + "..."
        } else {
            line
        }
    };
    let mut out: Vec<String> = cells.iter().take(CELLS).map(cut).collect();
    if cells.len() > CELLS {
        out.push(format!("and {} more", cells.len() - CELLS));
    }
    out.join("  ")
}
