//! Builds and runs the package `golden`, which compares with values computed by other programs.
//!
//! It is a program of its own because cargo chooses the features of a package that it builds alone
//! differently from those of a workspace: were xtask to use the crates themselves, `cargo xtask`
//! would build the chemistry engine a second time.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::process;

/// Builds the programs that the later phases run, out of what the tests are built from.
///
/// The whole workspace and a test among the targets make cargo choose the features that it chooses
/// for the tests, so that no dependency is built again.
pub const BUILD: &str = "build --workspace --bin golden --bin gfn --test golden";

/// The folder where cargo puts programs, this one among them.
pub fn programs() -> Result<PathBuf> {
    let this = std::env::current_exe().context("cannot tell where this program is")?;
    Ok(this
        .parent()
        .context("a program is in a folder")?
        .to_path_buf())
}

/// Brings `golden` up to date and runs it in the current folder; its exit code, or cargo's.
pub fn run(root: &Path, arguments: &[OsString]) -> Result<u8> {
    // Asked now: cargo may replace this program.
    let golden = programs()?.join("golden");
    let build = process::command(process::cargo())
        .args(BUILD.split_whitespace())
        .arg("--quiet")
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo build")?;
    let status = if build.success() {
        Command::new(&golden)
            .args(arguments)
            .status()
            .with_context(|| format!("cannot start {}", golden.display()))?
    } else {
        build
    };
    // A program that a signal ended has no code.
    Ok(status
        .code()
        .and_then(|code| code.try_into().ok())
        .unwrap_or(u8::MAX))
}
