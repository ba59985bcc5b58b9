//! The contract: a batch of objects in, one answer each out, and what else may be heard meanwhile.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::OracleError;

/// What scores objects. It knows nothing of fates, stores or repetitions: that is the
/// [`Scorer`](crate::Scorer)'s part.
///
/// An implementor that answers differently for the same object, or that keeps its
/// [`source`](Self::source) while its answers change, makes the store mix scores that do not belong
/// together.
pub trait Oracle: Send + Sync {
    /// `[K]` names of the values of each answer; at least one, none twice.
    fn columns(&self) -> &[String];

    /// What answers, as a text that changes whenever the answers may: stored scores are used again only for
    /// the same source.
    fn source(&self) -> String;

    /// Asks for every object once and reports each answer as soon as it arrives, in any order.
    ///
    /// Every index must be answered exactly once before this returns `Ok`; what cannot be answered is an
    /// [`Answer::Failed`]. It looks at `should_stop` at least every half second where it waits for somebody
    /// else, and returns [`OracleError::Interrupted`] then. Only one call runs at a time.
    ///
    /// # Errors
    /// Where asking on is pointless, or `heard` returned an error, which is passed on. Answers that were
    /// reported before remain valid.
    fn ask(
        &self,
        objects: &[String],
        should_stop: &(dyn Fn() -> bool + Sync),
        heard: &mut Listener<'_>,
    ) -> Result<(), OracleError>;
}

/// Takes what arrived together.
pub type Listener<'a> = dyn FnMut(Vec<Heard>) -> Result<(), OracleError> + 'a;

/// Something that an oracle let us know.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The answer for one object.
    Answer {
        /// Place of the object in the batch.
        index: usize,
        /// What it is worth.
        answer: Answer,
        /// Seconds from asking to answer.
        seconds: f64,
    },
    /// Something that belongs to no object.
    Event {
        /// What it was.
        event: Event,
        /// An excerpt, for a message.
        text: String,
    },
}

/// What an oracle says of one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// `[K]` finite values, one for each column.
    Scores(Vec<f64>),
    /// No score.
    Failed {
        /// Why.
        kind: FailureKind,
        /// What the oracle said, for people; cut to 1000 bytes.
        message: String,
    },
}

/// Longest message that is kept, bytes.
const MESSAGE: usize = 1000;

impl Answer {
    /// A failure with its message cut to a sensible length.
    pub fn failed(kind: FailureKind, message: impl Into<String>) -> Self {
        Self::Failed {
            kind,
            message: excerpt(&message.into(), MESSAGE),
        }
    }

    /// The values, or the failure that is in them: a NaN or an infinity.
    pub fn of_values(columns: &[String], values: Vec<f64>) -> Self {
        for (column, value) in columns.iter().zip(&values) {
            if value.is_nan() {
                return Self::failed(FailureKind::Nan, format!("{column} is NaN"));
            }
            if value.is_infinite() {
                return Self::failed(FailureKind::Infinity, format!("{column} is {value}"));
            }
        }
        Self::Scores(values)
    }
}

/// At most `length` bytes of a text, cut between characters, control characters replaced.
pub(crate) fn excerpt(text: &str, length: usize) -> String {
    let clean = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    if text.len() <= length {
        return text.chars().map(clean).collect();
    }
    let mut end = length;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut out: String = text[..end].chars().map(clean).collect();
    out.push_str("...");
    out
}

/// Why an object has no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The oracle answered null.
    Null,
    /// The oracle answered that it cannot score the object.
    Error,
    /// A value is not a number.
    Nan,
    /// A value is an infinity.
    Infinity,
    /// A column is missing in the answer.
    MissingColumn,
    /// No answer in time.
    Timeout,
    /// The worker ended while it had the object.
    Crash,
    /// The oracle answered a batch without this object.
    Unanswered,
    /// The endpoint could not be reached, however often it was tried.
    Unreachable,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Null,
        Self::Error,
        Self::Nan,
        Self::Infinity,
        Self::MissingColumn,
        Self::Timeout,
        Self::Crash,
        Self::Unanswered,
        Self::Unreachable,
    ];

    /// The name in settings and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Error => "error",
            Self::Nan => "nan",
            Self::Infinity => "infinity",
            Self::MissingColumn => "missing_column",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::Unanswered => "unanswered",
            Self::Unreachable => "unreachable",
        }
    }

    /// The kind of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether the oracle gave this as its answer, so that asking again is not expected to help. The others
    /// are accidents: a new session asks such an object again.
    pub const fn is_answer(self) -> bool {
        matches!(
            self,
            Self::Null | Self::Error | Self::Nan | Self::Infinity | Self::MissingColumn
        )
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "the oracle answered null",
            Self::Error => "the oracle answered an error",
            Self::Nan => "the oracle answered a NaN",
            Self::Infinity => "the oracle answered an infinity",
            Self::MissingColumn => "the answer lacks a column",
            Self::Timeout => "no answer in time",
            Self::Crash => "the worker ended",
            Self::Unanswered => "the answer to the batch leaves it out",
            Self::Unreachable => "the endpoint cannot be reached",
        })
    }
}

/// What belongs to no single object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A further answer for an object that was answered, or given up, before.
    Duplicate,
    /// An answer for an object that nobody asked about.
    Unknown,
    /// What is no answer at all.
    Garbage,
    /// A worker was started again.
    Restart,
    /// An object was handed to another worker through no fault of its own.
    Resent,
    /// A request was tried again.
    Repeated,
}

impl Event {
    /// The name in settings and counts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Unknown => "unknown",
            Self::Garbage => "garbage",
            Self::Restart => "restart",
            Self::Resent => "resent",
            Self::Repeated => "repeated",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => "a second answer for one object",
            Self::Unknown => "an answer for an object that nobody asked about",
            Self::Garbage => "what is no answer",
            Self::Restart => "a worker's end",
            Self::Resent => "nothing for an object, which went to another worker",
            Self::Repeated => "a refusal, and the request was repeated",
        })
    }
}
