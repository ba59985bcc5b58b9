//! Which format a file has.

use std::path::Path;

use super::error::LoadError;

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One SMILES for each line, and a name.
    Smiles,
    /// Fields between delimiters below a line of names.
    Csv,
    /// Molecules with coordinates and data items.
    Sdf,
    /// Columns in binary form.
    Parquet,
    /// Sequences below lines that begin with `>`.
    Fasta,
}

impl Format {
    /// What a file's name says, `.gz` at its end left out.
    ///
    /// # Errors
    /// [`LoadError::UnknownFormat`] for any other extension.
    pub fn of(file: &Path) -> Result<Self, LoadError> {
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        Self::parse(extension).ok_or_else(|| LoadError::UnknownFormat {
            file: file.to_owned(),
        })
    }

    /// The format with this extension or name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "smi" | "smiles" | "ism" => Self::Smiles,
            "csv" | "tsv" | "tab" => Self::Csv,
            "sdf" | "sd" | "mol" => Self::Sdf,
            "parquet" | "pq" => Self::Parquet,
            "fasta" | "fa" | "faa" | "fna" | "fas" => Self::Fasta,
            _ => return None,
        })
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Smiles => "SMILES",
            Self::Csv => "CSV",
            Self::Sdf => "SDF",
            Self::Parquet => "Parquet",
            Self::Fasta => "FASTA",
        }
    }
}

/// How to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The format; else what the file's name says.
    pub format: Option<Format>,
    /// The delimiter of CSV; else the one that the first line has most of.
    pub delimiter: Option<u8>,
}
