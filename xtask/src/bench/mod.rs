//! Speed: criterion benches, the comparison with other programs, and how cost grows with size.
//!
//! No test comes here: `cargo xtask test` neither runs a bench nor needs a peer.

mod competitor;
mod environment;
mod load;
mod molecules;
mod peers;
mod scaling;
mod statistics;
mod table;
mod workloads;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::process;

/// The program and the criterion benches are built in one go, so that cargo chooses one set of features
/// for both; see `golden::BUILD`.
const BUILD: &str = "build --release --workspace --bin anabranch-bench --bench hot";
const BENCH: &str = "bench --workspace --bench hot";

/// What to measure, and how long.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Only criterion benches whose name holds this
    #[arg(conflicts_with_all = ["peers", "scaling", "peak"])]
    pub filter: Option<String>,
    /// Measure this library, gfnx, torchgfn, a PyTorch graph transformer and RDKit in turns, and print
    /// one table of ratios
    #[arg(long, conflicts_with_all = ["scaling", "peak"])]
    pub peers: bool,
    /// Measure time and memory of a training step against batch and trajectory length
    #[arg(long, conflicts_with = "peak")]
    pub scaling: bool,
    /// Measure how many single-precision operations a second this processor can do at all, and what the
    /// products of the native networks reach of it
    #[arg(long)]
    pub peak: bool,
    /// Turns of each competitor, or of each size with --scaling; what is printed is the median
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: u16,
    /// Seconds of a turn
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Only workloads whose name holds this, such as `hypergrid` or `b256`
    #[arg(long, value_name = "WORKLOAD")]
    pub only: Option<String>,
    /// Threads of every competitor
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// Where the table goes: this name with .md and with .json [default: peers in target/bench]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Folder of the Python environments, made and filled where they are missing, some GB in all
    /// [default: anabranch/peers in the user's cache folder]
    #[arg(long, value_name = "FOLDER")]
    pub venv: Option<PathBuf>,
    /// The Python that the environments are made with
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    pub python: PathBuf,
    /// SMILES to measure chemistry on: one a line, or a .csv with a column `smiles` [default: the
    /// golden molecules of crates/chem]
    #[arg(long, value_name = "FILE")]
    pub smiles: Option<PathBuf>,
}

/// Does what `settings` ask for; true unless criterion failed.
pub fn run(root: &Path, settings: &Settings) -> Result<bool> {
    if settings.peers {
        peers::run(root, settings)?;
    } else if settings.scaling {
        scaling::run(root, settings)?;
    } else if settings.peak {
        peak(root, settings)?;
    } else {
        return criterion(root, settings.filter.as_deref());
    }
    Ok(true)
}

fn criterion(root: &Path, filter: Option<&str>) -> Result<bool> {
    let status = process::command(process::cargo())
        .args(BENCH.split_whitespace())
        .arg("--")
        .args(filter)
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo bench")?;
    Ok(status.success())
}

fn peak(root: &Path, settings: &Settings) -> Result<()> {
    let program = build(root)?;
    let ask = |what: &str| {
        let output = Command::new(&program)
            .args([what, "--threads", &settings.threads.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start {}", program.display()))?;
        ensure!(output.status.success(), "anabranch-bench {what} failed");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    println!("threads  GFLOP/s (single precision, fused multiply-adds on registers)");
    for line in ask("peak")?.lines() {
        let (threads, gflops) = line.split_once(' ').unwrap_or((line, ""));
        println!("{threads:>7}{gflops:>9}");
    }
    println!(
        "\nProducts on one thread, in GFLOP/s, medians of turns with the peak between them:\n"
    );
    println!("| rows x inputs x outputs | peak | `input @ weight` | gradient of the weights |");
    println!("|---|---|---|---|");
    for line in ask("products")?.lines() {
        let [rows, inputs, outputs, peak, multiply, outer] =
            line.split(' ').collect::<Vec<_>>()[..]
        else {
            bail!("anabranch-bench products printed {line:?}");
        };
        println!("| {rows} x {inputs} x {outputs} | {peak} | {multiply} | {outer} |");
    }
    Ok(())
}

/// Builds `anabranch-bench` as the product is built; where it is.
fn build(root: &Path) -> Result<PathBuf> {
    let status = process::command(process::cargo())
        .args(BUILD.split_whitespace())
        .arg("--quiet")
        .current_dir(root)
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo build")?;
    ensure!(
        status.success(),
        "anabranch-bench cannot be built; see above"
    );
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target"));
    Ok(root.join(target).join("release/anabranch-bench"))
}

/// The folder of what this command writes.
fn folder(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}
