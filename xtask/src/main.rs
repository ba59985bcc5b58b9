//! Tasks of the workspace: `cargo xtask <task>`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod golden;
mod layers;
mod process;
mod reproductions;
mod test;

#[derive(Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    about = "Tasks of the workspace",
    after_help = "Before you hand in a change: cargo xtask test\n\
                  While you write it:           cargo xtask test --quick"
)]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Test everything that can be tested, and stop at the first phase that fails
    ///
    /// In this order: formatting, lints, the layer check, documentation with broken links denied, all
    /// tests (by nextest where it is installed) and the examples in the documentation, other
    /// programs' results in ../shared/reference where that folder exists, the report of a small run in a
    /// real browser, and the Python package: its wheel in an environment without a compiler, its tests,
    /// a notebook and two type checkers. What cannot be run on this machine is left out and named at the
    /// end.
    ///
    /// The last line is the count, `N passed, N failed`; a phase that is one check counts as one. The
    /// exit code is 1 if anything failed.
    Test(test::Settings),
    /// Test as the continuous integration does: what the browser test lacks is installed, not left out
    Ci,
    /// Print which crate uses which, and fail on an arrow that the design does not have
    ///
    /// Also fails where core, chem or envs reach the tensor library. The table of allowed arrows is
    /// in xtask/src/layers.rs.
    Layers,
    /// Write docs/REPRODUCTIONS.md from the committed results in crates/recipes/results
    Reproductions {
        /// Write nothing; fail where the page is stale. The tests of crates/recipes check it too
        #[arg(long)]
        check: bool,
    },
    /// Measure speed: criterion benches, other programs beside this one, growth with size
    ///
    /// Plain, it runs the criterion benches of the hot pieces (bench/benches/hot), which compare with
    /// their last run on this machine; a word after it chooses those whose name holds it.
    ///
    /// With --peers, every competitor is started once for each workload and told to go in turns, so
    /// that what else the machine does falls on all alike, and each goes on training from where it was.
    /// What is missing is installed from PyPI into environments outside this tree; what cannot be
    /// installed or run is a row that says why. A full run takes half an hour.
    ///
    /// docs/performance.md has what was measured last and what each workload is.
    Bench(Box<bench::Settings>),
    /// Compare with values computed by other programs; `cargo xtask golden --help` tells more
    #[command(disable_help_flag = true)]
    Golden {
        /// Handed on to the program `golden`, which --help describes
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let outcome = match Args::parse().task {
        Task::Test(settings) => test::run(&root(), settings.here()),
        Task::Ci => test::run(
            &root(),
            test::Settings {
                quick: false,
                only: None,
                ci: true,
            },
        ),
        Task::Layers => layers::run(&root()),
        Task::Reproductions { check } => reproductions::run(&root(), check),
        Task::Bench(settings) => bench::run(&root(), &settings),
        Task::Golden { arguments } => match golden::run(&root(), &arguments) {
            Ok(code) => return ExitCode::from(code),
            Err(error) => Err(error),
        },
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("xtask is a folder of the workspace")
        .to_path_buf()
}
