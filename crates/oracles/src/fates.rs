//! What becomes of an object without a score, and of what nobody asked for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::OracleError;
use crate::oracle::{Event, FailureKind};

/// The end of an object without a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It gets the floor reward: the sampler learns to avoid it.
    Floor,
    /// Its trajectory is left out of the batch: the sampler learns nothing from it.
    Drop,
    /// The run stops with an error that names the object.
    Stop,
}

/// What becomes of a failure. Written `floor`, `drop`, `stop`, or `retry 2 then floor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fate {
    /// How many times more the object is asked in this session.
    pub retries: u32,
    /// What happens after that.
    pub end: End,
}

impl Fate {
    /// The floor reward at once.
    pub const FLOOR: Self = Self::after(0, End::Floor);
    /// Left out at once.
    pub const DROP: Self = Self::after(0, End::Drop);
    /// An error at once.
    pub const STOP: Self = Self::after(0, End::Stop);

    /// An end after a number of retries.
    pub const fn after(retries: u32, end: End) -> Self {
        Self { retries, end }
    }
}

/// Most retries of one object: more would be a run that never ends.
const RETRIES: u32 = 1000;

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Floor => "floor",
            Self::Drop => "drop",
            Self::Stop => "stop",
        })
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.retries {
            0 => write!(f, "{}", self.end),
            n => write!(f, "retry {n} then {}", self.end),
        }
    }
}

impl FromStr for Fate {
    type Err = OracleError;

    fn from_str(text: &str) -> Result<Self, OracleError> {
        let refused = || OracleError::Text {
            name: "a fate".into(),
            value: text.into(),
            expected: "floor, drop, stop, or one of them after retries: retry 2 then floor",
        };
        let end = |word: &str| match word {
            "floor" => Some(End::Floor),
            "drop" => Some(End::Drop),
            "stop" => Some(End::Stop),
            _ => None,
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let (retries, word) = match words.as_slice() {
            [word] => (0, *word),
            ["retry", n, "then", word] => (n.parse().map_err(|_| refused())?, *word),
            _ => return Err(refused()),
        };
        let end = end(word).ok_or_else(refused)?;
        if retries > RETRIES {
            return Err(OracleError::Setting {
                name: "retries of a fate".into(),
                value: f64::from(retries),
                expected: "at most 1000",
            });
        }
        Ok(Self { retries, end })
    }
}

impl TryFrom<String> for Fate {
    type Error = OracleError;

    fn try_from(text: String) -> Result<Self, OracleError> {
        text.parse()
    }
}

impl From<Fate> for String {
    fn from(fate: Fate) -> Self {
        fate.to_string()
    }
}

/// What becomes of an event on the stream of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventFate {
    /// It is counted.
    Ignore,
    /// The run stops with an error that quotes it.
    Stop,
}

/// A fate for everything that may happen instead of a score. The defaults are those of
/// [`Fates::default`]: what the oracle says of an object counts as the floor, what is no number leaves the
/// trajectory out, accidents are retried, and what is wrong with the set-up stops the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fates {
    /// The oracle answered null. Default: floor.
    pub null: Fate,
    /// The oracle answered an error. Default: floor.
    pub error: Fate,
    /// A value is NaN. Default: drop, since nothing says that the object is bad.
    pub nan: Fate,
    /// A value is an infinity. Default: drop.
    pub infinity: Fate,
    /// An answer lacks a column. Default: stop, since every answer will.
    pub missing_column: Fate,
    /// No answer in time. Default: retry 1 then drop.
    pub timeout: Fate,
    /// The worker ended. Default: retry 2 then drop.
    pub crash: Fate,
    /// The answer to a batch leaves the object out. Default: retry 1 then drop.
    pub unanswered: Fate,
    /// The endpoint cannot be reached, after its own retries. Default: stop.
    pub unreachable: Fate,
    /// A second answer for one object; the first one holds. Default: ignore.
    pub duplicate: EventFate,
    /// An answer for an object that nobody asked about. Default: ignore.
    pub unknown: EventFate,
    /// What is no answer, on the stream of answers. Default: ignore.
    pub garbage: EventFate,
}

impl Default for Fates {
    fn default() -> Self {
        Self {
            null: Fate::FLOOR,
            error: Fate::FLOOR,
            nan: Fate::DROP,
            infinity: Fate::DROP,
            missing_column: Fate::STOP,
            timeout: Fate::after(1, End::Drop),
            crash: Fate::after(2, End::Drop),
            unanswered: Fate::after(1, End::Drop),
            unreachable: Fate::STOP,
            duplicate: EventFate::Ignore,
            unknown: EventFate::Ignore,
            garbage: EventFate::Ignore,
        }
    }
}

impl Fates {
    /// The fate of a failure.
    pub fn of(&self, kind: FailureKind) -> Fate {
        match kind {
            FailureKind::Null => self.null,
            FailureKind::Error => self.error,
            FailureKind::Nan => self.nan,
            FailureKind::Infinity => self.infinity,
            FailureKind::MissingColumn => self.missing_column,
            FailureKind::Timeout => self.timeout,
            FailureKind::Crash => self.crash,
            FailureKind::Unanswered => self.unanswered,
            FailureKind::Unreachable => self.unreachable,
        }
    }

    /// The fate of an event; restarts and repetitions are ordinary.
    pub fn of_event(&self, event: Event) -> EventFate {
        match event {
            Event::Duplicate => self.duplicate,
            Event::Unknown => self.unknown,
            Event::Garbage => self.garbage,
            Event::Restart | Event::Resent | Event::Repeated => EventFate::Ignore,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fates_are_written_as_they_are_read() {
        for text in ["floor", "drop", "stop", "retry 3 then floor"] {
            assert_eq!(text.parse::<Fate>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "retry",
            "retry 2",
            "retry -1 then drop",
            "retry 2 then retry",
            "retry 9999 then drop",
        ] {
            assert!(text.parse::<Fate>().is_err(), "{text}");
        }
    }

    #[test]
    fn settings_may_name_some_and_no_unknown_ones() {
        let fates: Fates = serde_json::from_str(r#"{"timeout": "retry 5 then stop"}"#).unwrap();
        assert_eq!(fates.timeout, Fate::after(5, End::Stop));
        assert_eq!(fates.null, Fates::default().null);
        assert!(serde_json::from_str::<Fates>(r#"{"time_out": "drop"}"#).is_err());
    }
}
