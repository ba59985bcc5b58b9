//! Models behind one type: a perceptron, a table, or a policy written in Python.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anabranch_core::Frontier;
use anabranch_envs::Enumerated;
use anabranch_learn::LearnError;
use anabranch_learn::params::{Gradients, Param, Params};
use anabranch_learn::policy::{
    LogZPullback, Model, Policy, Pullback, Scores, ScoresGrad, Tabular, Tape,
};
use numpy::{AllowTypeChange, PyArrayLikeDyn};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::arrays::{array, matrix, numbers};
use crate::env::{Lower, arrays_of};

/// Any model of an environment.
pub struct Boxed<E: Lower>(Box<dyn Model<Env = E> + Send + Sync>);

impl<E: Lower> Boxed<E> {
    /// Around `model`.
    pub fn new(model: impl Model<Env = E> + Send + Sync + 'static) -> Self {
        Self(Box::new(model))
    }
}

impl<E: Lower> Policy for Boxed<E> {
    type Env = E;

    fn scores(&self, frontier: &Frontier<'_, E>) -> Result<Scores, LearnError> {
        self.0.scores(frontier)
    }
}

impl<E: Lower> Model for Boxed<E> {
    fn forward(&self, frontier: &Frontier<'_, E>) -> Result<(Scores, Pullback<'_>), LearnError> {
        self.0.forward(frontier)
    }

    fn lay_out(&self) {
        self.0.lay_out();
    }

    fn lay_out_pull_back(&self) {
        self.0.lay_out_pull_back();
    }

    fn shards(&self) -> usize {
        self.0.shards()
    }

    fn tape(&self) -> Box<dyn Tape<E> + '_> {
        self.0.tape()
    }

    fn forward_log_z(
        &self,
        conditions: &[f32],
        count: usize,
    ) -> Result<(Vec<f64>, LogZPullback<'_>), LearnError> {
        self.0.forward_log_z(conditions, count)
    }

    fn params(&self) -> &Params {
        self.0.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.0.params_mut()
    }
}

/// A table over a list of all states.
pub struct Table<E: Lower> {
    env: Enumerated<E>,
    table: Tabular<Enumerated<E>>,
}

impl<E: Lower> Table<E> {
    /// All scores 0.
    pub fn new(env: Enumerated<E>) -> Self {
        let table = Tabular::new(&env);
        Self { env, table }
    }

    fn listed<'a>(&'a self, frontier: &Frontier<'_, E>) -> Frontier<'a, Enumerated<E>> {
        Frontier {
            env: &self.env,
            states: frontier.states.clone(),
            moves: frontier.moves.clone(),
            parents: frontier.parents.clone(),
            conditions: frontier.conditions.clone(),
        }
    }
}

impl<E: Lower> Policy for Table<E> {
    type Env = E;

    fn scores(&self, frontier: &Frontier<'_, E>) -> Result<Scores, LearnError> {
        self.table.scores(&self.listed(frontier))
    }
}

impl<E: Lower> Model for Table<E> {
    fn forward(&self, frontier: &Frontier<'_, E>) -> Result<(Scores, Pullback<'_>), LearnError> {
        self.table.forward(&self.listed(frontier))
    }

    fn forward_log_z(
        &self,
        conditions: &[f32],
        count: usize,
    ) -> Result<(Vec<f64>, LogZPullback<'_>), LearnError> {
        self.table.forward_log_z(conditions, count)
    }

    fn params(&self) -> &Params {
        self.table.params()
    }

    fn params_mut(&mut self) -> &mut Params {
        self.table.params_mut()
    }
}

/// The object behind a policy written in Python, shared with the loop that trains it.
pub struct Script {
    object: Py<PyAny>,
    error: Mutex<Option<PyErr>>,
}

