//! What a measured program and `cargo xtask bench` say to each other, one line at a time.
//!
//! The program sets itself up, warms up, and prints [`Ready`]. For every line `go <seconds>` or
//! `go <seconds> <units>` it then does units for about that long, or until it has done so many, goes on
//! from where it was, and prints [`Answer`]. It waits, using no
//! processor, until the next line, and ends with its input.

use std::io::{BufRead, Write};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::memory::peak_rss_mib;
use crate::workload::{Done, Workload};

/// Printed once, when the measured part can begin.
#[derive(Debug, Serialize)]
pub struct Ready {
    /// Always true: the mark by which the line is known.
    pub ready: bool,
    /// Numbers that are trained; 0 where nothing is.
    pub parameters: usize,
}

/// Printed for each `go`.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// What was done: training steps, molecules, or evaluations.
    pub units: u64,
    /// Wall-clock seconds that it took.
    pub seconds: f64,
    /// Largest resident set so far in MiB.
    pub peak_rss_mb: Option<f64>,
    /// Mean moves of a trajectory, without stopping.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<f64>,
    /// Graphs scored by the network for a step's update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graphs: Option<f64>,
    /// Nodes of those graphs, the token of the whole graph left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<f64>,
}

/// Units of warming up at most, so that training has hardly begun when it is measured.
pub const WARM_UP: u64 = 50;

/// Warms up for so many seconds or units, and answers `input` line by line until it ends.
///
/// # Errors
/// Where the workload fails, a line cannot be read or is not `go <seconds>` with or without units.
pub fn serve(
    workload: &mut dyn Workload,
    warm_up: (f64, u64),
    input: impl BufRead,
    mut output: impl Write,
) -> Result<()> {
    measure(workload, warm_up.0, warm_up.1)?;
    let ready = Ready {
        ready: true,
        parameters: workload.parameters(),
    };
    say(&mut output, &ready)?;
    for line in input.lines() {
        let line = line.context("standard input cannot be read")?;
        let Some((seconds, units)) = go(&line) else {
            bail!("`{line}` was said; expected `go <seconds>` or `go <seconds> <units>`");
        };
        say(&mut output, &measure(workload, seconds, units)?)?;
    }
    Ok(())
}

/// The seconds and the units of a line.
fn go(line: &str) -> Option<(f64, u64)> {
    let mut words = line.strip_prefix("go ")?.split_whitespace();
    let seconds = words.next()?.parse().ok()?;
    let units = match words.next() {
        Some(units) => units.parse().ok()?,
        None => u64::MAX,
    };
    words.next().is_none().then_some((seconds, units))
}

fn say(output: &mut impl Write, what: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(what)?;
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}

/// Does units until `seconds` are over or `units` are done, one at least.
///
/// # Errors
/// Where the workload fails.
pub fn measure(workload: &mut dyn Workload, seconds: f64, units: u64) -> Result<Answer> {
    let begin = Instant::now();
    let mut sum = Done::default();
    let elapsed = loop {
        sum += workload.unit()?;
        let elapsed = begin.elapsed().as_secs_f64();
        if elapsed >= seconds || sum.units >= units {
            break elapsed;
        }
    };
    let per = |total: u64, count: u64| (total > 0).then(|| total as f64 / count as f64);
    Ok(Answer {
        units: sum.units,
        seconds: elapsed,
        peak_rss_mb: peak_rss_mib(),
        length: per(sum.moves, sum.trajectories),
        graphs: per(sum.graphs, sum.units),
        nodes: per(sum.nodes, sum.units),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Workload for Counting {
        fn unit(&mut self) -> Result<Done> {
            Ok(Done {
                units: 2,
                trajectories: 4,
                moves: 6,
                ..Done::default()
            })
        }
    }

    #[test]
    fn every_go_is_answered_with_one_line() {
        let mut out = Vec::new();
        serve(
            &mut Counting,
            (0.0, 1),
            "go 0\ngo 10 3\n".as_bytes(),
            &mut out,
        )
        .expect("a good talk");
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], r#"{"ready":true,"parameters":0}"#);
        assert!(
            lines[1].starts_with(r#"{"units":2,"seconds":"#),
            "{}",
            lines[1]
        );
        assert!(lines[1].contains(r#""length":1.5"#), "{}", lines[1]);
        assert!(lines[2].starts_with(r#"{"units":4,"#), "{}", lines[2]);
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn another_word_is_an_error_that_repeats_it() {
        let error = serve(&mut Counting, (0.0, 1), "stop\n".as_bytes(), Vec::new());
        assert!(error.expect_err("not a go").to_string().contains("`stop`"));
        for line in ["go", "go x", "go 1 x", "go 1 2 3"] {
            assert_eq!(go(line), None, "{line}");
        }
    }
}
