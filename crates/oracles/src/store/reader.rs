//! Reading a store without taking part in a session.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::{answer, count, file};
use crate::oracle::Answer;

/// A store, open to read from. Nothing is written, and a session that is running is not disturbed.
#[derive(Debug)]
pub struct StoreReader {
    path: PathBuf,
    connection: Connection,
}

/// What a store holds of one source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSummary {
    /// Number in this store.
    pub id: i64,
    /// What answered, as [`Oracle::source`](crate::Oracle::source) describes it.
    pub source: String,
    /// `[K]` names of the values.
    pub columns: Vec<String>,
    /// Objects by kind of answer: `scores`, or a [`FailureKind`](crate::FailureKind) by name.
    pub kinds: BTreeMap<String, u64>,
    /// How often the source was asked for these.
    pub attempts: u64,
    /// Sum of seconds from asking to the last answer.
    pub seconds: f64,
}

/// One object of a store.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRow {
    /// Number of the source.
    pub source: i64,
    /// The object's canonical text.
    pub object: String,
    /// The last answer.
    pub answer: Answer,
    /// How often it was asked.
    pub attempts: u64,
    /// From asking to the last answer.
    pub seconds: f64,
    /// When it was answered, as seconds since 1970-01-01 UTC.
    pub time: f64,
    /// The session that it was answered in.
    pub session: i64,
}

const ROWS: &str =
    "SELECT source, object, kind, scores, message, attempts, seconds, time, session FROM answers";

impl StoreReader {
    /// Opens a store.
    ///
    /// # Errors
    /// Where it is not one, of another version, damaged or locked.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            connection: file::read(path, Duration::from_secs(10))?,
            path: path.to_path_buf(),
        })
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        StoreError::of(&self.path, error)
    }

    /// Every source, in the order of their first use.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn sources(&self) -> Result<Vec<SourceSummary>, StoreError> {
        let read = || -> rusqlite::Result<Vec<SourceSummary>> {
            let mut select = self
                .connection
                .prepare("SELECT id, source, columns FROM sources ORDER BY id")?;
            let sources = select.query_map([], |row| {
                let columns: String = row.get(2)?;
                Ok(SourceSummary {
                    id: row.get(0)?,
                    source: row.get(1)?,
                    columns: serde_json::from_str(&columns).unwrap_or_default(),
                    kinds: BTreeMap::new(),
                    attempts: 0,
                    seconds: 0.0,
                })
            })?;
            let mut sources = sources.collect::<rusqlite::Result<Vec<_>>>()?;
            let mut counts = self.connection.prepare(
                "SELECT source, kind, count(*), sum(attempts), sum(seconds) FROM answers GROUP BY source, kind",
            )?;
            let mut rows = counts.query([])?;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                if let Some(source) = sources.iter_mut().find(|s| s.id == id) {
                    source.kinds.insert(row.get(1)?, count(row, 2)?);
                    source.attempts += count(row, 3)?;
                    source.seconds += row.get::<_, f64>(4)?;
                }
            }
            Ok(sources)
        };
        read().map_err(|e| self.failed(e))
    }

    /// Hands over every object, those of one source together, in the order of their texts.
    ///
    /// # Errors
    /// Where the file cannot be read, or `each` fails.
    pub fn each<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(StoredRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |e| E::from(self.failed(e));
        let mut select = self
            .connection
            .prepare(&format!("{ROWS} ORDER BY source, object"))
            .map_err(failed)?;
        let mut rows = select.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            each(stored_row(row).map_err(failed)?)?;
        }
        Ok(())
    }

    /// The objects of a source with the highest values of its first column, best first; of docking those with the
    /// lowest affinity.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn best(&self, source: i64, count: u32) -> Result<Vec<StoredRow>, StoreError> {
        let read = || -> rusqlite::Result<Vec<StoredRow>> {
            let text: Option<String> = self
                .connection
                .query_row(
                    "SELECT source FROM sources WHERE id = ?1",
                    [source],
                    |row| row.get(0),
                )
                .optional()?;
            let order = match text.is_some_and(|text| crate::docking::is_source(&text)) {
                true => "ASC",
                false => "DESC",
            };
            self.connection
                .prepare(&format!(
                    "{ROWS} WHERE source = ?1 AND kind = 'scores'
                     ORDER BY json_extract(scores, '$[0]') {order}, object LIMIT ?2"
                ))?
                .query_map(params![source, count], stored_row)?
                .collect()
        };
        read().map_err(|e| self.failed(e))
    }

    /// How many objects are being asked, or were when their session was killed.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn asking(&self) -> Result<u64, StoreError> {
        self.connection
            .query_row("SELECT count(*) FROM asking", [], |row| count(row, 0))
            .map_err(|e| self.failed(e))
    }
}

fn stored_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredRow> {
    Ok(StoredRow {
        source: row.get(0)?,
        object: row.get(1)?,
        answer: answer(row.get(2)?, row.get(3)?, row.get(4)?)?,
        attempts: count(row, 5)?,
        seconds: row.get(6)?,
        time: row.get(7)?,
        session: row.get(8)?,
    })
}
