//! Files of sampled objects: CSV, SMILES, SDF, JSON lines, Parquet, FASTA.
//!
//! The extension of the path chooses the format. The same table gives the same bytes. A file appears
//! whole or not at all: it is written beside its place, synced and renamed.
//!
//! ```
//! use anabranch_tasks::output::{Sample, SampleTable, write};
//!
//! let table = SampleTable {
//!     object: "cell".into(),
//!     columns: vec!["corner".into()],
//!     rows: vec![Sample {
//!         text: "7 7".into(),
//!         reward: 2.51,
//!         log_reward: 0.92,
//!         values: vec![1.0],
//!         molecule: None,
//!     }],
//! };
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("cells.csv");
//! let written = write(&table, &path, false)?;
//! assert_eq!(written.rows, 1);
//! assert_eq!(std::fs::read_to_string(&path)?, "cell,reward,log_reward,corner\n7 7,2.51,0.92,1.0\n");
//! assert!(write(&table, &path, false).is_err()); // never overwritten unless asked for
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod columns;
mod text;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anabranch_chem::{ChemError, Molecule};
use thiserror::Error;

/// Sampled objects with their rewards and properties.
#[derive(Clone, Debug)]
pub struct SampleTable {
    /// Title of the column of objects: smiles, cell or bits.
    pub object: String,
    /// `[K]` titles of the further columns.
    pub columns: Vec<String>,
    /// One for each object.
    pub rows: Vec<Sample>,
}

/// One sampled object.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The object: SMILES, cell or bit string.
    pub text: String,
    /// Its reward, not raised to beta.
    pub reward: f64,
    /// Natural logarithm of the reward.
    pub log_reward: f64,
    /// `[K]` values of the further columns.
    pub values: Vec<f64>,
    /// The molecule, where the object is one; SDF needs it.
    pub molecule: Option<Molecule>,
}

/// A finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// Objects in it.
    pub rows: usize,
    /// Its size.
    pub bytes: u64,
}

/// A format of files of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a title line.
    Csv,
    /// `SMILES<tab>number<tab>reward` without a title line.
    Smi,
    /// Structure-data file with 2D coordinates and properties.
    Sdf,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet, snappy-compressed.
    Parquet,
    /// Sequences, with reward and properties in their header lines.
    Fasta,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] = [
        Self::Csv,
        Self::Smi,
        Self::Sdf,
        Self::JsonLines,
        Self::Parquet,
        Self::Fasta,
    ];

    /// The extension of its files.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Smi => "smi",
            Self::Sdf => "sdf",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
            Self::Fasta => "fasta",
        }
    }

    /// The format of a path, by its extension in either case.
    ///
    /// # Errors
    /// [`OutputError::UnknownFormat`], which lists the extensions there are.
    pub fn of(path: &Path) -> Result<Self, OutputError> {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        Self::ALL
            .into_iter()
            .find(|format| extension.eq_ignore_ascii_case(format.extension()))
            .ok_or_else(|| OutputError::UnknownFormat {
                path: path.to_owned(),
                known: Self::ALL
                    .map(|format| format!(".{}", format.extension()))
                    .join(" "),
            })
    }
}

/// Why samples were not written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The path's extension names no format.
    #[error("cannot tell the format of {}: give it one of the extensions {known}", path.display())]
    UnknownFormat {
        /// The path.
        path: PathBuf,
        /// The extensions there are.
        known: String,
    },
    /// There is a file already.
    #[error("{} exists already and is not overwritten: choose another name or say to overwrite it", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The folder of the path is not there.
    #[error("{} cannot be written: there is no folder {}; make it first", path.display(), folder.display())]
    NoFolder {
        /// The path.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
    },
    /// The format holds molecules, and these objects are none.
    #[error(
        "{} cannot be written: .{extension} holds molecules, and {object} {text:?} is none; write \
         .csv, .jsonl or .parquet",
        path.display()
    )]
    NotMolecules {
        /// The path.
        path: PathBuf,
        /// The format.
        extension: &'static str,
        /// What the objects are.
        object: String,
        /// The first object that is no molecule.
        text: String,
    },
    /// The format holds sequences, and these objects are none.
    #[error(
        "{} cannot be written: .fasta holds sequences of one-letter codes, and {object} {text:?} is none; \
         write .csv, .jsonl or .parquet",
        path.display()
    )]
    NotSequences {
        /// The path.
        path: PathBuf,
        /// What the objects are.
        object: String,
        /// The first object that is no sequence.
        text: String,
    },
    /// The table contradicts itself.
    #[error("the table of samples is malformed: {reason}")]
    Malformed {
        /// How.
        reason: String,
    },
    /// A molecule has no record.
    #[error("{} cannot be written: {source}", path.display())]
    Chem {
        /// The path.
        path: PathBuf,
        /// What the chemistry said.
        source: ChemError,
    },
    /// The system refused; nothing was left behind.
    #[error("{} was not written: {source}; {}", path.display(), remedy(source))]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space or choose another disk"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a folder that can be written"
        }
        _ => "nothing was left behind",
    }
}

