//! What can be wrong with settings, where it stands and how to put it right.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File {
        /// Its name.
        name: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// In an argument of the form `key=value`.
    Argument(String),
    /// In a [`Config`](super::Config) built by a program, or in the defaults.
    Program,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Argument(text) => write!(f, "argument `{}`", shortened(text)),
            Self::Program => f.write_str("settings"),
        }
    }
}

/// Why settings are refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read the settings file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is too large to be settings.
    #[error("{} is not a settings file: it is over {limit} bytes long", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Most bytes accepted.
        limit: u64,
    },
    /// A file is not UTF-8 text.
    #[error("{} is not a settings file: byte {position} is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Bytes before the fault.
        position: usize,
    },
    /// The text is not TOML.
    #[error("{place}: not valid TOML: {message}")]
    Syntax {
        /// Where.
        place: Box<Place>,
        /// What the parser found.
        message: String,
    },
    /// An argument is not of the form `key=value`.
    #[error("{place}: {message}; write key=value, for example steps=500 or reward.qed=2")]
    Argument {
        /// Where.
        place: Box<Place>,
        /// What is wrong with it.
        message: String,
    },
    /// The file does not name its task.
    #[error(
        "{name}: the task is missing; add a line such as task = \"fragments\" (one of {known})"
    )]
    MissingTask {
        /// The file.
        name: String,
        /// The tasks there are.
        known: String,
    },
    /// No task, and no settings file, has this name.
    #[error(
        "unknown task {name:?}; did you mean {nearest:?}? Tasks: {known}; or give a .toml file"
    )]
    UnknownTask {
        /// The name given.
        name: String,
        /// The nearest task.
        nearest: String,
        /// All tasks.
        known: String,
    },
    /// Another task than the one whose defaults were taken.
    #[error(
        "{place}: the task is {task} already; start from {given} instead of overriding the task"
    )]
    OtherTask {
        /// Where.
        place: Box<Place>,
        /// The task in force.
        task: String,
        /// The one asked for.
        given: String,
    },
    /// No setting has this key.
    #[error("{place}: unknown key {key:?}; did you mean {nearest:?}? {hint}")]
    UnknownKey {
        /// Where.
        place: Box<Place>,
        /// The key as given.
        key: String,
        /// The nearest valid key.
        nearest: String,
        /// The valid keys around it.
        hint: String,
    },
    /// The value is of the wrong type or out of range.
    #[error("{place}: {key} = {value} is impossible; {key} must be {allowed}")]
    Value {
        /// Where.
        place: Box<Place>,
        /// The key.
        key: String,
        /// The value as given.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// The value is none of the names that are allowed.
    #[error("{place}: {key} = {value} is unknown; did you mean {nearest:?}? Allowed: {known}")]
    UnknownName {
        /// Where.
        place: Box<Place>,
        /// The key.
        key: String,
        /// The value as given.
        value: String,
        /// The nearest name.
        nearest: String,
        /// All names.
        known: String,
    },
    /// Settings do not fit together.
    #[error("{place}: {message}")]
    Rule {
        /// Where the latest of them was given.
        place: Box<Place>,
        /// Which settings, why, and the remedy.
        message: String,
    },
}

/// The candidate nearest to what was written; empty without candidates.
///
/// A key whose last part matches is nearer than one that only looks alike, so that a key given in the
/// wrong section is found: `learning_rate` is nearest to `optimizer.learning_rate`. So is `lr`: initials
/// count as the words they stand for.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    // Similarity is quadratic in length: no valid name is longer than this.
    let given: String = given.chars().take(80).collect::<String>().to_lowercase();
    let last = given.rsplit('.').next().unwrap_or_default().to_owned();
    let mut best = (f64::NEG_INFINITY, "");
    for candidate in candidates {
        let candidate_last = candidate.rsplit('.').next().unwrap_or_default();
        let whole = strsim::normalized_damerau_levenshtein(&given, candidate)
            .max(strsim::jaro_winkler(&given, candidate) - 0.1);
        let initials = candidate_last
            .split('_')
            .filter_map(|word| word.chars().next());
        let part = if last.len() > 1 && initials.eq(last.chars()) {
            2.0
        } else {
            strsim::normalized_damerau_levenshtein(&last, candidate_last)
        };
        let score = whole + 0.75 * part;
        if score > best.0 {
            best = (score, candidate);
        }
    }
    best.1.to_owned()
}

/// At most 80 characters of a text, on one line.
pub(crate) fn shortened(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(80).map(clean).collect();
    if text.chars().nth(80).is_some() {
        short.push_str("...");
    }
    short
}