/// A policy written in Python: `scores(frontier)`, `forward(frontier)` with the way back, and either
/// `step()` for an optimiser of its own or `parameters()` and `load()` for ours. log Z is ours.
pub struct Scripted<E> {
    script: Arc<Script>,
    params: Params,
    env: std::marker::PhantomData<fn() -> E>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Script {
    /// Around `object`.
    ///
    /// # Errors
    /// `TypeError` where it cannot score or cannot be changed.
    pub fn new(object: &Bound<'_, PyAny>) -> PyResult<Arc<Self>> {
        let has = |name: &str| {
            object
                .getattr(name)
                .is_ok_and(|method| method.is_callable())
        };
        if !has("forward") || !has("scores") {
            return Err(PyTypeError::new_err(
                "a policy has scores(frontier) -> scores and forward(frontier) -> (scores, pullback)",
            ));
        }
        let ours = has("parameters") && has("load");
        if !ours && !has("step") {
            return Err(PyTypeError::new_err(
                "a policy has step(), which changes its parameters by the gradients that its pullbacks \
                 left, or parameters() and load(arrays), so that Adam here changes them",
            ));
        }
        Ok(Arc::new(Self {
            object: object.clone().unbind(),
            error: Mutex::new(None),
        }))
    }

    /// What it raised since the last time that somebody asked.
    ///
    /// # Errors
    /// That.
    pub fn failed(&self) -> PyResult<()> {
        lock(&self.error).take().map_or(Ok(()), Err)
    }

    fn note(&self, error: PyErr) {
        lock(&self.error).get_or_insert(error);
    }

    /// Hands new parameters over, or lets the policy change its own.
    ///
    /// # Errors
    /// What it raises.
    pub fn changed(&self, params: &Params) -> PyResult<()> {
        Python::attach(|py| {
            let object = self.object.bind(py);
            let own: Vec<&Param> = params.iter().filter(|p| p.name != LOG_Z).collect();
            if own.is_empty() {
                object.call_method0("step")?;
                return Ok(());
            }
            let arrays = PyDict::new(py);
            for param in own {
                let [rows, columns] = param.shape;
                let name = param.name.strip_prefix(POLICY).unwrap_or(&param.name);
                let values = matrix(py, param.values.clone(), rows, columns)?;
                arrays.set_item(name, values)?;
            }
            object.call_method1("load", (arrays,))?;
            Ok(())
        })
    }
}

const LOG_Z: &str = "log_z.value";
const POLICY: &str = "policy.";

impl<E: Lower> Scripted<E> {
    /// Around `script`, with the first value of log Z.
    ///
    /// # Errors
    /// What `parameters()` raises, or where it returns something else than named arrays.
    pub fn new(script: Arc<Script>, log_z: f64) -> PyResult<Self> {
        let mut list = Python::attach(|py| -> PyResult<Vec<Param>> {
            let object = script.object.bind(py);
            if !object.hasattr("parameters")? || !object.hasattr("load")? {
                return Ok(Vec::new());
            }
            let arrays = object.call_method0("parameters")?;
            let arrays = arrays.cast::<PyDict>().map_err(|_| {
                PyTypeError::new_err("parameters() must return a dictionary of arrays")
            })?;
            let mut list = Vec::new();
            for (name, values) in arrays.iter() {
                let name: String = name.extract()?;
                let values: PyArrayLikeDyn<'_, f32, AllowTypeChange> = values.extract()?;
                let view = values.as_array();
                let columns = view.shape().last().copied().unwrap_or(1);
                list.push(Param {
                    name: format!("{POLICY}{name}"),
                    shape: [view.len().checked_div(columns).unwrap_or(0), columns],
                    values: view.iter().copied().collect(),
                });
            }
            Ok(list)
        })?;
        list.push(Param {
            name: LOG_Z.into(),
            shape: [1, 1],
            values: vec![log_z as f32],
        });
        Ok(Self {
            script,
            params: Params::from_list(list),
            env: std::marker::PhantomData,
        })
    }

    fn ask<T>(
        &self,
        ask: impl FnOnce(Python<'_>) -> crate::error::Result<T>,
    ) -> Result<T, LearnError> {
        Python::attach(|py| {
            ask(py).map_err(|error| {
                self.script.note(error.into());
                LearnError::Parameter {
                    name: "policy".into(),
                    problem: "it raised an exception".into(),
                }
            })
        })
    }

    fn log_z_value(&self) -> f64 {
        let last = self.params.iter().last();
        last.and_then(|p| p.values.first())
            .map_or(0.0, |v| f64::from(*v))
    }
}

/// Scores as a policy returned them: an array of the moves' scores, or a dictionary.
fn scores_from(
    answer: &Bound<'_, PyAny>,
    [states, moves, parents]: [usize; 3],
) -> PyResult<Scores> {
    let one = |name: &str, values: &Bound<'_, PyAny>, length: usize| -> PyResult<Vec<f64>> {
        let values = numbers(values).ok_or_else(|| {
            PyTypeError::new_err(format!(
                "the policy's {name} must be an array of one dimension"
            ))
        })?;
        match values.len() == length {
            true => Ok(values),
            false => Err(PyValueError::new_err(format!(
                "the policy returned {} {name}; the frontier has {length}",
                values.len()
            ))),
        }
    };
    let Ok(table) = answer.cast::<PyDict>() else {
        return Ok(Scores {
            moves: one("moves", answer, moves)?,
            parents: None,
            log_flow: None,
        });
    };
    let part = |name: &str, length: usize| -> PyResult<Option<Vec<f64>>> {
        let values = table.get_item(name)?.filter(|values| !values.is_none());
        values.map(|values| one(name, &values, length)).transpose()
    };
    Ok(Scores {
        moves: part("moves", moves)?
            .ok_or_else(|| PyValueError::new_err("the policy's scores have no entry \"moves\""))?,
        parents: part("parents", parents)?,
        log_flow: part("log_flow", states)?,
    })
}

fn sizes<E: Lower>(frontier: &Frontier<'_, E>) -> [usize; 3] {
    [
        frontier.len(),
        frontier.moves.items().len(),
        frontier.parents.items().len(),
    ]
}

impl<E: Lower> Policy for Scripted<E> {
    type Env = E;

