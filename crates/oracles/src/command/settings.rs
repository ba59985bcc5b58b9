//! How an oracle's command is run.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::error::OracleError;

/// How questions and answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// A JSON object a line, answered in any order.
    Json,
    /// The object as it is, answered with one line of numbers, one for each column: the next number is the
    /// answer. One object at a time. `null` or an empty line is null, a line that begins with `error` an
    /// error; a line that is none of these is garbage and answers nothing.
    Lines,
}

/// A command, with or without a shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CommandLine {
    /// A line for `sh -c`.
    Shell(String),
    /// A program and its arguments.
    Program(Vec<String>),
}

impl Default for CommandLine {
    fn default() -> Self {
        Self::Program(Vec::new())
    }
}

impl CommandLine {
    /// As one line, for people.
    pub fn line(&self) -> String {
        match self {
            Self::Shell(line) => line.clone(),
            Self::Program(words) => words.join(" "),
        }
    }

    fn words(&self) -> Vec<&str> {
        match self {
            Self::Shell(line) => line.split_whitespace().collect(),
            Self::Program(words) => words.iter().map(String::as_str).collect(),
        }
    }
}

/// How an oracle's command is run.
///
/// The command reads `{"id":1,"smiles":"CCO"}` lines from standard input and writes `{"id":1,"score":0.5}`,
/// `{"id":1,"scores":{"a":0.5,"b":2}}`, `{"id":1,"score":null}` or `{"id":1,"error":"why"}` lines to standard
/// output, in any order. It must flush after each line, since a pipe is otherwise written in blocks: in Python
/// `print(..., flush=True)` (`PYTHONUNBUFFERED=1` is set for it, which `python -I` and `-E` ignore), in awk
/// `fflush()`, and `-W interactive` for mawk, which else waits for more input. It ends when its input does. Several run at once; `ANABRANCH_WORKER` is their number, from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommandSettings {
    /// What is run; it has no default.
    pub command: CommandLine,
    /// Default: [`Protocol::Json`].
    pub protocol: Protocol,
    /// Name of the object's field in a question. Default: "smiles".
    pub field: String,
    /// Whether objects are JSON themselves (graphs) and go in as such. Default: no, as strings.
    pub json_objects: bool,
    /// Names of the values of an answer. Default: "score".
    pub columns: Vec<String>,
    /// Processes. Default: 1.
    pub workers: usize,
    /// Objects that a worker has at a time; more than 1 is for commands that read ahead or answer out of
    /// order. Default: 1.
    pub in_flight: usize,
    /// Seconds for one object, from when it is the oldest that its worker has. Default: 60.
    pub timeout: f64,
    /// Seconds for the first answer of a process, where that is longer: it may have a model to load. Default:
    /// 300.
    pub startup_timeout: f64,
    /// Ends and time-outs in a row, before there is any answer at all, that are taken for a broken command.
    /// Default: 5.
    pub attempts: u32,
    /// Objects in a row that fail by crash or time-out, later on, that are taken for a broken command.
    /// Default: 20.
    pub failures_in_a_row: u32,
    /// Seconds before a worker is started again; doubled each time until it answers. Default: 0.1.
    pub backoff: f64,
    /// Most seconds before it is started again. Default: 10.
    pub longest_backoff: f64,
    /// Where it runs. Default: here.
    pub directory: Option<PathBuf>,
    /// Folder for standard error, in `oracle-stderr-<worker>.log`; the run folder. Default: none, it is dropped.
    #[serde(skip)]
    pub log_folder: Option<PathBuf>,
    /// Bytes of such a file; a full one becomes `.old`. Default: 1 MiB.
    pub log_bytes: u64,
    /// A name for what answers, which decides whether stored scores are used again. Default: the command with
    /// the contents of the files that its arguments name, so that a changed script or model is a new oracle.
    /// Set it where an argument names a file that the command writes to, since that changes all the time, and
    /// where a change of a script changes no score.
    pub version: Option<String>,
}

impl Default for CommandSettings {
    fn default() -> Self {
        Self {
            command: CommandLine::default(),
            protocol: Protocol::Json,
            field: "smiles".into(),
            json_objects: false,
            columns: vec!["score".into()],
            workers: 1,
            in_flight: 1,
            timeout: 60.0,
            startup_timeout: 300.0,
            attempts: 5,
            failures_in_a_row: 20,
            backoff: 0.1,
            longest_backoff: 10.0,
            directory: None,
            log_folder: None,
            log_bytes: 1 << 20,
            version: None,
        }
    }
}

/// Most processes.
const WORKERS: usize = 1024;
/// Longest time that a setting may give, seconds: about 30 years, far from what overflows.
const LONGEST: f64 = 1e9;