/// What goes wrong inside a format.
enum Failure {
    Io(io::Error),
    Chem(ChemError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes samples to `path` in the format of its extension.
///
/// # Errors
/// [`OutputError`]; whatever goes wrong, neither a partial file nor a temporary one stays behind,
/// and a file that was there is untouched.
pub fn write(table: &SampleTable, path: &Path, overwrite: bool) -> Result<Written, OutputError> {
    let format = Format::of(path)?;
    check(table)?;
    check_molecules(table, path, format)?;
    check_sequences(table, path, format)?;
    let failed = |source| OutputError::Io {
        path: path.to_owned(),
        source,
    };
    let exists = || OutputError::Exists {
        path: path.to_owned(),
    };
    if !overwrite && path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(OutputError::NoFolder {
            path: path.to_owned(),
            folder: folder.to_owned(),
        });
    }
    let mut file = temporary(folder).map_err(failed)?;
    write_format(table, format, file.as_file_mut()).map_err(|failure| match failure {
        Failure::Io(source) => failed(source),
        Failure::Chem(source) => OutputError::Chem {
            path: path.to_owned(),
            source,
        },
    })?;
    file.as_file().sync_all().map_err(failed)?;
    let bytes = file.as_file().metadata().map_err(failed)?.len();
    let placed = if overwrite {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    placed.map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => failed(error.error),
    })?;
    sync_folder(folder).map_err(failed)?;
    Ok(Written {
        path: path.to_owned(),
        rows: table.rows.len(),
        bytes,
    })
}

fn write_format(
    table: &SampleTable,
    format: Format,
    out: &mut (impl Write + Send),
) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(out);
    match format {
        Format::Csv => text::csv(table, &mut out)?,
        Format::Smi => text::smi(table, &mut out)?,
        Format::Sdf => text::sdf(table, &mut out)?,
        Format::JsonLines => text::json_lines(table, &mut out)?,
        Format::Parquet => columns::parquet(table, &mut out)?,
        Format::Fasta => text::fasta(table, &mut out)?,
    }
    // A drop would lose the error of the last bytes.
    out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(())
}

/// A file with the permissions of any new file, where a temporary one is private.
fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".samples-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Makes the rename itself durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn check(table: &SampleTable) -> Result<(), OutputError> {
    let titles = table.titles();
    for (i, title) in titles.iter().enumerate() {
        if titles[..i].contains(title) {
            return Err(OutputError::Malformed {
                reason: format!("two columns are called {title:?}"),
            });
        }
    }
    let columns = table.columns.len();
    match table.rows.iter().find(|row| row.values.len() != columns) {
        Some(row) => Err(OutputError::Malformed {
            reason: format!(
                "{:?} has {} values for {columns} columns",
                row.text,
                row.values.len()
            ),
        }),
        None => Ok(()),
    }
}

fn check_molecules(table: &SampleTable, path: &Path, format: Format) -> Result<(), OutputError> {
    let wrong = match format {
        Format::Sdf => table.rows.iter().find(|row| row.molecule.is_none()),
        Format::Smi if table.object != "smiles" => table.rows.first(),
        _ => None,
    };
    match wrong {
        Some(row) => Err(OutputError::NotMolecules {
            path: path.to_owned(),
            extension: format.extension(),
            object: table.object.clone(),
            text: row.text.clone(),
        }),
        None => Ok(()),
    }
}

/// What sequences are called; other objects, such as bits, are no sequences to programs that read FASTA.
const SEQUENCES: [&str; 4] = ["dna", "rna", "protein", "sequence"];

fn check_sequences(table: &SampleTable, path: &Path, format: Format) -> Result<(), OutputError> {
    if format != Format::Fasta {
        return Ok(());
    }
    let named = SEQUENCES.contains(&table.object.as_str());
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphabetic() || c == '*');
    match table.rows.iter().find(|row| !named || !plain(&row.text)) {
        Some(row) => Err(OutputError::NotSequences {
            path: path.to_owned(),
            object: table.object.clone(),
            text: row.text.clone(),
        }),
        None => Ok(()),
    }
}

impl SampleTable {
    /// Whether FASTA can hold all of it.
    #[must_use]
    pub fn is_fasta(&self) -> bool {
        check_sequences(self, Path::new("samples.fasta"), Format::Fasta).is_ok()
    }

    /// [3 + K] titles of all columns: the object, reward, log_reward, the further ones.
    #[must_use]
    pub fn titles(&self) -> Vec<&str> {
        [self.object.as_str(), "reward", "log_reward"]
            .into_iter()
            .chain(self.columns.iter().map(String::as_str))
            .collect()
    }
}

impl Sample {
    /// [2 + K] reward, log_reward and the further values.
    fn numbers(&self) -> impl Iterator<Item = f64> + '_ {
        [self.reward, self.log_reward]
            .into_iter()
            .chain(self.values.iter().copied())
    }
}

#[cfg(test)]
mod tests;
