//! A real report of a real run, opened in a real browser.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::golden::BUILD;

use super::command::{Step, find_program};
use super::count::Count;
use super::{Phase, Session};

/// Names that Chromium goes by.
const BROWSERS: &[&str] = &[
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// What has to be typed after `gfn train` for runs that are small and together fill every part of the
/// report.
const SMALL_RUNS: [&[&str]; 2] = [MOLECULES, SEQUENCES];
const MOLECULES: &[&str] = &[
    "fragments",
    "steps=40",
    "batch=16",
    "output.samples=64",
    "seed=7",
];
const SEQUENCES: &[&str] = &[
    "sequences",
    "reward.built_in=rna:L8_RNA1",
    "steps=200",
    "output.samples=300",
    "seed=7",
];

/// Trains, writes the report and lets `tests/browser/report.mjs` look at it.
pub fn run(session: &Session<'_>) -> Result<Phase> {
    let folder = session.root.join("tests/browser");
    if !folder.join("report.mjs").is_file() {
        bail!("tests/browser/report.mjs is missing");
    }
    let chromium = match tools(session, &folder)? {
        Ok(chromium) => chromium,
        Err(why) if session.settings.ci => return Ok(failed(why)),
        Err(why) => return Ok(Phase::LeftOut(why)),
    };
    let reports = match reports(session)? {
        Ok(reports) => reports,
        Err(why) => return Ok(failed(why)),
    };
    let mut sum = Count::default();
    for report in reports {
        let look = Step::new("node")
            .arg("report.mjs")
            .arg(report)
            .env("CHROMIUM", &chromium);
        match session.counted(&look, &folder)? {
            Phase::Ran(Count { passed: 0, .. }) => {
                return Ok(failed("the browser test counted no checks".into()));
            }
            Phase::Ran(count) => sum += count,
            other => return Ok(other),
        }
    }
    Ok(Phase::Ran(sum))
}

fn failed(why: String) -> Phase {
    Phase::Failed(Count::ONE_FAILED, why)
}

/// Where Chromium is, once Node and the script's packages are there too; or what is missing.
fn tools(session: &Session<'_>, folder: &Path) -> Result<Result<PathBuf, String>> {
    let mut missing = Vec::new();
    if chromium().is_none() {
        missing.push("chromium");
    }
    if find_program(&["node"]).is_none() {
        missing.push("nodejs");
    }
    if find_program(&["npm"]).is_none() && needs_packages(folder) {
        missing.push("npm");
    }
    if !missing.is_empty() && session.settings.ci {
        install(session, &missing)?;
    }
    let Some(chromium) = chromium() else {
        return Ok(Err(
            "there is no chromium; install it, or set CHROMIUM to its path".into(),
        ));
    };
    if find_program(&["node"]).is_none() {
        return Ok(Err("there is no node; install Node.js".into()));
    }
    if needs_packages(folder) {
        let npm = Step::new("npm")
            .arg("install")
            .arg("--no-package-lock")
            .arg("--no-audit")
            .arg("--no-fund");
        if find_program(&["npm"]).is_none() || !npm.run(folder)?.success {
            return Ok(Err("`npm install` in tests/browser did not work".into()));
        }
    }
    Ok(Ok(chromium))
}

fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    named
        .filter(|path| path.is_file())
        .or_else(|| find_program(BROWSERS))
}

/// Whether the script's packages have yet to be installed.
fn needs_packages(folder: &Path) -> bool {
    folder.join("package.json").is_file() && !folder.join("node_modules").is_dir()
}

/// Installs Debian packages; what did not work shows in what is missing afterwards.
fn install(session: &Session<'_>, packages: &[&str]) -> Result<()> {
    if find_program(&["apt-get"]).is_none() {
        println!(
            "there is no apt-get to install {} with",
            packages.join(", ")
        );
        return Ok(());
    }
    let apt = || match find_program(&["sudo"]) {
        Some(sudo) => Step::new(sudo).arg("-n").arg("apt-get"),
        None => Step::new("apt-get"),
    };
    let install = apt()
        .arg("install")
        .arg("-y")
        .arg("--no-install-recommends");
    let install = packages
        .iter()
        .fold(install, |step, package| step.arg(*package));
    if apt().arg("update").run(session.root)?.success {
        install
            .env("DEBIAN_FRONTEND", "noninteractive")
            .run(session.root)?;
    }
    Ok(())
}

/// The reports of small runs, in the target folder so that they can be looked at afterwards.
fn reports(session: &Session<'_>) -> Result<Result<Vec<PathBuf>, String>> {
    let build = Step::cargo(BUILD).run(session.root)?;
    if !build.success {
        return Ok(Err(build.description));
    }
    let folder = session.programs.join("xtask-browser");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let mut pages = Vec::new();
    for settings in SMALL_RUNS {
        match report(session, &folder, settings)? {
            Ok(page) => pages.push(page),
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(pages))
}

/// The report of one run with these settings, the first of which is the task.
fn report(
    session: &Session<'_>,
    folder: &Path,
    settings: &[&str],
) -> Result<Result<PathBuf, String>> {
    let gfn = session.programs.join("gfn");
    let runs = format!("runs-{}", settings.first().copied().unwrap_or_default());
    let train = settings
        .iter()
        .fold(Step::new(&gfn).arg("train"), |step, word| step.arg(*word));
    let train = train.arg(format!("output.folder={runs}")).run(folder)?;
    if !train.success {
        return Ok(Err(train.description));
    }
    let runs = std::fs::read_dir(folder.join(&runs))
        .with_context(|| format!("training wrote no folder `{runs}`"))?;
    let runs: Vec<PathBuf> = runs
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    let [run] = runs.as_slice() else {
        return Ok(Err(format!(
            "training one run left {} run folders",
            runs.len()
        )));
    };
    let report = Step::new(&gfn)
        .arg("report")
        .arg(run)
        .arg("-n")
        .arg("64")
        .run(folder)?;
    if !report.success {
        return Ok(Err(report.description));
    }
    let page = run.join("report.html");
    Ok(if page.is_file() {
        Ok(page)
    } else {
        Err("`gfn report` wrote no report.html".into())
    })
}
