//! Everything that can be tested, in one command.

mod browser;
mod command;
mod count;
mod features;
mod onnx;
mod python;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;

use crate::golden::BUILD;
use command::Step;
use count::Count;

/// Files of other programs' results, each after the kind that `golden` knows it by.
const REFERENCES: &[(&str, &str)] = &[
    ("molecules", "rdkit_molecules.jsonl.gz"),
    ("nasty", "rdkit_nasty_smiles.jsonl.gz"),
    ("objectives", "objectives.json"),
    ("rna", "rna_duplex.csv"),
    ("seh", "seh_proxy.csv"),
];

/// Examples are among the targets for their development dependencies: with them cargo chooses the
/// features that it chose for the lints, and no dependency is checked a second time.
const DOCUMENTATION: &str = "doc --workspace --no-deps --lib --bins --examples --keep-going";

/// What to test, and how.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Only the tests that cargo runs: no formatting, lints, documentation, references, browser or
    /// Python.
    #[arg(long)]
    pub quick: bool,
    /// Only phases whose name holds this: formatting, lints, layers, documentation, tests, examples,
    /// references, browser, python
    #[arg(long, value_name = "PHASE", conflicts_with = "quick")]
    pub only: Option<String>,
    /// Install what the browser test lacks, and fail where it cannot be had; as with CI=true.
    #[arg(long)]
    pub ci: bool,
}

impl Settings {
    /// These settings, on a machine that may say by CI=true what it is.
    pub fn here(self) -> Self {
        let ci = std::env::var("CI").is_ok_and(|value| matches!(value.as_str(), "true" | "1"));
        Self {
            ci: self.ci || ci,
            ..self
        }
    }
}

/// What a phase found out.
enum Phase {
    /// It ran to its end.
    Ran(Count),
    /// It failed, with what to tell.
    Failed(Count, String),
    /// It could not be run here, and why.
    LeftOut(String),
}

/// Runs every phase until one fails; true if none did. The last line printed is the count.
pub fn run(root: &Path, settings: Settings) -> Result<bool> {
    let begin = Instant::now();
    let mut session = Session::new(root, settings)?;
    let success = session.all();
    println!();
    for (title, why) in &session.left_out {
        println!("LEFT OUT: {title}: {why}");
    }
    if session.sum.ignored > 0 {
        println!(
            "{} tests are marked as ignored and did not run",
            session.sum.ignored
        );
    }
    let seconds = begin.elapsed().as_secs_f64();
    match session.failed {
        None => println!("everything passed, {seconds:.0} s"),
        Some(title) => {
            println!("FAILED in the phase `{title}` after {seconds:.0} s; the output is above");
        }
    }
    println!(
        "{} passed, {} failed",
        session.sum.passed, session.sum.failed
    );
    Ok(success)
}

/// One run of the phases.
struct Session<'a> {
    root: &'a Path,
    settings: Settings,
    /// Where the programs that cargo builds are.
    programs: PathBuf,
    sum: Count,
    left_out: Vec<(&'static str, String)>,
    failed: Option<&'static str>,
}

impl<'a> Session<'a> {
    fn new(root: &'a Path, settings: Settings) -> Result<Self> {
        // Asked now: cargo may replace this program while it tests the workspace.
        let programs = crate::golden::programs()?;
        Ok(Self {
            root,
            settings,
            programs,
            sum: Count::default(),
            left_out: Vec::new(),
            failed: None,
        })
    }

    fn all(&mut self) -> bool {
        if self.settings.quick {
            return self.cargo_tests();
        }
        self.phase("formatting", |s| s.step(&Step::cargo("fmt --all --check")))
            && self.phase("lints", |s| {
                s.step(&Step::cargo(
                    "clippy --workspace --all-targets --keep-going -- -D warnings",
                ))
            })
            && self.phase("layers", Self::layers)
            && self.phase("documentation", |s| {
                s.step(&Step::cargo(DOCUMENTATION).env("RUSTDOCFLAGS", "-D warnings"))
            })
            && self.cargo_tests()
            && self.phase("references", Self::references)
            && self.phase("onnxruntime", onnx::run)
            && self.phase("browser", browser::run)
            && self.phase("python", python::run)
    }

