//! What can be wrong with a file of objects.

use std::path::PathBuf;

/// What can be wrong with a file of objects.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be opened or read.
    #[error("{file}: cannot be read{}: {source}", at(*.line))]
    Io {
        /// The file.
        file: PathBuf,
        /// Line that was reached, 0 before the first.
        line: u64,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Nobody can tell the format.
    #[error(
        "{file}: its name does not say what it is; call it .smi, .csv, .tsv, .sdf, .parquet or .fasta (each also \
         with .gz), or give the format"
    )]
    UnknownFormat {
        /// The file.
        file: PathBuf,
    },
    /// The file as a whole is not what it should be.
    #[error("{file}: {reason}")]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// One line or record is not what it should be.
    #[error("{file}: line {line}: {value:?}: {reason}")]
    Row {
        /// The file.
        file: PathBuf,
        /// The line on which the row begins.
        line: u64,
        /// What stands there, cut to a length that can be shown.
        value: String,
        /// What is wrong and what to do.
        reason: String,
        /// Whether rows after it can still be read.
        goes_on: bool,
    },
    /// There is no such column.
    #[error("{file}: there is no column {column}; it has {known}")]
    NoColumn {
        /// The file.
        file: PathBuf,
        /// What was asked for.
        column: String,
        /// The columns that there are.
        known: String,
    },
}

impl LoadError {
    /// Whether rows after this error can still be read.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        matches!(self, Self::Row { goes_on: true, .. })
    }

    /// The line, where the error has one.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Row { line, .. } => Some(*line),
            Self::Io { line, .. } => Some(*line).filter(|line| *line > 0),
            _ => None,
        }
    }
}

fn at(line: u64) -> String {
    match line {
        0 => String::new(),
        line => format!(" after line {line}"),
    }
}

/// Text that fits into a message.
pub(super) fn shown(text: &str) -> String {
    const LENGTH: usize = 60;
    let mut shown: String = text.chars().take(LENGTH).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}
