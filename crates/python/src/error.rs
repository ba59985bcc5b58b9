//! Errors of the crates below as exceptions of `anabranch.errors`, their messages kept.

use anabranch_chem::ChemError;
use anabranch_core::CoreError;
use anabranch_envs::EnvError;
use anabranch_learn::LearnError;
use anabranch_tasks::TaskError;
use anabranch_tasks::config::ConfigError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// Whatever can go wrong behind a function of the module.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Python's own: what a callable raised, or what this crate raises as a plain exception.
    #[error(transparent)]
    Python(#[from] PyErr),
    /// Settings, runs, files.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// An environment.
    #[error(transparent)]
    Env(#[from] EnvError),
    /// A molecule.
    #[error(transparent)]
    Chem(#[from] ChemError),
    /// An objective or an exact solution.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// A training step.
    #[error(transparent)]
    Learn(#[from] LearnError),
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Failure>;

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Task(error.into())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Python(PyValueError::new_err(error.to_string()))
    }
}

impl Failure {
    /// A `ValueError` with this text.
    pub fn value(text: impl Into<String>) -> Self {
        Self::Python(PyValueError::new_err(text.into()))
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        let class = match &failure {
            Failure::Python(_) => "",
            Failure::Task(error) => of_task(error),
            Failure::Env(_) => "EnvError",
            Failure::Chem(_) => "ChemError",
            Failure::Core(error) => of_core(error),
            Failure::Learn(error) => of_learn(error),
        };
        match failure {
            Failure::Python(error) => error,
            other => Python::attach(|py| exception(py, class, other.to_string())),
        }
    }
}

fn of_task(error: &TaskError) -> &'static str {
    match error {
        TaskError::Config(_) => "ConfigError",
        TaskError::Env(_) => "EnvError",
        TaskError::Chem(_) => "ChemError",
        TaskError::Oracle(_) | TaskError::RewardNotFinite { .. } => "RewardError",
        TaskError::Core(error) => of_core(error),
        TaskError::Learn(error) | TaskError::Step { source: error, .. } => of_learn(error),
        TaskError::Output(_) | TaskError::Report(_) | TaskError::File { .. } => "FileError",
        _ => "RequestError",
    }
}

fn of_core(error: &CoreError) -> &'static str {
    match error {
        CoreError::Conformance(_) => "ConformanceError",
        CoreError::NoData { .. } | CoreError::Buffer(_) => "FileError",
        _ => "ObjectiveError",
    }
}

fn of_learn(error: &LearnError) -> &'static str {
    match error {
        LearnError::Core(error) => of_core(error),
        LearnError::Reward(_) => "RewardError",
        LearnError::File { .. } => "FileError",
        _ => "TrainingError",
    }
}

/// An exception of the class `name` in `anabranch.errors`.
pub fn exception(py: Python<'_>, name: &str, message: String) -> PyErr {
    let class = py
        .import("anabranch.errors")
        .and_then(|module| Ok(module.getattr(name)?.cast_into::<PyType>()?));
    match class {
        Ok(class) => PyErr::from_type(class, message),
        Err(error) => error,
    }
}
