//! Settings of one's own score.

use std::path::{Path, PathBuf};

use anabranch_oracles::{
    CommandLine, CommandSettings, EventFate, Fate, Fates, HttpSettings, Protocol, StoreSettings,
};
use serde::{Deserialize, Serialize};

/// How a score of one's own (`reward.command`, `reward.url`, or a function of the calling program) is
/// asked, and what becomes of what is no score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OracleConfig {
    /// Names of the values of an answer.
    pub columns: Vec<String>,
    /// json or lines.
    pub protocol: Protocol,
    /// Processes of the command, or requests at a time.
    pub workers: usize,
    /// Objects that a process has at a time.
    pub in_flight: usize,
    /// Most objects of one request.
    pub batch: usize,
    /// Seconds for one object, or for one request.
    pub timeout: f64,
    /// Seconds for the first answer of a process.
    pub startup_timeout: f64,
    /// How often a request is repeated.
    pub retries: u32,
    /// Environment variable that holds the endpoint's token; empty for none.
    pub token_env: String,
    /// Name of what answers; empty for the command and its files, or the address.
    pub version: String,
    /// The file of scores; empty for `scores.sqlite` in the run folder.
    pub store: String,
    /// Whether failures of earlier sessions are asked again.
    pub forget_failures: bool,
    /// Objects of a random policy that are scored for comparison when training ends.
    pub compare: usize,
    /// The oracle answered null.
    pub on_null: Fate,
    /// The oracle answered an error.
    pub on_error: Fate,
    /// A value is NaN.
    pub on_nan: Fate,
    /// A value is an infinity.
    pub on_infinity: Fate,
    /// An answer lacks a column.
    pub on_missing_column: Fate,
    /// No answer in time.
    pub on_timeout: Fate,
    /// The worker ended.
    pub on_crash: Fate,
    /// The answer to a batch leaves the object out.
    pub on_unanswered: Fate,
    /// The endpoint cannot be reached.
    pub on_unreachable: Fate,
    /// A second answer for one object.
    pub on_duplicate: EventFate,
    /// An answer for an object that nobody asked about.
    pub on_unknown: EventFate,
    /// What is no answer.
    pub on_garbage: EventFate,
}

impl Default for OracleConfig {
    fn default() -> Self {
        let (command, http, fates) = (
            CommandSettings::default(),
            HttpSettings::default(),
            Fates::default(),
        );
        Self {
            columns: command.columns,
            protocol: command.protocol,
            workers: command.workers,
            in_flight: command.in_flight,
            batch: http.batch,
            timeout: command.timeout,
            startup_timeout: command.startup_timeout,
            retries: http.retries,
            token_env: String::new(),
            version: String::new(),
            store: String::new(),
            forget_failures: false,
            compare: 100,
            on_null: fates.null,
            on_error: fates.error,
            on_nan: fates.nan,
            on_infinity: fates.infinity,
            on_missing_column: fates.missing_column,
            on_timeout: fates.timeout,
            on_crash: fates.crash,
            on_unanswered: fates.unanswered,
            on_unreachable: fates.unreachable,
            on_duplicate: fates.duplicate,
            on_unknown: fates.unknown,
            on_garbage: fates.garbage,
        }
    }
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl OracleConfig {
    /// Settings of the command, whose questions name the object's text `field`.
    #[must_use]
    pub fn command(&self, command: &CommandLine, field: &str, json: bool) -> CommandSettings {
        CommandSettings {
            command: command.clone(),
            protocol: self.protocol,
            field: field.to_owned(),
            json_objects: json,
            columns: self.columns.clone(),
            workers: self.workers,
            in_flight: self.in_flight,
            timeout: self.timeout,
            startup_timeout: self.startup_timeout,
            version: given(&self.version),
            ..CommandSettings::default()
        }
    }

    /// Settings of the endpoint.
    #[must_use]
    pub fn http(&self, url: &str, field: &str, json: bool) -> HttpSettings {
        HttpSettings {
            url: url.to_owned(),
            field: field.to_owned(),
            json_objects: json,
            columns: self.columns.clone(),
            batch: self.batch,
            connections: self.workers,
            timeout: self.timeout,
            retries: self.retries,
            token_env: given(&self.token_env),
            version: given(&self.version),
            ..HttpSettings::default()
        }
    }

    /// Settings of the store of a run in `folder`.
    #[must_use]
    pub fn store(&self, folder: &Path) -> StoreSettings {
        StoreSettings {
            path: match given(&self.store) {
                Some(path) => PathBuf::from(path),
                None => folder.join(StoreSettings::default().path),
            },
            forget_failures: self.forget_failures,
            ..StoreSettings::default()
        }
    }

    /// What becomes of each failure and event.
    #[must_use]
    pub fn fates(&self) -> Fates {
        Fates {
            null: self.on_null,
            error: self.on_error,
            nan: self.on_nan,
            infinity: self.on_infinity,
            missing_column: self.on_missing_column,
            timeout: self.on_timeout,
            crash: self.on_crash,
            unanswered: self.on_unanswered,
            unreachable: self.on_unreachable,
            duplicate: self.on_duplicate,
            unknown: self.on_unknown,
            garbage: self.on_garbage,
        }
    }
}
