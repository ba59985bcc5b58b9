//! How an oracle's endpoint is asked.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use ureq::http::Uri;

use crate::command::{check_columns, hex};
use crate::error::OracleError;

/// How an oracle's endpoint is asked.
///
/// It is sent `{"items":[{"id":1,"smiles":"CCO"}]}` by POST and answers `{"items":[{"id":1,"score":0.5}]}`, or
/// the list alone; an item may be anything that a command may answer. A request that got no answer is
/// repeated, so the endpoint may see an object twice where a connection breaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// The endpoint, `http://` or `https://`; it has no default. It may not carry a password: use
    /// [`token_env`](Self::token_env).
    pub url: String,
    /// Name of the object's field in a question. Default: "smiles".
    pub field: String,
    /// Whether objects are JSON themselves (graphs) and go in as such. Default: no, as strings.
    pub json_objects: bool,
    /// Names of the values of an answer. Default: "score".
    pub columns: Vec<String>,
    /// Most objects of one request. Default: 100.
    pub batch: usize,
    /// Requests at a time. Default: 1.
    pub connections: usize,
    /// Seconds for one request, however many objects it has; choose a small batch where they are slow.
    /// Default: 300.
    pub timeout: f64,
    /// How often a request is repeated after a broken connection, 429 or 5xx. Default: 5.
    pub retries: u32,
    /// Seconds before the first repetition, doubled each time; where the endpoint says `Retry-After`, that
    /// counts instead. Default: 0.5.
    pub backoff: f64,
    /// Most seconds before a repetition, other than by `Retry-After`. Default: 60.
    pub longest_backoff: f64,
    /// Environment variable with a token, sent as `Authorization: Bearer <token>`. The token itself is never
    /// written anywhere. Default: none.
    pub token_env: Option<String>,
    /// A name for what answers, which decides whether stored scores are used again. Default: the address.
    pub version: Option<String>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            field: "smiles".into(),
            json_objects: false,
            columns: vec!["score".into()],
            batch: 100,
            connections: 1,
            timeout: 300.0,
            retries: 5,
            backoff: 0.5,
            longest_backoff: 60.0,
            token_env: None,
            version: None,
        }
    }
}

/// Longest time that a setting may give, seconds.
const LONGEST: f64 = 1e9;

impl HttpSettings {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`OracleError::Setting`], [`OracleError::Text`] or [`OracleError::Endpoint`] that names the first wrong
    /// one.
    pub fn check(&self) -> Result<(), OracleError> {
        self.uri()?;
        check_columns(&self.columns)?;
        if self.field.is_empty() || self.field == "id" {
            return Err(OracleError::Text {
                name: "oracle.field".into(),
                value: self.field.clone(),
                expected: "the name of the object's field, not empty and not id",
            });
        }
        let number = |name: &str, value: f64, expected| OracleError::Setting {
            name: name.into(),
            value,
            expected,
        };
        if !(1..=100_000).contains(&self.batch) {
            return Err(number(
                "oracle.batch",
                self.batch as f64,
                "from 1 to 100000",
            ));
        }
        if !(1..=256).contains(&self.connections) {
            let value = self.connections as f64;
            return Err(number("oracle.connections", value, "from 1 to 256"));
        }
        if !(self.timeout > 0.0 && self.timeout <= LONGEST) {
            let expected = "above 0 and at most 1e9 seconds";
            return Err(number("oracle.timeout", self.timeout, expected));
        }
        for (name, value) in [
            ("oracle.backoff", self.backoff),
            ("oracle.longest_backoff", self.longest_backoff),
        ] {
            if !(0.0..=LONGEST).contains(&value) {
                return Err(number(name, value, "from 0 to 1e9 seconds"));
            }
        }
        Ok(())
    }

    fn uri(&self) -> Result<Uri, OracleError> {
        // Without the text: what is wrong with it may be a password in the wrong place.
        let refused = |value: &str, expected| OracleError::Text {
            name: "reward.url".into(),
            value: value.into(),
            expected,
        };
        let uri: Uri = self
            .url
            .parse()
            .map_err(|_| refused("", "an address such as https://host/score"))?;
        match (uri.scheme_str(), uri.authority()) {
            (Some("http" | "https"), Some(authority)) if authority.as_str().contains('@') => {
                Err(refused(
                    "",
                    "without user and password: name a token with oracle.token_env",
                ))
            }
            (Some("http" | "https"), Some(_)) => Ok(uri),
            _ => Err(refused(
                "",
                "an address that begins with http:// or https://",
            )),
        }
    }

    /// The address without its query.
    pub(super) fn shown(&self) -> String {
        self.url
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// What [`Oracle::source`](crate::Oracle::source) says of it.
    pub fn source(&self) -> String {
        if let Some(version) = &self.version {
            return json!({"kind": "http", "version": version, "columns": self.columns})
                .to_string();
        }
        json!({
            "kind": "http",
            "url": self.shown(),
            // A query may hold a key.
            "sha256": hex(&Sha256::digest(self.url.as_bytes())),
            "field": self.field,
            "columns": self.columns,
        })
        .to_string()
    }
}
