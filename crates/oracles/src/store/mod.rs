//! The store of scores: an SQLite file that every answer goes into before anybody uses it.
//!
//! A score is kept under the object's canonical text and the source that answered. Several processes may
//! share a store: each object is claimed before it is asked, so that none is asked by two.

mod error;
mod file;
mod reader;
mod session;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::oracle::{Answer, FailureKind};

pub use error::StoreError;
pub use reader::{SourceSummary, StoreReader, StoredRow};
use session::SessionLock;

/// Where scores are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// The file. Default: "scores.sqlite".
    pub path: PathBuf,
    /// Whether failures of earlier sessions are asked again. Time-outs, crashes and the like always are; this
    /// is for null, errors and values that are no number. Default: no.
    pub forget_failures: bool,
    /// Seconds to wait for another program that is writing. Default: 30.
    pub lock_timeout: f64,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            path: "scores.sqlite".into(),
            forget_failures: false,
            lock_timeout: 30.0,
        }
    }
}

/// A store, open for one session.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Mutex<Connection>,
    session: i64,
    forget_failures: bool,
    lost: u64,
    lock: Option<SessionLock>,
}

/// What a store holds of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The last answer; scores are never replaced.
    pub answer: Answer,
    /// How often it was asked.
    pub attempts: u64,
    /// The session that it was answered in.
    pub session: i64,
}

/// Who asks for an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Claim {
    /// Nobody needs to.
    Known(Stored),
    /// This session.
    Ours,
    /// Another session that is running.
    Elsewhere,
}

/// An answer that is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) index: usize,
    pub(crate) answer: Answer,
    pub(crate) seconds: f64,
    /// Whether it will be asked again at once.
    pub(crate) again: bool,
}

const SELECT: &str = "SELECT kind, scores, message, attempts, session FROM answers WHERE source = ?1 AND object = ?2";

impl Store {
    /// Opens a store and begins a session; the file is made where there is none.
    ///
    /// # Errors
    /// Where the file is not a store, is of another version, damaged, locked or cannot be written.
    pub fn open(settings: &StoreSettings) -> Result<Self, StoreError> {
        let patience = settings.lock_timeout.clamp(0.0, 1e6);
        let patience = Duration::try_from_secs_f64(patience).unwrap_or_default();
        let connection = file::open(&settings.path, patience)?;
        Self::begin(&settings.path, connection, settings.forget_failures, true)
    }

