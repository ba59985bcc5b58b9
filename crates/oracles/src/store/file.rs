//! The SQLite file: how it is opened, what is in it.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::error::StoreError;

/// Says that a file is a store: "ANBR".
pub(super) const APPLICATION: i64 = 0x414E_4252;
/// Layout that this version reads and writes.
pub(super) const VERSION: i64 = 1;

/// One row for each object that was answered for, by source; and one for each that is being asked.
/// `scores` is a JSON list of numbers in the order of the source's columns; `time` is in seconds since
/// 1970-01-01 UTC; `seconds` from asking to answer.
const LAYOUT: &str = "
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL UNIQUE,
    columns TEXT NOT NULL
);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started REAL NOT NULL,
    process INTEGER NOT NULL
);
CREATE TABLE answers (
    source INTEGER NOT NULL REFERENCES sources (id),
    object TEXT NOT NULL,
    kind TEXT NOT NULL,
    scores TEXT,
    message TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    seconds REAL NOT NULL,
    time REAL NOT NULL,
    session INTEGER NOT NULL REFERENCES sessions (id),
    PRIMARY KEY (source, object)
) WITHOUT ROWID;
CREATE TABLE asking (
    source INTEGER NOT NULL REFERENCES sources (id),
    object TEXT NOT NULL,
    session INTEGER NOT NULL REFERENCES sessions (id),
    PRIMARY KEY (source, object)
) WITHOUT ROWID;
";

/// Opens a store to write to; makes it where there is none.
pub(super) fn open(path: &Path, patience: Duration) -> Result<Connection, StoreError> {
    let failed = |e| StoreError::of(path, e);
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty())
        && !folder.is_dir()
    {
        return Err(StoreError::CannotOpen {
            path: path.to_path_buf(),
            problem: format!("there is no folder {}", folder.display()),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(patience).map_err(failed)?;
    // Before anything is written: a file of somebody else's stays as it is.
    let empty = check(&connection, path)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(StoreError::ReadOnly {
            path: path.to_path_buf(),
        });
    }
    write_ahead(&connection, patience).map_err(failed)?;
    // Each commit reaches the disk before it returns: a score that was handed out outlasts a power cut.
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(failed)?;
    if empty {
        prepare(&mut connection, path)?;
    }
    Ok(connection)
}

/// A store that lives as long as this program.
pub(super) fn in_memory(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open_in_memory().map_err(|e| StoreError::of(path, e))?;
    prepare(&mut connection, path)?;
    Ok(connection)
}

/// Opens a store to read from.
pub(super) fn read(path: &Path, patience: Duration) -> Result<Connection, StoreError> {
    let failed = |e| StoreError::of(path, e);
    if !path.is_file() {
        return Err(StoreError::CannotOpen {
            path: path.to_path_buf(),
            problem: "there is no such file".into(),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(patience).map_err(failed)?;
    if check(&connection, path)? {
        return Err(StoreError::NotAStore {
            path: path.to_path_buf(),
        });
    }
    Ok(connection)
}

/// Whether the file is empty; an error where it is not ours.
fn check(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    let failed = |e| StoreError::of(path, e);
    let number = |pragma: &str| -> Result<i64, StoreError> {
        connection
            .pragma_query_value(None, pragma, |row| row.get(0))
            .map_err(failed)
    };
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
        .map_err(failed)?;
    match (number("application_id")?, number("user_version")?) {
        (0, 0) if tables == 0 => Ok(true),
        (APPLICATION, VERSION) => Ok(false),
        (APPLICATION, found) => Err(StoreError::Version {
            path: path.to_path_buf(),
            found,
            expected: VERSION,
        }),
        _ => Err(StoreError::Foreign {
            path: path.to_path_buf(),
        }),
    }
}

/// Write-ahead logging: readers and the writer do not wait for each other, and a commit is one sync.
fn write_ahead(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get(0));
        if mode.is_ok_and(|mode: String| mode == "wal") {
            return Ok(());
        }
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())) {
            // SQLite does not wait by itself for the lock that this takes.
            Err(e)
                if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < patience =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            // A file system that cannot do it keeps the rollback journal, which is as safe.
            other => return other,
        }
    }
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |e| StoreError::of(path, e);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    // Another process may have been faster.
    if check(&transaction, path)? {
        transaction.execute_batch(LAYOUT).map_err(failed)?;
        transaction
            .pragma_update(None, "application_id", APPLICATION)
            .map_err(failed)?;
        transaction
            .pragma_update(None, "user_version", VERSION)
            .map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// Now, as seconds since 1970-01-01 UTC.
pub(super) fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |d| d.as_secs_f64())
}