impl CommandSettings {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`OracleError::Setting`] or [`OracleError::Text`] that names the first wrong one.
    pub fn check(&self) -> Result<(), OracleError> {
        if self.command.words().first().is_none_or(|w| w.is_empty()) {
            return Err(OracleError::Text {
                name: "reward.command".into(),
                value: self.command.line(),
                expected: "a command, for example [\"python3\", \"score.py\"]",
            });
        }
        check_columns(&self.columns)?;
        if self.protocol == Protocol::Json && (self.field.is_empty() || self.field == "id") {
            return Err(OracleError::Text {
                name: "oracle.field".into(),
                value: self.field.clone(),
                expected: "the name of the object's field, not empty and not id",
            });
        }
        if self.protocol == Protocol::Lines && self.in_flight != 1 {
            return Err(number(
                "oracle.in_flight",
                self.in_flight as f64,
                "1 with plain lines, which answer in order",
            ));
        }
        for (name, value) in [
            ("oracle.workers", self.workers),
            ("oracle.in_flight", self.in_flight),
        ] {
            if !(1..=WORKERS).contains(&value) {
                return Err(number(name, value as f64, "from 1 to 1024"));
            }
        }
        for (name, value) in [
            ("oracle.timeout", self.timeout),
            ("oracle.startup_timeout", self.startup_timeout),
        ] {
            if !(value > 0.0 && value <= LONGEST) {
                return Err(number(name, value, "above 0 and at most 1e9 seconds"));
            }
        }
        for (name, value) in [
            ("oracle.backoff", self.backoff),
            ("oracle.longest_backoff", self.longest_backoff),
        ] {
            if !(0.0..=LONGEST).contains(&value) {
                return Err(number(name, value, "from 0 to 1e9 seconds"));
            }
        }
        for (name, value) in [
            ("oracle.attempts", self.attempts),
            ("oracle.failures_in_a_row", self.failures_in_a_row),
        ] {
            if value == 0 {
                return Err(number(name, 0.0, "at least 1"));
            }
        }
        Ok(())
    }

    /// The command, ready to start.
    pub(super) fn command(&self, worker: usize) -> Command {
        let mut command = match &self.command {
            CommandLine::Shell(line) => {
                let mut command = Command::new("sh");
                command.args(["-c", line]);
                command
            }
            CommandLine::Program(words) => {
                let mut command = Command::new(words.first().map_or("", String::as_str));
                command.args(words.iter().skip(1));
                command
            }
        };
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        if std::env::var_os("PYTHONUNBUFFERED").is_none() {
            command.env("PYTHONUNBUFFERED", "1");
        }
        command.env("ANABRANCH_WORKER", worker.to_string());
        command
    }

    /// What [`Oracle::source`](crate::Oracle::source) says of it.
    pub fn source(&self) -> String {
        if let Some(version) = &self.version {
            return json!({"kind": "command", "version": version, "columns": self.columns})
                .to_string();
        }
        let files: serde_json::Map<String, serde_json::Value> = self
            .command
            .words()
            .into_iter()
            .enumerate()
            .filter_map(|(place, word)| {
                // The program itself counts where it is somebody's own: an interpreter is brought up to date
                // now and then without a change of what it computes.
                let own = place > 0 || word.contains('/') && !word.starts_with('/');
                let hash = own.then(|| self.hash(Path::new(word)))??;
                Some((word.to_owned(), hash.into()))
            })
            .collect();
        json!({
            "kind": "command",
            "command": self.command,
            "files": files,
            "protocol": self.protocol,
            "field": self.field,
            "columns": self.columns,
        })
        .to_string()
    }

    /// SHA-256 of a file of a size that a script or a model has.
    fn hash(&self, path: &Path) -> Option<String> {
        const LARGEST: u64 = 256 << 20;
        let path = match &self.directory {
            Some(directory) => directory.join(path),
            None => path.to_path_buf(),
        };
        let about = std::fs::metadata(&path).ok()?;
        if !about.is_file() || about.len() > LARGEST {
            return None;
        }
        let bytes = std::fs::read(&path).ok()?;
        Some(hex(&Sha256::digest(bytes)))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn number(name: &str, value: f64, expected: &'static str) -> OracleError {
    OracleError::Setting {
        name: name.into(),
        value,
        expected,
    }
}

/// At least one name, none empty, none twice.
pub(crate) fn check_columns(columns: &[String]) -> Result<(), OracleError> {
    let refused = |value: &str, expected| {
        Err(OracleError::Text {
            name: "oracle.columns".into(),
            value: value.into(),
            expected,
        })
    };
    if columns.is_empty() {
        return refused("", "at least one name");
    }
    for (i, column) in columns.iter().enumerate() {
        if column.is_empty() {
            return refused(column, "a name");
        }
        if columns[..i].contains(column) {
            return refused(column, "named once");
        }
    }
    Ok(())
}
