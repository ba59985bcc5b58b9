//! One answer as JSON: `{"id":1,"score":0.5}`, `{"id":1,"scores":{"a":1,"b":2}}`, `{"id":1,"error":"..."}`.

use serde_json::{Map, Value};

use crate::oracle::{Answer, FailureKind, excerpt};

/// Longest quotation of what was no answer, bytes.
const QUOTE: usize = 200;

/// What a piece of JSON says.
#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    /// An answer for the object with this number.
    Answer(u64, Answer),
    /// An answer for something that we never number so.
    Unknown(String),
    /// No answer at all.
    Garbage(String),
}

/// Reads one line.
pub(crate) fn read(line: &str, columns: &[String]) -> Reply {
    match parse(line) {
        Some(value) => of_value(&value, columns),
        None => Reply::Garbage(excerpt(line, QUOTE)),
    }
}

/// Reads one answer of a list.
pub(crate) fn of_value(value: &Value, columns: &[String]) -> Reply {
    let garbage = || Reply::Garbage(excerpt(&value.to_string(), QUOTE));
    let Value::Object(fields) = value else {
        return garbage();
    };
    let id = match fields.get("id") {
        Some(Value::Number(n)) => n.as_u64().ok_or_else(|| n.to_string()),
        Some(Value::String(s)) => s.parse().map_err(|_| s.clone()),
        Some(other) => Err(other.to_string()),
        None => return garbage(),
    };
    match id {
        Ok(id) => Reply::Answer(id, answer(fields, columns)),
        Err(id) => Reply::Unknown(excerpt(&id, QUOTE)),
    }
}

fn answer(fields: &Map<String, Value>, columns: &[String]) -> Answer {
    match fields.get("error") {
        None | Some(Value::Null) => {}
        Some(Value::String(message)) => {
            return Answer::failed(FailureKind::Error, message.as_str());
        }
        Some(other) => return Answer::failed(FailureKind::Error, other.to_string()),
    }
    let found: Vec<Option<&Value>> = match (fields.get("scores"), fields.get("score")) {
        (Some(Value::Null), _) | (None, Some(Value::Null)) => {
            return Answer::failed(FailureKind::Null, "");
        }
        (Some(Value::Object(scores)), _) => columns.iter().map(|c| scores.get(c)).collect(),
        (Some(_), _) => {
            return Answer::failed(
                FailureKind::MissingColumn,
                "\"scores\" must be an object with a number for each column",
            );
        }
        (None, Some(score)) if columns.len() == 1 => vec![Some(score)],
        (None, Some(_)) => {
            let message = format!(
                "one \"score\" where \"scores\" must have {}",
                columns.join(", ")
            );
            return Answer::failed(FailureKind::MissingColumn, message);
        }
        (None, None) => {
            let message = "the answer has neither \"score\" nor \"scores\" nor \"error\"";
            return Answer::failed(FailureKind::MissingColumn, message);
        }
    };
    let mut values = Vec::with_capacity(columns.len());
    for (column, value) in columns.iter().zip(found) {
        match value {
            None => {
                let message = format!("\"scores\" has no {column:?}");
                return Answer::failed(FailureKind::MissingColumn, message);
            }
            Some(Value::Null) => {
                return Answer::failed(FailureKind::Null, format!("{column} is null"));
            }
            Some(value) => match number(value) {
                Some(value) => values.push(value),
                None => {
                    let message = format!("{column} is {value}, which is no number");
                    return Answer::failed(FailureKind::Error, message);
                }
            },
        }
    }
    Answer::of_values(columns, values)
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(word) => special(word),
        _ => None,
    }
}

