//! What can go wrong with a store.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// An error with the file and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is no SQLite file.
    #[error(
        "{} is no store of scores, nor any SQLite file; name another file, it was not touched",
        path.display()
    )]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The file is an SQLite file of another program.
    #[error("{} is an SQLite file of another program; name another file, it was not touched", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by another version.
    #[error(
        "{} has store version {found}; this program reads version {expected}: use the program that wrote it",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: i64,
        /// Version of this program.
        expected: i64,
    },
    /// The file is damaged.
    #[error(
        "{} is damaged: {problem}; restore it from a copy, or save what can be read with \
         `sqlite3 {} .recover | sqlite3 new.sqlite`",
        path.display(), path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        problem: String,
    },
    /// Another program holds the file.
    #[error(
        "{} is locked by another program; close it (an open sqlite3 shell with a transaction, a backup), \
         or wait longer with store.lock_timeout",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("{} cannot be written: it is read-only; choose a place that can be written", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full.
    #[error(
        "{} cannot be written: the disk is full; free space and go on: what was stored is safe",
        path.display()
    )]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened.
    #[error("{} cannot be opened: {problem}; check the path and its permissions", path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// Anything else.
    #[error("the store {} failed: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// The error for what SQLite said of a file.
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotAStore { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt {
                path,
                problem: source.to_string(),
            },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::CannotOpen) => Self::CannotOpen {
                path,
                problem: source.to_string(),
            },
            _ => Self::Sqlite { path, source },
        }
    }
}
