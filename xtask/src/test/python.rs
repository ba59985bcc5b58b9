//! The Python package: its wheel, in a fresh environment without a compiler.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::command::{Step, find_program};
use super::count::Count;
use super::{Phase, Session, features};

/// What builds the wheel.
const BUILDER: &[&str] = &["maturin>=1.9,<2"];

/// What tests it: pandas is what `to_pandas` needs and the package does not, and others read what it writes.
const TESTERS: &[&str] = &[
    "pytest",
    "onnxruntime",
    "pandas",
    "polars",
    "pyarrow",
    "rdkit",
    "safetensors",
    "tensorboard",
    "nbclient",
    "nbformat",
    "ipykernel",
    "mypy",
    "pyright[nodejs]",
];

/// The package that becomes the wheel.
const PACKAGE: &str = "anabranch-python";

/// The features with which no dependency is built a second time; see crates/python/Cargo.toml.
const FEATURES: &str = "like-the-workspace";

/// Builds the wheel by maturin out of what the tests were built from, installs it where there is no
/// compiler, and runs its tests, a notebook and two type checkers there.
pub fn run(session: &Session<'_>) -> Result<Phase> {
    let Some(python) = find_program(&["python3", "python"]) else {
        return left_out(session, "there is no python3; install it");
    };
    let again = features::built_again(session, PACKAGE, FEATURES)?;
    if !again.is_empty() {
        return Ok(failed(format!(
            "the features {FEATURES} of crates/python/Cargo.toml are not those of the workspace, so that \
             dependencies would be built a second time; give them there what is missing: {}",
            again.join("; ")
        )));
    }
    let folder = session
        .programs
        .parent()
        .unwrap_or(&session.programs)
        .join("xtask-python");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let (tools, fresh) = (folder.join("tools"), folder.join("fresh"));
    if !environment(session, &python, &tools, BUILDER)? {
        return left_out(
            session,
            "an environment with maturin cannot be made: python3 -m venv and pip have to work",
        );
    }
    let wheels = folder.join("wheels");
    for old in [&wheels, &fresh] {
        if old.exists() {
            std::fs::remove_dir_all(old)
                .with_context(|| format!("cannot empty {}", old.display()))?;
        }
    }
    let crate_folder = session.root.join("crates/python");
    let build = Step::new(program(&tools, "maturin"))
        .arg("build")
        .arg("--profile")
        .arg("dev")
        .arg("--features")
        .arg(FEATURES)
        .arg("--interpreter")
        .arg(program(&tools, "python"))
        .arg("--out")
        .arg(&wheels);
    let built = build.run(&crate_folder)?;
    if !built.success {
        return Ok(failed(built.description));
    }
    let wheel = match wheel(&wheels)? {
        Ok(wheel) => wheel,
        Err(why) => return Ok(failed(why)),
    };
    test(session, &python, &fresh, &wheel)
}

/// Installs `wheel` into a new environment and tests it there.
fn test(session: &Session<'_>, python: &Path, fresh: &Path, wheel: &Path) -> Result<Phase> {
    let crate_folder = session.root.join("crates/python");
    if !Step::new(python)
        .arg("-m")
        .arg("venv")
        .arg(fresh)
        .run(session.root)?
        .success
    {
        return Ok(failed("python3 -m venv did not work".into()));
    }
    let bare = fresh.join("bin");
    // Nothing but the environment's own programs: no compiler, no cargo.
    let inside = |name: &str| Step::new(program(fresh, name)).env("PATH", &bare);
    let install = inside("python")
        .arg("-m")
        .arg("pip")
        .arg("install")
        .arg("--quiet")
        .arg("--disable-pip-version-check")
        .arg("--only-binary=:all:");
    let mut sum = Count::default();
    let alone = install.clone().arg(wheel);
    let testers = TESTERS
        .iter()
        .fold(install, |step, package| step.arg(*package));
    let first = inside("python")
        .arg("-c")
        .arg("import anabranch as ab; print('anabranch', ab.__version__, ab.chem.qed(['CCO']))");
    let pytest = inside("python").arg("-m").arg("pytest");
    let types = [
        inside("mypy").arg("python").arg("tests/usage.py"),
        inside("pyright")
            .arg("--pythonpath")
            .arg(program(fresh, "python")),
    ];
    for step in [alone, first, testers] {
        let outcome = step.run(&crate_folder)?;
        if !outcome.success {
            sum += Count::ONE_FAILED;
            return Ok(Phase::Failed(sum, outcome.description));
        }
    }
    sum += Count::ONE;
    match session.counted(&pytest, &crate_folder)? {
        Phase::Ran(Count { passed: 0, .. }) => return Ok(failed("pytest ran no test".into())),
        Phase::Ran(count) => sum += count,
        Phase::Failed(count, why) => {
            sum += count;
            return Ok(Phase::Failed(sum, why));
        }
        left_out @ Phase::LeftOut(_) => return Ok(left_out),
    }
    for step in types {
        let outcome = step.run(&crate_folder)?;
        if !outcome.success {
            sum += Count::ONE_FAILED;
            return Ok(Phase::Failed(sum, outcome.description));
        }
        sum += Count::ONE;
    }
    Ok(Phase::Ran(sum))
}

/// Whether `folder` is an environment with `packages`; made where it is not there.
pub(super) fn environment(
    session: &Session<'_>,
    python: &Path,
    folder: &Path,
    packages: &[&str],
) -> Result<bool> {
    // Written last, so that one that was broken off is made again.
    let mark = folder.join("packages");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&mark).is_ok_and(|there| there == wanted) {
        return Ok(true);
    }
    let made = Step::new(python).arg("-m").arg("venv").arg(folder);
    if !made.run(session.root)?.success {
        return Ok(false);
    }
    let install = Step::new(program(folder, "python"))
        .arg("-m")
        .arg("pip")
        .arg("install")
        .arg("--quiet")
        .arg("--disable-pip-version-check");
    let install = packages.iter().fold(install, |step, name| step.arg(*name));
    let success = install.run(session.root)?.success;
    if success {
        std::fs::write(&mark, wanted)
            .with_context(|| format!("cannot write {}", mark.display()))?;
    }
    Ok(success)
}

/// A program of an environment.
pub(super) fn program(environment: &Path, name: &str) -> PathBuf {
    environment.join("bin").join(name)
}

/// The one wheel in `folder`.
fn wheel(folder: &Path) -> Result<Result<PathBuf, String>> {
    let files = std::fs::read_dir(folder)
        .with_context(|| format!("maturin wrote no {}", folder.display()))?;
    let mut wheels = Vec::new();
    for file in files {
        let path = file.context("cannot read a folder")?.path();
        if path.extension().is_some_and(|end| end == "whl") {
            wheels.push(path);
        }
    }
    Ok(match wheels.as_slice() {
        [wheel] => Ok(wheel.clone()),
        other => Err(format!("maturin wrote {} wheels", other.len())),
    })
}

fn failed(why: String) -> Phase {
    Phase::Failed(Count::ONE_FAILED, why)
}

/// Left out on a developer's machine; a failure in the continuous integration.
pub(super) fn left_out(session: &Session<'_>, why: &str) -> Result<Phase> {
    Ok(if session.settings.ci {
        failed(why.into())
    } else {
        Phase::LeftOut(why.into())
    })
}
