//! Scoring by commands, endpoints and functions, through the store: what must hold however they behave.

mod command;
mod hostile;
mod http;
mod killed;
mod store;

use std::path::{Path, PathBuf};
use std::process::Command;

use anabranch_oracles::{
    CommandLine, CommandOracle, CommandSettings, Fates, Scorer, Store, StoreSettings,
};

/// The interpreter itself, without what may stand before it on the path; `None`, loudly, where there is none.
fn python() -> Option<String> {
    let found = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output();
    match found {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        _ => {
            println!("SKIPPED: python3 is not at hand");
            None
        }
    }
}

fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/scoring")
        .join(name)
        .display()
        .to_string()
}

fn words(words: &[&str]) -> CommandLine {
    CommandLine::Program(words.iter().map(|w| (*w).to_owned()).collect())
}

/// A Python program of a few lines, with short times.
fn inline(python: &str, program: &str) -> CommandSettings {
    CommandSettings {
        command: words(&[python, "-S", "-c", program]),
        timeout: 10.0,
        startup_timeout: 10.0,
        backoff: 0.001,
        ..CommandSettings::default()
    }
}

fn store_in(folder: &Path) -> StoreSettings {
    StoreSettings {
        path: folder.join("scores.sqlite"),
        ..StoreSettings::default()
    }
}

fn scorer(settings: CommandSettings, store: &StoreSettings, fates: Fates) -> Scorer {
    let oracle = CommandOracle::new(settings).unwrap();
    Scorer::new(Box::new(oracle), Store::open(store).unwrap(), fates).unwrap()
}

/// A scorer whose store nobody needs afterwards.
fn passing(settings: CommandSettings, fates: Fates) -> Scorer {
    let oracle = CommandOracle::new(settings).unwrap();
    Scorer::new(Box::new(oracle), Store::in_memory().unwrap(), fates).unwrap()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|t| (*t).to_owned()).collect()
}

/// `obj-0` and so on.
fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("obj-{i}")).collect()
}

fn lines(path: &PathBuf) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
