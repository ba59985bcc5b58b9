//! Any environment behind one type.

use std::sync::Arc;

use anabranch_core::conformance::{self, Report, check_laws};
use anabranch_core::{Frontier as States, Seed};
use anabranch_envs::{Enumerated, EnvError};
use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::frontier::{Frontier, arrays_of, features};
use super::{Lower, expected};
use crate::arrays::{array, matrix};
use crate::custom::{Plan, Trained, train};
use crate::error::{Failure, Result, exception};
use crate::watch::waited;

/// What Python asks of an environment; see `PyEnvironment` for what each means.
pub trait Erased: Send + Sync {
    fn repr(&self) -> String;
    fn source<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>>;
    fn actions<'py>(&self, state: &Bound<'py, PyAny>) -> Result<Bound<'py, PyList>>;
    fn parents<'py>(&self, state: &Bound<'py, PyAny>) -> Result<Bound<'py, PyList>>;
    fn can_stop(&self, state: &Bound<'_, PyAny>) -> Result<bool>;
    fn step<'py>(
        &self,
        state: &Bound<'py, PyAny>,
        action: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyAny>>;
    fn undo<'py>(
        &self,
        state: &Bound<'py, PyAny>,
        action: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyAny>>;
    fn text(&self, state: &Bound<'_, PyAny>) -> Result<String>;
    fn sizes(&self) -> Option<(usize, usize)>;
    fn features<'py>(&self, states: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArray2<f32>>>;
    fn masks<'py>(&self, states: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArray2<bool>>>;
    fn action_rows<'py>(&self, state: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArray1<i64>>>;
    fn frontier(&self, states: &Bound<'_, PyAny>) -> Result<Frontier>;
    fn enumerate<'py>(&self, py: Python<'py>, limit: usize) -> Result<Bound<'py, PyList>>;
    fn check<'py>(
        &self,
        py: Python<'py>,
        seed: u64,
        walks: usize,
        limit: usize,
    ) -> Result<Bound<'py, PyDict>>;
    fn train(&self, py: Python<'_>, plan: Plan) -> Result<Arc<dyn Trained>>;
}

/// An environment of known type.
pub struct Holder<E>(pub E);

impl<E: Lower> Holder<E> {
    /// The entry of `listed` that is `action`.
    fn find(
        &self,
        state: &Bound<'_, PyAny>,
        action: &Bound<'_, PyAny>,
        listed: &[E::Action],
        kind: &str,
    ) -> Result<E::Action> {
        let py = state.py();
        for &known in listed {
            if self.0.action_to(py, known)?.eq(action)? {
                return Ok(known);
            }
        }
        let message = format!("{action:?} is not among the {kind} of {state:?}");
        Err(Failure::Python(exception(py, "EnvError", message)))
    }

    fn list(&self, py: Python<'_>, actions: &[E::Action]) -> Result<Py<PyList>> {
        let out = PyList::empty(py);
        for &action in actions {
            out.append(self.0.action_to(py, action)?)?;
        }
        Ok(out.unbind())
    }

    fn actions_of(&self, state: &E::State) -> Result<Vec<E::Action>> {
        let mut out = Vec::new();
        self.0.actions(state, &mut out);
        self.0.failed()?;
        Ok(out)
    }

    fn parents_of(&self, state: &E::State) -> Result<Vec<E::Action>> {
        let mut out = Vec::new();
        self.0.parents(state, &mut out);
        self.0.failed()?;
        Ok(out)
    }

    fn states_from(&self, states: &Bound<'_, PyAny>) -> Result<Vec<E::State>> {
        if states.is_instance_of::<pyo3::types::PyString>() {
            return Err(expected("list of states; put [ ] around one state", states));
        }
        states
            .try_iter()?
            .map(|state| self.0.state_from(&state?))
            .collect()
    }

    fn vector_sizes(&self, py: Python<'_>) -> Result<(usize, usize)> {
        self.0.vector_sizes().ok_or_else(|| {
            let message = format!(
                "{} has no feature vectors; use frontier(states) and read its states",
                self.0.repr()
            );
            Failure::Python(exception(py, "EnvError", message))
        })
    }
}

impl<E: Lower> Erased for Holder<E> {
    fn repr(&self) -> String {
        self.0.repr()
    }

    fn source<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let source = self.0.source();
        self.0.failed()?;
        Ok(self.0.state_to(py, &source)?)
    }

    fn actions<'py>(&self, state: &Bound<'py, PyAny>) -> Result<Bound<'py, PyList>> {
        let actions = self.actions_of(&self.0.state_from(state)?)?;
        Ok(self.list(state.py(), &actions)?.into_bound(state.py()))
    }

    fn parents<'py>(&self, state: &Bound<'py, PyAny>) -> Result<Bound<'py, PyList>> {
        let parents = self.parents_of(&self.0.state_from(state)?)?;
        Ok(self.list(state.py(), &parents)?.into_bound(state.py()))
    }

    fn can_stop(&self, state: &Bound<'_, PyAny>) -> Result<bool> {
        let answer = self.0.can_stop(&self.0.state_from(state)?);
        self.0.failed()?;
        Ok(answer)
    }

    fn step<'py>(
        &self,
        state: &Bound<'py, PyAny>,
        action: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyAny>> {
        let mut own = self.0.state_from(state)?;
        let action = self.find(state, action, &self.actions_of(&own)?, "actions")?;
        self.0.step(&mut own, action);
        self.0.failed()?;
        Ok(self.0.state_to(state.py(), &own)?)
    }

    fn undo<'py>(
        &self,
        state: &Bound<'py, PyAny>,
        action: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyAny>> {
        let mut own = self.0.state_from(state)?;
        let action = self.find(state, action, &self.parents_of(&own)?, "parents")?;
        self.0.undo(&mut own, action);
        self.0.failed()?;
        Ok(self.0.state_to(state.py(), &own)?)
    }

    fn text(&self, state: &Bound<'_, PyAny>) -> Result<String> {
        let own = self.0.state_from(state)?;
        match self.0.text(&own)? {
            Some(text) => Ok(text),
            None => Ok(state.str()?.extract()?),
        }
    }

    fn sizes(&self) -> Option<(usize, usize)> {
        self.0.vector_sizes()
    }

    fn features<'py>(&self, states: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArray2<f32>>> {
        let (width, _) = self.vector_sizes(states.py())?;
        features(states.py(), &self.0, &self.states_from(states)?, width)
    }

    fn masks<'py>(&self, states: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArray2<bool>>> {
        let (_, stop) = self.vector_sizes(states.py())?;
        let own = self.states_from(states)?;
        let mut out = vec![false; own.len() * (stop + 1)];
        for (state, row) in own.iter().zip(out.chunks_mut(stop + 1)) {
            for action in self.actions_of(state)? {
                row[self.0.row_of(action)] = true;
            }
            row[stop] = self.0.can_stop(state);
        }
        self.0.failed()?;
        Ok(matrix(states.py(), out, own.len(), stop + 1)?)
    }

    fn action_rows<'py>(&self, state: &Bound<'py, PyAny>) -> Result<Bound<'py, PyArray1<i64>>> {
        self.vector_sizes(state.py())?;
        let actions = self.actions_of(&self.0.state_from(state)?)?;
        let rows = actions.into_iter().map(|a| self.0.row_of(a) as i64);
        Ok(array(state.py(), rows.collect()))
    }

    fn frontier(&self, states: &Bound<'_, PyAny>) -> Result<Frontier> {
        let own = self.states_from(states)?;
        let frontier = States::new(&self.0, own, Vec::new());
        self.0.failed()?;
        arrays_of(states.py(), &frontier)
    }

    fn enumerate<'py>(&self, py: Python<'py>, limit: usize) -> Result<Bound<'py, PyList>> {
        let states = waited(py, || self.0.listed(limit))?;
        self.0.failed()?;
        let out = PyList::empty(py);
        for state in states? {
            out.append(self.0.state_to(py, &state)?)?;
        }
        Ok(out)
    }

    fn check<'py>(
        &self,
        py: Python<'py>,
        seed: u64,
        walks: usize,
        limit: usize,
    ) -> Result<Bound<'py, PyDict>> {
        let env = &self.0;
        let seed = Seed::new(seed);
        let out = PyDict::new(py);
        let fill = |report: &Report| -> PyResult<()> {
            out.set_item("states", report.states)?;
            out.set_item("edges", report.edges)?;
            out.set_item("longest", report.longest)
        };
        let walked = waited(py, || conformance::check(env, seed, walks))?;
        env.failed()?;
        fill(&walked?)?;
        let listed = waited(py, || Enumerated::new(env.clone(), limit))?;
        env.failed()?;
        let listed = match listed {
            Ok(listed) => listed,
            // Too many to write down is no breach.
            Err(EnvError::TooManyStates { .. }) => {
                out.set_item("all_states", py.None())?;
                return Ok(out);
            }
            Err(error) => return Err(error.into()),
        };
        let laws = waited(py, || check_laws(&listed, seed, walks, |_| 0.0))?;
        env.failed()?;
        let laws = laws?;
        out.set_item("all_states", laws.states)?;
        out.set_item("objects", laws.objects)?;
        out.set_item("all_edges", laws.edges)?;
        Ok(out)
    }

    fn train(&self, py: Python<'_>, plan: Plan) -> Result<Arc<dyn Trained>> {
        train(py, self.0.clone(), plan)
    }
}
