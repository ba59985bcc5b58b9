//! How long work shows itself: a bar on a terminal, lines in a log elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anabranch_recipes::Event;
use anabranch_tasks::train::Tick;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
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

/// Shows a download: bytes where they are known, else a sign of life.
pub struct Download(Option<ProgressBar>);

impl Download {
    /// Of `what`; `bytes` where the size is known and progress is told.
    pub fn new(what: &str, bytes: Option<u64>) -> Self {
        if !stderr().is_terminal() {
            tracing::info!("downloading {what}");
            return Self(None);
        }
        let (bar, template) = match bytes {
            Some(bytes) => (
                ProgressBar::new(bytes),
                "{bar:30.cyan/blue} {bytes}/{total_bytes} {msg}",
            ),
            None => (ProgressBar::new_spinner(), "{spinner} {elapsed} {msg}"),
        };
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(Some(bar))
    }

    /// `bytes` are there.
    pub fn set(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(bytes);
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
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

/// Shows the seeds of a recipe, a bar for each that is at work.
pub struct Seeds {
    bars: Option<MultiProgress>,
    /// The bar of each seed, and when it last had a line of the log.
    seeds: Mutex<BTreeMap<u64, (ProgressBar, Instant)>>,
}

impl Seeds {
    /// Before the first.
    pub fn new() -> Self {
        Self {
            bars: stderr().is_terminal().then(MultiProgress::new),
            seeds: Mutex::default(),
        }
    }

    /// Shows what happened; called from several threads.
    pub fn show(&self, event: Event) {
        let mut seeds = self.seeds.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Began { seed } => {
                let bar = match &self.bars {
                    Some(bars) => bars.add(ProgressBar::new(1)),
                    None => ProgressBar::hidden(),
                };
                let style =
                    ProgressStyle::with_template("{prefix} {bar:30.cyan/blue} {elapsed}  {msg}");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_prefix(format!("seed {seed}"));
                seeds.insert(seed, (bar, Instant::now()));
            }
            Event::Progress {
                seed,
                message,
                done,
                total,
            } => {
                let Some((bar, shown)) = seeds.get_mut(&seed) else {
                    return;
                };
                bar.set_length(total);
                bar.set_position(done);
                if self.bars.is_none() && shown.elapsed() >= QUIET {
                    *shown = Instant::now();
                    tracing::info!("seed {seed}  {message}  {done}/{total}");
                }
                bar.set_message(message);
            }
            Event::Ended {
                seed,
                seconds,
                error,
            } => {
                if let Some((bar, _)) = seeds.remove(&seed) {
                    bar.finish_and_clear();
                }
                let end = error.map_or_else(String::new, |e| format!(": {e}"));
                let line = format!("seed {seed}  {seconds:.1} s{end}");
                match &self.bars {
                    // A line that cannot be shown is no reason to stop.
                    Some(bars) => drop(bars.println(line)),
                    None => tracing::info!("{line}"),
                }
            }
        }
    }
}
