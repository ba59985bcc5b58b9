//! A command whose output is shown as it comes and kept.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use anyhow::{Context, Result, anyhow};

use crate::process;

/// What a command came to.
pub struct Outcome {
    /// Whether it ended well.
    pub success: bool,
    /// Standard output and standard error, line by line as they came, the latter last.
    pub output: String,
    /// The command as one would type it, and how it ended.
    pub description: String,
}

/// A command line, ready to be shown and run.
#[derive(Clone)]
pub struct Step {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
}

impl Step {
    /// Runs `program` without arguments.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// Runs cargo with `arguments`, separated by blanks.
    pub fn cargo(arguments: &str) -> Self {
        let step = Self::new(process::cargo());
        arguments.split_whitespace().fold(step, Self::arg)
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// The command as one would type it.
    fn line(&self) -> String {
        let program = self.program.file_name().unwrap_or(self.program.as_os_str());
        let mut words: Vec<String> = self
            .variables
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        words.push(program.to_string_lossy().into_owned());
        words.extend(
            self.arguments
                .iter()
                .map(|a| a.to_string_lossy().into_owned()),
        );
        words.join(" ")
    }

    /// Whether it starts and ends well; shows nothing.
    pub fn works(&self) -> bool {
        let status = process::command(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    }

    /// Runs in `folder`, without standard input.
    pub fn run(&self, folder: &Path) -> Result<Outcome> {
        let line = self.line();
        println!("$ {line}");
        let mut command = process::command(&self.program);
        command
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if std::io::stderr().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start `{line}`"))?;
        let out = child.stdout.take().context("standard output is piped")?;
        let err = child.stderr.take().context("standard error is piped")?;
        let err = thread::spawn(move || tee(err, std::io::stderr()));
        let mut output = tee(out, std::io::stdout())?;
        output += &err
            .join()
            .map_err(|_| anyhow!("the reader of standard error panicked"))??;
        let status = child
            .wait()
            .with_context(|| format!("cannot wait for `{line}`"))?;
        Ok(Outcome {
            success: status.success(),
            output,
            description: format!("`{line}` ended with {status}"),
        })
    }
}

/// Copies `from` to `to` line by line and returns it.
fn tee(from: impl Read, mut to: impl Write) -> Result<String> {
    let mut kept = String::new();
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader
            .read_until(b'\n', &mut line)
            .context("cannot read a command's output")?
            == 0
        {
            return Ok(kept);
        }
        let text = String::from_utf8_lossy(&line);
        // A closed terminal is no reason to stop testing.
        let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
        kept += &text;
    }
}

/// The first of `names` on the search path.
pub fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_kept_and_failure_is_told() {
        let folder = std::env::temp_dir();
        let step = Step::new("sh")
            .arg("-c")
            .arg("echo one; echo two >&2; exit 3");
        let outcome = step.run(&folder).expect("sh starts");
        assert!(!outcome.success);
        assert_eq!(outcome.output, "one\ntwo\n");
        assert!(
            outcome.description.contains("exit status: 3"),
            "{}",
            outcome.description
        );
    }

    #[test]
    fn a_missing_program_is_an_error_that_names_it() {
        let error = Step::new("no-such-program")
            .run(Path::new("."))
            .err()
            .expect("it is missing");
        assert!(error.to_string().contains("no-such-program"));
        assert!(find_program(&["no-such-program"]).is_none());
        assert!(find_program(&["no-such-program", "sh"]).is_some());
    }
}
