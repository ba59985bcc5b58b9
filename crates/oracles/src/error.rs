//! What can go wrong with a score.

use anabranch_chem::ChemError;

use crate::oracle::{Event, FailureKind};
use crate::store::StoreError;

/// An error with the offending values and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OracleError {
    /// The chemistry failed.
    #[error(transparent)]
    Chem(#[from] ChemError),
    /// A strand of RNA or a landscape is not as it must be.
    #[error(transparent)]
    Rna(#[from] crate::rna::RnaError),
    /// The sEH proxy has no weights or no answer.
    #[error(transparent)]
    Seh(#[from] crate::seh::SehError),
    /// Docking cannot be set up.
    #[error(transparent)]
    Docking(#[from] crate::docking::DockingError),
    /// A model in an ONNX file cannot be used.
    #[error(transparent)]
    Onnx(#[from] crate::onnx::OnnxError),
    /// The store of scores failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A number is set up in a way that cannot work.
    #[error("{name} is {value}; it must be {expected}")]
    Setting {
        /// Which setting.
        name: String,
        /// The value given.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A text is set up in a way that cannot work.
    #[error("{name} is {value:?}; it must be {expected}")]
    Text {
        /// Which setting.
        name: String,
        /// The text given.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// No property has a weight.
    #[error("the reward has no property with a weight above 0; set one, for example reward.qed=1")]
    NoProperty,
    /// Two lists that belong together differ in length.
    #[error("{name} has {got} entries; it must have {expected}")]
    WrongLength {
        /// Which list.
        name: &'static str,
        /// Its length.
        got: usize,
        /// The length of what it belongs to.
        expected: usize,
    },
    /// A value is a NaN or an infinity, or becomes one.
    #[error("{name} is {value}; a reward needs finite values, so give such objects a fate")]
    NotFinite {
        /// What it is of.
        name: String,
        /// The value found.
        value: f64,
    },
    /// A value that is taken as it is lies below 0.
    #[error(
        "{name} is {value}; taken raw it must be at least 0: give it a range, a sigmoid or a step"
    )]
    Negative {
        /// What it is of.
        name: String,
        /// The value found.
        value: f64,
    },
    /// The command of an oracle cannot be started.
    #[error("the oracle's command `{command}` cannot be started: {source}; {remedy}")]
    Start {
        /// The command as one line.
        command: String,
        /// What the system said.
        source: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The command of an oracle ends or falls silent again and again.
    #[error(
        "the oracle's command `{command}` failed {failures} times in a row without one answer; the last \
         time it {ending}{}; try the command by hand with one line of input",
        last_words(.stderr)
    )]
    Dies {
        /// The command as one line.
        command: String,
        /// How many times.
        failures: u32,
        /// How it ended: exit status, signal or time-out.
        ending: String,
        /// The last lines that it wrote to standard error.
        stderr: String,
    },
    /// An endpoint refused, or answered what is no answer.
    #[error("the oracle at {url} {problem}")]
    Endpoint {
        /// The address without query or user.
        url: String,
        /// What happened and the remedy.
        problem: String,
    },
    /// The token of an endpoint is not to be had.
    #[error(
        "the environment variable {name} {problem}; set it to the token of the oracle's endpoint"
    )]
    Token {
        /// The variable.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A function that scores failed as a whole.
    #[error("the scoring function failed: {message}")]
    Callable {
        /// What it said.
        message: String,
    },
    /// A failure whose fate is to stop.
    #[error(
        "no score for {object:?}: {kind}{}; this stops the run because fates.{} is set so: floor, drop \
         and retry go on",
        said(.message), .kind.name()
    )]
    Stopped {
        /// The object.
        object: String,
        /// What happened to it.
        kind: FailureKind,
        /// What the oracle said.
        message: String,
    },
    /// An event on the stream of answers whose fate is to stop.
    #[error(
        "the oracle sent {event}{}; this stops the run because fates.{} is stop: ignore goes on",
        said(.text), .event.name()
    )]
    StoppedByEvent {
        /// What it was.
        event: Event,
        /// An excerpt.
        text: String,
    },
    /// Somebody asked to stop while scores were awaited; what was answered is in the store.
    #[error("scoring was interrupted; every score that was answered is stored")]
    Interrupted,
    /// A thread or a file of the machinery failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

fn said(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

fn last_words(stderr: &str) -> String {
    if stderr.trim().is_empty() {
        " and wrote nothing to standard error".into()
    } else {
        format!(" and wrote\n{}\n", stderr.trim_end())
    }
}
