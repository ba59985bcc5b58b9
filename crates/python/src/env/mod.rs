//! Environments for Python: one state at a time, and many with numpy.

mod erased;
mod frontier;
mod native;
pub mod python;

use std::hash::Hash;
use std::sync::Arc;

use anabranch_core::env::Discrete;
use anabranch_core::rng::Stream;
use anabranch_envs::Enumerated;
use anabranch_learn::policy::MlpConfig;
use numpy::{PyArray1, PyArray2};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::error::Result;
use crate::policy::Boxed;
pub use erased::{Erased, Holder};
pub use frontier::{Frontier, arrays_of};

/// An environment whose states and actions can be written as plain Python values and read back.
///
/// # What breaks if an implementor lies
/// What `state_from` lets through reaches the environment unchecked, which may panic on it.
pub trait Lower:
    Discrete<State: Eq + Hash + 'static, Action: 'static> + Clone + Send + Sync + 'static
{
    /// As one would write it in Python.
    fn repr(&self) -> String;
    /// A state as a value that can be hashed and compared.
    fn state_to<'py>(&self, py: Python<'py>, state: &Self::State) -> PyResult<Bound<'py, PyAny>>;
    /// The state that `value` stands for.
    ///
    /// # Errors
    /// Where it is none of this environment.
    fn state_from(&self, value: &Bound<'_, PyAny>) -> Result<Self::State>;
    /// An action as a value that can be hashed and compared.
    fn action_to<'py>(&self, py: Python<'py>, action: Self::Action) -> PyResult<Bound<'py, PyAny>>;

    /// The object as people read it, where that differs from the state: SMILES.
    ///
    /// # Errors
    /// Where the object cannot be written.
    fn text(&self, _state: &Self::State) -> Result<Option<String>> {
        Ok(None)
    }
    /// Lengths of a feature vector and of the table of actions, where there are any.
    fn vector_sizes(&self) -> Option<(usize, usize)> {
        None
    }
    /// Writes the features of `state` over zeros.
    fn write_features(&self, _state: &Self::State, _out: &mut [f32]) {}
    /// The row of `action` in the table of actions.
    fn row_of(&self, _action: Self::Action) -> usize {
        0
    }
    /// A perceptron over the features, where there are any.
    fn perceptron(
        &self,
        _config: MlpConfig,
        _log_z: f64,
        _rng: &mut Stream,
    ) -> Option<Boxed<Self>> {
        None
    }
    /// What went wrong in Python since the last time that somebody asked.
    ///
    /// # Errors
    /// That.
    fn failed(&self) -> PyResult<()> {
        Ok(())
    }
    /// Every reachable state, at most `limit` of them, parents first.
    ///
    /// # Errors
    /// Where there are more.
    fn listed(&self, limit: usize) -> Result<Vec<Self::State>> {
        Ok(Enumerated::new(self.clone(), limit)?.listed().to_vec())
    }
}

/// An environment. States and actions are plain values: tuples of numbers, or text.
#[pyclass(frozen, module = "anabranch._native", name = "Environment")]
pub struct PyEnvironment {
    /// The environment behind it.
    pub inner: Arc<dyn Erased>,
}

impl PyEnvironment {
    fn new<E: Lower>(env: E) -> Self {
        Self {
            inner: Arc::new(Holder(env)),
        }
    }
}

#[pymethods]
impl PyEnvironment {
    fn __repr__(&self) -> String {
        self.inner.repr()
    }

    /// The empty object.
    fn source<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.inner.source(py)
    }

    /// The legal actions of `state`, stopping not among them.
    fn actions<'py>(&self, state: &Bound<'py, PyAny>) -> Result<Bound<'py, PyList>> {
        self.inner.actions(state)
    }

    /// The actions that can have led into `state`.
    fn parents<'py>(&self, state: &Bound<'py, PyAny>) -> Result<Bound<'py, PyList>> {
        self.inner.parents(state)
    }

    /// Whether `state` is a complete object.
    fn can_stop(&self, state: &Bound<'_, PyAny>) -> Result<bool> {
        self.inner.can_stop(state)
    }

    /// The state that a legal action leads to.
    fn step<'py>(
        &self,
        state: &Bound<'py, PyAny>,
        action: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyAny>> {
        self.inner.step(state, action)
    }

    /// The state that `action` led into `state` from.
    fn undo<'py>(
        &self,
        state: &Bound<'py, PyAny>,
        action: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyAny>> {
        self.inner.undo(state, action)
    }

    /// The object as people read it: SMILES, or the state itself as text.
    fn text(&self, state: &Bound<'_, PyAny>) -> Result<String> {
        self.inner.text(state)
    }

    /// Length of a feature vector; `None` without features.
    #[getter]
    fn num_features(&self) -> Option<usize> {
        self.inner.sizes().map(|(features, _)| features)
    }

    /// Rows of the table of actions; `None` without features.
    #[getter]
    fn num_actions(&self) -> Option<usize> {
        self.inner.sizes().map(|(_, actions)| actions)
    }

    /// `[n, f]` features.
    fn features<'py>(&self, states: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArray2<f32>>> {
        self.inner.features(states)
    }

    /// `[n, a + 1]` which moves are legal: the rows of the table of actions, then stopping.
    fn masks<'py>(&self, states: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArray2<bool>>> {
        self.inner.masks(states)
    }

    /// The rows of `actions` in the table of actions.
    fn action_rows<'py>(&self, state: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArray1<i64>>> {
        self.inner.action_rows(state)
    }

    /// The states with all edges into and out of them, as arrays.
    fn frontier(&self, states: &Bound<'_, PyAny>) -> Result<Frontier> {
        self.inner.frontier(states)
    }

    /// Every reachable state, parents first.
    #[pyo3(signature = (limit = 1_000_000))]
    fn enumerate<'py>(&self, py: Python<'py>, limit: usize) -> Result<Bound<'py, PyList>> {
        self.inner.enumerate(py, limit)
    }

    /// Random walks by the laws of the library; and, where there are at most `limit` states, all of it.
    #[pyo3(signature = (seed, walks, limit))]
    fn check<'py>(
        &self,
        py: Python<'py>,
        seed: u64,
        walks: usize,
        limit: usize,
    ) -> Result<Bound<'py, PyDict>> {
        self.inner.check(py, seed, walks, limit)
    }
}

/// An environment written in Python; with `cached` each question about a state is asked once.
#[pyfunction]
fn custom_environment(object: &Bound<'_, PyAny>, cached: bool) -> Result<PyEnvironment> {
    Ok(PyEnvironment::new(python::Custom::new(object, cached)?))
}

/// What `value` must be instead.
fn expected(what: &str, value: &Bound<'_, PyAny>) -> crate::error::Failure {
    PyTypeError::new_err(format!("{value:?} is no {what}")).into()
}

/// Adds this folder to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyEnvironment>()?;
    module.add_class::<Frontier>()?;
    module.add_function(wrap_pyfunction!(custom_environment, module)?)?;
    native::register(module)
}
