//! A running program that is measured; the other end of the line is bench/src/protocol.rs.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

use super::load::Ticks;

/// Longest wait for a program that sets itself up, compiles and warms up.
const READY: Duration = Duration::from_secs(600);
/// What an answer may take beside the seconds that it was asked for: one more unit.
const LATE: Duration = Duration::from_secs(300);

/// The first line.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Ready {
    /// Numbers that are trained.
    pub parameters: usize,
}

/// The answer to one `go`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Answer {
    /// Training steps, molecules, or evaluations.
    pub units: u64,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Largest resident set so far in MiB.
    pub peak_rss_mb: Option<f64>,
    /// Mean moves of a trajectory, without stopping.
    pub length: Option<f64>,
    /// Graphs scored for an update.
    pub graphs: Option<f64>,
    /// Nodes of those graphs.
    pub nodes: Option<f64>,
    /// Share of the machine that other programs took meanwhile, 0 to 1.
    #[serde(skip)]
    pub others: Option<f64>,
}

impl Answer {
    /// Units a second.
    pub fn rate(&self) -> f64 {
        self.units as f64 / self.seconds
    }
}

/// A program that was started and is waiting to be told to go.
pub struct Competitor {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    log: PathBuf,
    /// What it said first.
    pub ready: Ready,
}

impl Competitor {
    /// Starts `command`, its standard error in the file `log`, and waits until it is ready.
    ///
    /// # Errors
    /// Where it cannot be started or ends before it is ready; the message has its own last lines.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let errors =
            File::create(log).with_context(|| format!("{} cannot be made", log.display()))?;
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("standard output is piped")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut started = Self {
            child,
            input,
            lines,
            log: log.to_path_buf(),
            ready: Ready { parameters: 0 },
        };
        started.ready = started.read(READY)?;
        Ok(started)
    }

    /// Has it work for about `seconds`, or until it has done `most` units.
    ///
    /// # Errors
    /// Where it ends or says something else than an answer.
    pub fn go(&mut self, seconds: f64, most: Option<u64>) -> Result<Answer> {
        let before = Ticks::now(self.child.id());
        let input = self.input.as_mut().context("it was told to end")?;
        // A program that has ended closes the line; what it said last tells more than that.
        let most = most.map_or_else(String::new, |units| format!(" {units}"));
        let _ = writeln!(input, "go {seconds}{most}").and_then(|()| input.flush());
        let mut answer: Answer = self.read(LATE + Duration::from_secs_f64(seconds))?;
        let after = Ticks::now(self.child.id());
        answer.others = before.zip(after).map(|(b, a)| a.others_since(b));
        Ok(answer)
    }

    /// The next line that is JSON of the wanted kind; libraries print other things too.
    fn read<T: serde::de::DeserializeOwned>(&mut self, patience: Duration) -> Result<T> {
        loop {
            match self.lines.recv_timeout(patience) {
                Ok(line) => {
                    if let Ok(value) = serde_json::from_str(&line) {
                        return Ok(value);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("no answer within {} s", patience.as_secs())
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.why_it_ended()),
            }
        }
    }

    fn why_it_ended(&mut self) -> anyhow::Error {
        let how = self
            .child
            .wait()
            .map_or_else(|e| e.to_string(), |s| s.to_string());
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        match last {
            Some(line) => anyhow!("{}", line.trim().trim_start_matches("error: ")),
            None => anyhow!("it ended with {how} and said nothing"),
        }
    }
}

/// Its input ends, so it does; a program that does not is ended.
impl Drop for Competitor {
    fn drop(&mut self) {
        self.input = None;
        for _ in 0..50 {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        command
    }

    fn log(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!(
            "anabranch-competitor-{}-{name}",
            std::process::id()
        ))
    }

    #[test]
    fn it_is_asked_and_answers_among_other_lines() {
        let script = r#"echo noise; echo '{"ready":true,"parameters":7}'
            while read word seconds units; do echo '{"units":10,"seconds":2.5,"length":3.0}'; done"#;
        let log = log("answers");
        let mut competitor = Competitor::start(shell(script), &log).expect("it is ready");
        assert_eq!(competitor.ready.parameters, 7);
        for _ in 0..2 {
            let answer = competitor.go(0.1, Some(9)).expect("an answer");
            assert_eq!((answer.rate(), answer.length), (4.0, Some(3.0)));
        }
        drop(competitor);
        std::fs::remove_file(log).expect("the log was made");
    }

    #[test]
    fn one_that_ends_tells_its_last_line() {
        let log = log("ends");
        let script = "echo first >&2; echo 'error: no such thing' >&2; exit 2";
        let error = Competitor::start(shell(script), &log)
            .err()
            .expect("it ended");
        assert_eq!(error.to_string(), "no such thing");
        std::fs::remove_file(log).expect("the log was made");
    }
}
