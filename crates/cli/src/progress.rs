//! How long work shows itself: a bar on a terminal, lines in a log elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use anabranch_tasks::train::Tick;
use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::EnvFilter;

/// Time between two lines of a log.
const QUIET: Duration = Duration::from_secs(10);

/// Sends log lines to standard error; `RUST_LOG` chooses which.
pub fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_target(false)
        .without_time()
        .with_ansi(stderr().is_terminal())
        .init();
}

/// Shows training.
pub struct Training {
    bar: Option<ProgressBar>,
    begun: Instant,
    shown: Instant,
    first: Option<u64>,
}

impl Training {
    /// For a run of `steps` steps.
    pub fn new(steps: u64) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(steps);
            let style = ProgressStyle::with_template(
                "{bar:30.cyan/blue} {pos}/{len} steps  {elapsed} < {eta}  {msg}",
            );
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self {
            bar,
            begun: Instant::now(),
            shown: Instant::now(),
            first: None,
        }
    }

    /// Shows one step.
    pub fn tick(&mut self, tick: &Tick) {
        let first = *self.first.get_or_insert(tick.step.saturating_sub(1));
        let text = format!(
            "reward {:.3}  loss {:.2}  log Z {:.2}  {} trajectories",
            tick.reward, tick.loss, tick.log_z, tick.trajectories
        );
        match &self.bar {
            Some(bar) => {
                if first > 0 && bar.position() == 0 {
                    bar.set_position(first);
                    bar.reset_eta();
                }
                bar.set_position(tick.step);
                bar.set_message(text);
            }
            None if self.shown.elapsed() >= QUIET || tick.step == tick.steps => {
                self.shown = Instant::now();
                let rate = (tick.step - first) as f64 / self.begun.elapsed().as_secs_f64();
                tracing::info!(
                    "step {}/{}  {text}  {rate:.1} steps/s",
                    tick.step,
                    tick.steps
                );
            }
            None => {}
        }
    }

    /// Leaves the last line standing.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.abandon();
        }
    }
}

/// Shows a count going up to `total`.
pub struct Counting(Option<ProgressBar>);

impl Counting {
    /// Of `what`.
    pub fn new(total: usize, what: &'static str) -> Self {
        Self(stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total as u64);
            let style = ProgressStyle::with_template("{bar:30.cyan/blue} {pos}/{len} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(what);
            bar
        }))
    }

    /// `count` are done.
    pub fn set(&self, count: usize) {
        if let Some(bar) = &self.0 {
            bar.set_position(count as u64);
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}

/// A sign of life while something runs whose end is not known.
pub struct Waiting(Option<ProgressBar>);

impl Waiting {
    /// Says what is being done.
    pub fn new(what: &'static str) -> Self {
        if !stderr().is_terminal() {
            tracing::info!("{what}");
            return Self(None);
        }
        let bar = ProgressBar::new_spinner();
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(Some(bar))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