fn special(word: &str) -> Option<f64> {
    match word {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// JSON, and what Python's `json` writes besides: `NaN`, `Infinity`, `-Infinity`; and numbers too large
/// for a float, which are infinities.
pub(crate) fn parse(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    serde_json::from_str(&quote_specials(text)?).ok()
}

/// Puts special numbers outside of strings into quotes; `None` where there is none.
fn quote_specials(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + 16);
    let (mut i, mut changed) = (0, false);
    while i < bytes.len() {
        let start = i;
        match bytes[i] {
            b'"' => {
                i += 1;
                while i < bytes.len() && bytes[i] != b'"' {
                    i += if bytes[i] == b'\\' { 2 } else { 1 };
                }
                i = (i + 1).min(bytes.len());
                out.push_str(text.get(start..i)?);
            }
            b'-' | b'+' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                while i < bytes.len()
                    && matches!(bytes[i], b'-' | b'+' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
                {
                    i += 1;
                }
                let word = &text[start..i];
                let infinite = || {
                    word.ends_with(|c: char| c.is_ascii_digit())
                        && word.parse().is_ok_and(f64::is_infinite)
                };
                if special(word).is_some() {
                    out.extend(["\"", word, "\""]);
                    changed = true;
                } else if infinite() {
                    let sign = if word.starts_with('-') { "-" } else { "" };
                    out.extend(["\"", sign, "Infinity\""]);
                    changed = true;
                } else {
                    out.push_str(word);
                }
            }
            _ => {
                i += text[start..].chars().next()?.len_utf8();
                out.push_str(&text[start..i]);
            }
        }
    }
    changed.then_some(out)
}

/// One object to ask about. `object` goes in as it is where it is JSON, else as a string.
///
/// # Errors
/// Where it should be JSON and is not.
pub(crate) fn question(
    id: u64,
    field: &str,
    object: &str,
    is_json: bool,
) -> Result<String, String> {
    let object = if is_json {
        serde_json::from_str::<serde::de::IgnoredAny>(object)
            .map_err(|e| format!("the object is not valid JSON: {e}"))?;
        // Line breaks in JSON are only ever between its parts: in strings they are escaped.
        object.replace(['\n', '\r'], " ")
    } else {
        Value::from(object).to_string()
    };
    let field = Value::from(field);
    Ok(format!("{{\"id\":{id},{field}:{object}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    fn kind(line: &str, names: &[&str]) -> Option<FailureKind> {
        match read(line, &columns(names)) {
            Reply::Answer(7, Answer::Failed { kind, .. }) => Some(kind),
            _ => None,
        }
    }

    #[test]
    fn scores_are_read() {
        let one = columns(&["score"]);
        let scores = |v: &[f64]| Reply::Answer(7, Answer::Scores(v.to_vec()));
        assert_eq!(read(r#"{"id":7,"score":0.5}"#, &one), scores(&[0.5]));
        assert_eq!(
            read(r#"{"score":2,"id":"7","error":null}"#, &one),
            scores(&[2.0])
        );
        let two = columns(&["a", "b"]);
        let line = r#"{"id":7,"scores":{"b":2,"a":1e-3,"c":9}}"#;
        assert_eq!(read(line, &two), scores(&[1e-3, 2.0]));
    }

    #[test]
    fn every_failure_is_told_apart() {
        let one = &["score"];
        assert_eq!(
            kind(r#"{"id":7,"score":null}"#, one),
            Some(FailureKind::Null)
        );
        assert_eq!(kind(r#"{"id":7,"score":NaN}"#, one), Some(FailureKind::Nan));
        for infinite in ["Infinity", "-Infinity", "1e999", "-1e999"] {
            let line = format!(r#"{{"id":7,"score":{infinite}}}"#);
            assert_eq!(kind(&line, one), Some(FailureKind::Infinity), "{line}");
        }
        assert_eq!(
            kind(r#"{"id":7,"error":"no \"NaN\" here"}"#, one),
            Some(FailureKind::Error)
        );
        assert_eq!(kind(r#"{"id":7}"#, one), Some(FailureKind::MissingColumn));
        assert_eq!(
            kind(r#"{"id":7,"score":"high"}"#, one),
            Some(FailureKind::Error)
        );
        let two = &["a", "b"];
        assert_eq!(
            kind(r#"{"id":7,"score":1}"#, two),
            Some(FailureKind::MissingColumn)
        );
        assert_eq!(
            kind(r#"{"id":7,"scores":{"a":1}}"#, two),
            Some(FailureKind::MissingColumn)
        );
        assert_eq!(
            kind(r#"{"id":7,"scores":{"a":1,"b":null}}"#, two),
            Some(FailureKind::Null)
        );
    }

    #[test]
    fn what_is_no_answer_is_garbage() {
        let one = columns(&["score"]);
        for line in [
            "",
            "hello",
            "1.5",
            "[]",
            r#"{"score":1}"#,
            r#"{"id":7,"score":0."#,
            "{NaN",
            "\"",
            "\"\\",
        ] {
            assert!(
                matches!(read(line, &one), Reply::Garbage(_)),
                "{line}: {:?}",
                read(line, &one)
            );
        }
        for line in [
            r#"{"id":-1,"score":1}"#,
            r#"{"id":"x","score":1}"#,
            r#"{"id":null,"score":1}"#,
        ] {
            assert!(matches!(read(line, &one), Reply::Unknown(_)), "{line}");
        }
    }

    #[test]
    fn questions_carry_any_text() {
        assert_eq!(
            question(3, "smiles", "C\"\n", false).unwrap(),
            r#"{"id":3,"smiles":"C\"\n"}"#
        );
        assert_eq!(
            question(3, "graph", "{\"b\":[1,\n 2],\"a\":0}", true).unwrap(),
            r#"{"id":3,"graph":{"b":[1,  2],"a":0}}"#
        );
        assert!(question(3, "graph", "{\"b\":", true).is_err());
    }
}
