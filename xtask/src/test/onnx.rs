//! Exported policies, run by onnxruntime on the states that were written with them.

use anyhow::{Context, Result};

use super::command::{Step, find_program};
use super::python::{environment, left_out, program};
use super::{Phase, Session};

/// What runs the models.
const RUNTIME: &[&str] = &["numpy", "onnxruntime"];

/// Exports a policy of each kind by the test that does so, and holds them to 1e-5 by the script of the guide.
pub fn run(session: &Session<'_>) -> Result<Phase> {
    let Some(python) = find_program(&["python3", "python"]) else {
        return left_out(session, "there is no python3; install it");
    };
    let parent = session.programs.parent().unwrap_or(&session.programs);
    let folder = parent.join("xtask-onnx");
    let (tools, exports) = (folder.join("tools"), folder.join("exports"));
    if exports.exists() {
        std::fs::remove_dir_all(&exports)
            .with_context(|| format!("cannot empty {}", exports.display()))?;
    }
    std::fs::create_dir_all(&exports)
        .with_context(|| format!("cannot create {}", exports.display()))?;
    if !environment(session, &python, &tools, RUNTIME)? {
        return left_out(
            session,
            "an environment with onnxruntime cannot be made: python3 -m venv and pip have to work",
        );
    }
    let made = Step::cargo("test --workspace --test onnx exported_policies")
        .env("ANABRANCH_EXPORTS", &exports);
    let found = session.counted(&made, session.root)?;
    let Phase::Ran(_) = found else {
        return Ok(found);
    };
    let mut models: Vec<_> = std::fs::read_dir(&exports)
        .with_context(|| format!("cannot read {}", exports.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "onnx"))
        .collect();
    models.sort();
    let check = session.root.join("docs/guide/check_onnx.py");
    let step = Step::new(program(&tools, "python")).arg(check);
    session.step(&models.iter().fold(step, |step, model| step.arg(model)))
}