    fn scores(&self, frontier: &Frontier<'_, E>) -> Result<Scores, LearnError> {
        self.ask(|py| {
            let arrays = arrays_of(py, frontier)?;
            let object = self.script.object.bind(py);
            let answer = object.call_method1("scores", (arrays,))?;
            Ok(scores_from(&answer, sizes(frontier))?)
        })
    }
}

impl<E: Lower> Model for Scripted<E> {
    fn forward(&self, frontier: &Frontier<'_, E>) -> Result<(Scores, Pullback<'_>), LearnError> {
        let (scores, back) = self.ask(|py| {
            let arrays = arrays_of(py, frontier)?;
            let object = self.script.object.bind(py);
            let answer = object.call_method1("forward", (arrays,))?;
            let (scores, back): (Bound<'_, PyAny>, Bound<'_, PyAny>) = answer
                .cast::<PyTuple>()
                .map_err(PyErr::from)
                .and_then(|pair| pair.extract())
                .map_err(|_| PyTypeError::new_err("forward must return (scores, pullback)"))?;
            Ok((scores_from(&scores, sizes(frontier))?, back.unbind()))
        })?;
        let pullback = move |grad: &ScoresGrad| -> Gradients {
            Python::attach(|py| {
                self.gradients(py, &back, grad).unwrap_or_else(|error| {
                    self.script.note(error);
                    self.params.zero_gradients()
                })
            })
        };
        Ok((scores, Box::new(pullback)))
    }

    fn forward_log_z(
        &self,
        _: &[f32],
        count: usize,
    ) -> Result<(Vec<f64>, LogZPullback<'_>), LearnError> {
        let pullback = move |grad: &[f64]| -> Gradients {
            let mut gradients = self.params.zero_gradients();
            if let Some(last) = gradients.last_mut() {
                last[0] = grad.iter().sum::<f64>() as f32;
            }
            gradients
        };
        Ok((vec![self.log_z_value(); count], Box::new(pullback)))
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }
}

impl<E: Lower> Scripted<E> {
    /// Asks the policy's pullback; what it returns are gradients by name, where it has parameters here.
    fn gradients(
        &self,
        py: Python<'_>,
        back: &Py<PyAny>,
        grad: &ScoresGrad,
    ) -> PyResult<Gradients> {
        let arrays = PyDict::new(py);
        arrays.set_item("moves", array(py, grad.moves.clone()))?;
        if let Some(parents) = &grad.parents {
            arrays.set_item("parents", array(py, parents.clone()))?;
        }
        if let Some(log_flow) = &grad.log_flow {
            arrays.set_item("log_flow", array(py, log_flow.clone()))?;
        }
        let answer = back.bind(py).call1((arrays,))?;
        let mut out = self.params.zero_gradients();
        let own = self.params.len() - 1;
        if own == 0 {
            return Ok(out);
        }
        let table = answer.cast::<PyDict>().map_err(|_| {
            PyTypeError::new_err(
                "the pullback of a policy with parameters() must return a dictionary of gradients",
            )
        })?;
        for (param, gradient) in self.params.iter().zip(&mut out).take(own) {
            let name = param.name.strip_prefix(POLICY).unwrap_or(&param.name);
            let Some(values) = table.get_item(name)? else {
                continue; // A parameter that these scores do not depend on.
            };
            let values: PyArrayLikeDyn<'_, f32, AllowTypeChange> = values.extract()?;
            if values.as_array().len() != gradient.len() {
                return Err(PyValueError::new_err(format!(
                    "the gradient of {name} has {} values and the parameter {}",
                    values.as_array().len(),
                    gradient.len()
                )));
            }
            gradient
                .iter_mut()
                .zip(values.as_array().iter())
                .for_each(|(g, v)| *g = *v);
        }
        Ok(out)
    }
}