    fn cargo_tests(&mut self) -> bool {
        self.phase("tests", Self::tests)
            && self.phase("examples in the documentation", Self::doc_tests)
    }

    /// Runs one phase under its heading and adds up what it found; false if it failed.
    fn phase(&mut self, title: &'static str, run: impl FnOnce(&Self) -> Result<Phase>) -> bool {
        let only = self.settings.only.as_deref();
        if only.is_some_and(|only| !title.contains(only)) {
            return true;
        }
        println!("\n== {title}");
        let begin = Instant::now();
        let phase = run(self)
            .unwrap_or_else(|error| Phase::Failed(Count::ONE_FAILED, format!("{error:#}")));
        let seconds = begin.elapsed().as_secs_f64();
        match phase {
            Phase::Ran(count) => {
                self.sum += count;
                println!("== {title}: {} passed, {seconds:.1} s", count.passed);
                true
            }
            Phase::Failed(count, why) => {
                self.sum += count;
                self.failed = Some(title);
                println!("== {title}: FAILED after {seconds:.1} s: {why}");
                false
            }
            Phase::LeftOut(why) => {
                println!("== {title}: LEFT OUT: {why}");
                self.left_out.push((title, why));
                true
            }
        }
    }

    /// A command that is one check: it ends well or not.
    fn step(&self, step: &Step) -> Result<Phase> {
        let outcome = step.run(self.root)?;
        Ok(if outcome.success {
            Phase::Ran(Count::ONE)
        } else {
            Phase::Failed(Count::ONE_FAILED, outcome.description)
        })
    }

    /// A command that prints how many tests passed.
    fn counted(&self, step: &Step, folder: &Path) -> Result<Phase> {
        let outcome = step.run(folder)?;
        let mut count = Count::read(&outcome.output);
        if outcome.success && count.failed == 0 {
            return Ok(Phase::Ran(count));
        }
        // It may have ended before a test ran, by an error of the compiler for one.
        count.failed = count.failed.max(1);
        Ok(Phase::Failed(count, outcome.description))
    }

    fn layers(&self) -> Result<Phase> {
        Ok(if crate::layers::run(self.root)? {
            Phase::Ran(Count::ONE)
        } else {
            Phase::Failed(Count::ONE_FAILED, "see the errors above".into())
        })
    }

    fn tests(&self) -> Result<Phase> {
        let step = if Step::cargo("nextest --version").works() {
            Step::cargo("nextest run --workspace")
        } else {
            Step::cargo("test --workspace --tests --no-fail-fast")
        };
        let phase = self.counted(&step, self.root)?;
        Ok(match phase {
            Phase::Ran(Count { passed: 0, .. }) => {
                Phase::Failed(Count::ONE_FAILED, "no test ran".into())
            }
            other => other,
        })
    }

    fn doc_tests(&self) -> Result<Phase> {
        self.counted(
            &Step::cargo("test --workspace --doc --no-fail-fast"),
            self.root,
        )
    }

    /// Holds our numbers against other programs' on the large files that are not part of this
    /// repository; each file is one check.
    fn references(&self) -> Result<Phase> {
        let folder = self.root.join("../shared/reference");
        if !folder.is_dir() {
            return Ok(Phase::LeftOut(
                "there is no folder ../shared/reference; the small golden files in the repository \
                 were tested above"
                    .into(),
            ));
        }
        let build = Step::cargo(BUILD).run(self.root)?;
        if !build.success {
            return Ok(Phase::Failed(Count::ONE_FAILED, build.description));
        }
        let mut sum = Count::default();
        for (kind, name) in REFERENCES {
            let file = folder.join(name);
            if !file.is_file() {
                bail!("../shared/reference exists, but {name} is not in it");
            }
            let golden = Step::new(self.programs.join("golden")).arg(*kind).arg(file);
            match self.step(&golden)? {
                Phase::Ran(count) => sum += count,
                Phase::Failed(count, why) => {
                    sum += count;
                    return Ok(Phase::Failed(sum, why));
                }
                left_out @ Phase::LeftOut(_) => return Ok(left_out),
            }
        }
        Ok(Phase::Ran(sum))
    }
}
