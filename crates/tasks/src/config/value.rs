//! Values as the user wrote them, and their check against what a key may hold.

use std::fmt;

use anabranch_oracles::Fate;
use serde_json::{Value, json};
use toml::de::DeValue;

use super::error::{ConfigError, Place, nearest, shortened};
use super::keys::Allowed;

/// A value of a file, an argument or a finished [`Config`](super::Config).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Given {
    Integer(i128),
    Number(f64),
    Text(String),
    Flag(bool),
    Array(Vec<Given>),
    Table(Vec<(String, Given)>),
    /// What no key may hold: a date, a number too large to be read.
    Other(String),
}

impl Given {
    pub(crate) fn from_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
                .map_or_else(|_| Self::Other(integer.as_str().to_owned()), Self::Integer),
            DeValue::Float(float) => float
                .as_str()
                .parse()
                .map_or_else(|_| Self::Other(float.as_str().to_owned()), Self::Number),
            DeValue::Boolean(flag) => Self::Flag(*flag),
            DeValue::Datetime(date) => Self::Other(date.to_string()),
            DeValue::Array(items) => Self::Array(
                items
                    .iter()
                    .map(|item| Self::from_toml(item.get_ref()))
                    .collect(),
            ),
            DeValue::Table(table) => Self::Table(
                table
                    .iter()
                    .map(|(key, value)| {
                        let key: &str = key.get_ref();
                        (key.to_owned(), Self::from_toml(value.get_ref()))
                    })
                    .collect(),
            ),
        }
    }

    /// From a serialised configuration, where a number that is not finite has become null.
    pub(crate) fn from_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Number(f64::NAN),
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(integer), ..) => Self::Integer(integer.into()),
                (None, Some(integer), _) => Self::Integer(integer.into()),
                (None, None, float) => Self::Number(float.unwrap_or(f64::NAN)),
            },
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::Array(items.iter().map(Self::from_json).collect()),
            Value::Object(table) => Self::Table(
                table
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::from_json(value)))
                    .collect(),
            ),
        }
    }

    /// As a number; whole numbers count.
    fn number(&self) -> Option<f64> {
        match self {
            // Exact to 2^53, and no setting is larger.
            Self::Integer(integer) => Some(*integer as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The value in the form the configuration is built from, if `allowed` allows it.
    pub(crate) fn check(
        &self,
        key: &str,
        allowed: Allowed,
        place: &Place,
    ) -> Result<Value, ConfigError> {
        let checked = match (allowed, self) {
            (Allowed::Integer(low, high), Self::Integer(integer)) => u64::try_from(*integer)
                .ok()
                .filter(|value| (low..=high).contains(value))
                .map(|value| json!(value)),
            (Allowed::Number(..), value) => value
                .number()
                .filter(|number| allowed.holds(*number))
                .map(|number| json!(number)),
            (Allowed::Flag, Self::Flag(flag)) => Some(json!(flag)),
            (Allowed::Text, Self::Text(text)) if !text.trim().is_empty() => Some(json!(text)),
            (Allowed::AnyText, Self::Text(text)) => Some(json!(text)),
            (Allowed::Fate, Self::Text(text)) => text
                .parse::<Fate>()
                .ok()
                .map(|fate| json!(fate.to_string())),
            (Allowed::Command, Self::Text(text)) if !text.trim().is_empty() => Some(json!(text)),
            (Allowed::Texts, Self::Text(text)) if !text.trim().is_empty() => Some(json!([text])),
            (
                Allowed::Names | Allowed::AnyNames | Allowed::Texts | Allowed::Command,
                Self::Array(items),
            ) if !items.is_empty() || allowed == Allowed::AnyNames => {
                let words = items.iter().map(|item| match item {
                    Self::Text(text) if !text.is_empty() => Some(text),
                    _ => None,
                });
                words.collect::<Option<Vec<_>>>().map(|words| json!(words))
            }
            (Allowed::Choice(names), Self::Text(text)) => {
                if !names.contains(&text.as_str()) {
                    return Err(ConfigError::UnknownName {
                        place: Box::new(place.clone()),
                        key: key.to_owned(),
                        value: self.to_string(),
                        nearest: nearest(text, names.iter().copied()),
                        known: names.join(", "),
                    });
                }
                Some(json!(text))
            }
            (Allowed::Beta, value) => value.check_beta(key, place)?,
            _ => None,
        };
        checked.ok_or_else(|| self.refuse(key, allowed.to_string(), place))
    }

    pub(crate) fn refuse(&self, key: &str, allowed: String, place: &Place) -> ConfigError {
        ConfigError::Value {
            place: Box::new(place.clone()),
            key: key.to_owned(),
            value: shortened(&self.to_string()),
            allowed,
        }
    }

    fn check_beta(&self, key: &str, place: &Place) -> Result<Option<Value>, ConfigError> {
        const KINDS: [&str; 4] = ["uniform", "log_uniform", "gamma", "beta"];
        if let Some(number) = self.number() {
            return Ok((number > 0.0 && number <= 1e4).then(|| json!(number)));
        }
        let Self::Table(table) = self else {
            return Ok(None);
        };
        let [(kind, parameters)] = table.as_slice() else {
            return Ok(None);
        };
        if !KINDS.contains(&kind.as_str()) {
            return Err(ConfigError::UnknownName {
                place: Box::new(place.clone()),
                key: key.to_owned(),
                value: self.to_string(),
                nearest: nearest(kind, KINDS),
                known: KINDS.join(", "),
            });
        }
        let Self::Array(parameters) = parameters else {
            return Ok(None);
        };
        let numbers: Option<Vec<f64>> = parameters
            .iter()
            .map(|item| item.number().filter(|n| *n > 0.0 && *n <= 1e4))
            .collect();
        let Some(&[first, second]) = numbers.as_deref() else {
            return Ok(None);
        };
        if kind.ends_with("uniform") && first >= second {
            let order = format!("{kind} = [low, high] with low below high");
            return Err(self.refuse(key, order, place));
        }
        Ok(Some(json!({ kind: [first, second] })))
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Number(number) if number.is_nan() => f.write_str("nan"),
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Text(text) => write!(f, "{:?}", shortened(text)),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Other(text) => f.write_str(text),
            Self::Array(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Table(table) => {
                f.write_str("{")?;
                for (i, (key, value)) in table.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{} = {value}", shortened(key))?;
                }
                f.write_str("}")
            }
        }
    }
}