    /// A store that lives as long as this value.
    ///
    /// # Errors
    /// Where SQLite has no memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        let path = Path::new(":memory:");
        Self::begin(path, file::in_memory(path)?, false, false)
    }

    fn begin(
        path: &Path,
        mut connection: Connection,
        forget_failures: bool,
        shared: bool,
    ) -> Result<Self, StoreError> {
        let failed = |e| StoreError::of(path, e);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        transaction
            .execute(
                "INSERT INTO sessions (started, process) VALUES (?1, ?2)",
                params![file::now(), std::process::id()],
            )
            .map_err(failed)?;
        let session = transaction.last_insert_rowid();
        let lock = if shared {
            let lock = SessionLock::take(path, session).map_err(|e| StoreError::CannotOpen {
                path: path.to_path_buf(),
                problem: format!("its session cannot be locked: {e}"),
            })?;
            Some(lock)
        } else {
            None
        };
        // What sessions that ended in the middle were asking.
        let mut lost = 0;
        for dead in askers(&transaction).map_err(failed)? {
            if !session::is_alive(path, dead) {
                let gone = transaction.execute("DELETE FROM asking WHERE session = ?1", [dead]);
                lost += gone.map_err(failed)? as u64;
            }
        }
        transaction.commit().map_err(failed)?;
        Ok(Self {
            path: path.to_path_buf(),
            connection: Mutex::new(connection),
            session,
            forget_failures,
            lost,
            lock,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of this session.
    pub fn session(&self) -> i64 {
        self.session
    }

    /// How many objects earlier sessions were asking, or about to ask, when they were killed. Answers to at
    /// most so many were lost.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    pub(crate) fn forgets_failures(&self) -> bool {
        self.forget_failures
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A thread that panicked in the middle has left a transaction that was rolled back.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        StoreError::of(&self.path, error)
    }

    /// The number of a source.
    pub(crate) fn source(&self, source: &str, columns: &[String]) -> Result<i64, StoreError> {
        let columns = serde_json::Value::from(columns).to_string();
        let connection = self.connection();
        connection
            .execute(
                "INSERT INTO sources (source, columns) VALUES (?1, ?2) ON CONFLICT (source) DO NOTHING",
                [source, &columns],
            )
            .and_then(|_| {
                connection.query_row("SELECT id FROM sources WHERE source = ?1", [source], |row| {
                    row.get(0)
                })
            })
            .map_err(|e| self.failed(e))
    }

    /// Answers of every source but one.
    pub(crate) fn count_others(&self, source: i64) -> Result<u64, StoreError> {
        self.connection()
            .query_row(
                "SELECT count(*) FROM answers WHERE source <> ?1",
                [source],
                |row| count(row, 0),
            )
            .map_err(|e| self.failed(e))
    }

    /// What is held of each object.
    pub(crate) fn find(
        &self,
        source: i64,
        objects: &[String],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        let connection = self.connection();
        let find = || -> rusqlite::Result<Vec<Option<Stored>>> {
            let mut select = connection.prepare(SELECT)?;
            objects
                .iter()
                .map(|object| select.query_row(params![source, object], stored).optional())
                .collect()
        };
        find().map_err(|e| self.failed(e))
    }

    /// Claims what nobody has answered to `known`'s satisfaction and nobody else is asking.
    pub(crate) fn claim(
        &self,
        source: i64,
        objects: &[&str],
        known: impl Fn(&Stored) -> bool,
    ) -> Result<Vec<Claim>, StoreError> {
        let mut connection = self.connection();
        let mut alive: HashMap<i64, bool> = HashMap::new();
        let mut claim = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut claims = Vec::with_capacity(objects.len());
            {
                let mut select = transaction.prepare(SELECT)?;
                let mut asker = transaction
                    .prepare("SELECT session FROM asking WHERE source = ?1 AND object = ?2")?;
                let mut insert = transaction.prepare(
                    "INSERT OR REPLACE INTO asking (source, object, session) VALUES (?1, ?2, ?3)",
                )?;
                for object in objects {
                    let found = select
                        .query_row(params![source, object], stored)
                        .optional()?;
                    if let Some(found) = found.filter(|f| known(f)) {
                        claims.push(Claim::Known(found));
                        continue;
                    }
                    let asker: Option<i64> = asker
                        .query_row(params![source, object], |row| row.get(0))
                        .optional()?;
                    let elsewhere = asker.is_some_and(|asker| {
                        asker != self.session
                            && *alive
                                .entry(asker)
                                .or_insert_with(|| session::is_alive(&self.path, asker))
                    });
                    if elsewhere {
                        claims.push(Claim::Elsewhere);
                    } else {
                        insert.execute(params![source, object, self.session])?;
                        claims.push(Claim::Ours);
                    }
                }
            }
            transaction.commit()?;
            Ok(claims)
        };
        claim().map_err(|e| self.failed(e))
    }

    /// Stores answers for `objects` in one commit.
    pub(crate) fn commit(
        &self,
        source: i64,
        objects: &[String],
        answers: &[Arrived],
    ) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let mut commit = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut insert = transaction.prepare(
                    "INSERT INTO answers
                         (source, object, kind, scores, message, attempts, seconds, time, session)
                     VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8)
                     ON CONFLICT (source, object) DO UPDATE SET
                         kind = excluded.kind, scores = excluded.scores, message = excluded.message,
                         attempts = attempts + 1, seconds = excluded.seconds, time = excluded.time,
                         session = excluded.session
                     WHERE kind <> 'scores'",
                )?;
                let mut done = transaction.prepare(
                    "DELETE FROM asking WHERE source = ?1 AND object = ?2 AND session = ?3",
                )?;
                let now = file::now();
                for arrived in answers {
                    let object = &objects[arrived.index];
                    let (kind, scores, message) = match &arrived.answer {
                        Answer::Scores(values) => {
                            let scores = serde_json::Value::from(values.as_slice()).to_string();
                            ("scores", Some(scores), "")
                        }
                        Answer::Failed { kind, message } => (kind.name(), None, message.as_str()),
                    };
                    let seconds = arrived.seconds;
                    insert.execute(params![
                        source,
                        object,
                        kind,
                        scores,
                        message,
                        seconds,
                        now,
                        self.session
                    ])?;
                    if !arrived.again {
                        done.execute(params![source, object, self.session])?;
                    }
                }
            }
            transaction.commit()
        };
        commit().map_err(|e| self.failed(e))
    }

    /// Gives up every claim of this session.
    pub(crate) fn release(&self) -> Result<(), StoreError> {
        let connection = self.connection();
        // Without looking first, this would be one sync for nothing.
        let any = connection
            .prepare("SELECT 1 FROM asking WHERE session = ?1 LIMIT 1")
            .and_then(|mut select| select.exists([self.session]));
        any.and_then(|any| {
            if any {
                connection.execute("DELETE FROM asking WHERE session = ?1", [self.session])?;
            }
            Ok(())
        })
        .map_err(|e| self.failed(e))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Whatever stays, the next session finds that this one has ended.
        let _ = self.release();
        self.lock = None;
    }
}

/// Sessions that have claims.
fn askers(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare("SELECT DISTINCT session FROM asking")?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        answer: answer(row.get(0)?, row.get(1)?, row.get(2)?)?,
        attempts: count(row, 3)?,
        session: row.get(4)?,
    })
}

/// A count, which SQLite holds with a sign.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(i64::unsigned_abs)
}

/// An answer from its columns kind, scores and message.
fn answer(kind: String, scores: Option<String>, message: String) -> rusqlite::Result<Answer> {
    let wrong = |column: usize, what: String| {
        let error = std::io::Error::new(std::io::ErrorKind::InvalidData, what);
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
    };
    if kind == "scores" {
        let text = scores.unwrap_or_default();
        let values = serde_json::from_str(&text)
            .map_err(|_| wrong(1, format!("{text:?} is no list of scores")))?;
        return Ok(Answer::Scores(values));
    }
    match FailureKind::named(&kind) {
        Some(kind) => Ok(Answer::Failed { kind, message }),
        None => Err(wrong(0, format!("{kind:?} is no kind of answer"))),
    }
}

#[cfg(test)]
mod tests;
