//! A Python function as what scores the objects of a run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anabranch_oracles::{Answer, Callable, FailureKind};
use anabranch_tasks::own_score::Surroundings;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::call::{Columns, call_python, noted};
use crate::error::{Failure, Result};
use crate::watch::watched;

/// A function and the name of what it computes, where the user gave one.
pub type Given = Option<(Py<PyAny>, String)>;

/// What scores the objects of a run, as far as that is a function of this interpreter.
pub struct Scoring {
    function: Option<Function>,
    /// What it raised last.
    raised: Arc<Mutex<Option<PyErr>>>,
}

struct Function {
    callable: Arc<Py<PyAny>>,
    version: String,
}

impl Scoring {
    /// Of what the user gave.
    pub fn new(given: Given) -> Self {
        Self {
            function: given.map(|(callable, version)| Function {
                callable: Arc::new(callable),
                version,
            }),
            raised: Arc::default(),
        }
    }

    /// Whether there is a function.
    pub const fn is_given(&self) -> bool {
        self.function.is_some()
    }

    /// What a run needs from around it; waiting for scores ends once `stop` is set.
    pub fn around(&self, stop: &Arc<AtomicBool>) -> Surroundings {
        let stop = Arc::clone(stop);
        let around = Surroundings::default().stopping(move || stop.load(Ordering::SeqCst));
        let Some(Function { callable, version }) = &self.function else {
            return around;
        };
        let (callable, version) = (Arc::clone(callable), version.clone());
        let raised = Arc::clone(&self.raised);
        around.scored_by(move |settings| {
            let (callable, raised) = (Arc::clone(&callable), Arc::clone(&raised));
            let columns = settings.columns.clone();
            let version = match settings.version.as_str() {
                "" => &version,
                given => given,
            };
            let oracle =
                Callable::with_answers(settings.columns.clone(), version, move |objects| {
                    ask(&callable, &columns, objects).map_err(|error| {
                        let text = error.to_string();
                        *raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        text
                    })
                })?;
            Ok(Box::new(oracle.with_batch(settings.batch)))
        })
    }

    /// `result`, or in the place of its error what the function raised.
    pub fn or_raised<R, E: Into<Failure>>(
        &self,
        py: Python<'_>,
        result: std::result::Result<R, E>,
    ) -> Result<R> {
        let raised = self
            .raised
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        result.map_err(|error| match raised {
            Some(raised) => {
                let note = "raised by the reward function; the scores that it gave before are kept, and \
                            anabranch.load(path, reward=...).resume() goes on from the last checkpoint";
                Failure::Python(noted(py, raised, note))
            }
            None => error.into(),
        })
    }

    /// Does `work` with the interpreter's lock released; Ctrl-C ends its waiting for scores.
    ///
    /// # Errors
    /// What `work` returned, what the function raised, or what was raised meanwhile.
    pub fn waited<R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Surroundings) -> Result<R> + Send,
    ) -> Result<R> {
        let (result, raised) = watched(py, None, |stop| work(&self.around(stop)), |_| Ok(()))?;
        match raised {
            Some(raised) => Err(raised.into()),
            None => self.or_raised(py, result),
        }
    }
}

/// One answer for each object.
fn ask(callable: &Py<PyAny>, columns: &[String], objects: &[String]) -> PyResult<Vec<Answer>> {
    let given = in_order(columns, call_python(callable, objects)?)?;
    let answer = |i: usize| {
        let mut values = Vec::with_capacity(columns.len());
        for (name, column) in columns.iter().zip(&given) {
            match column[i] {
                Some(value) => values.push(value),
                None => return Answer::failed(FailureKind::Null, format!("{name} is None")),
            }
        }
        Answer::of_values(columns, values)
    };
    Ok((0..objects.len()).map(answer).collect())
}

/// The columns in the order of the settings; one plain list is the only column, whatever its name.
fn in_order(columns: &[String], mut given: Columns) -> PyResult<Vec<Vec<Option<f64>>>> {
    if let (Columns::Plain(_), [_, _, ..]) = (&given, columns) {
        return Err(PyValueError::new_err(format!(
            "the reward function returned one list, and oracle.columns has {}; return a dictionary with one \
             list for each",
            columns.join(", ")
        )));
    }
    match &mut given {
        Columns::Plain(values) => Ok(vec![std::mem::take(values)]),
        Columns::Named(table) => {
            let found: Option<Vec<_>> = columns.iter().map(|name| table.remove(name)).collect();
            match found {
                Some(found) if table.is_empty() => Ok(found),
                _ => Err(PyValueError::new_err(format!(
                    "the columns that the reward function returned are not those of oracle.columns, {}; \
                     name them there, for example oracle={{\"columns\": [\"affinity\", \"price\"]}}",
                    columns.join(", ")
                ))),
            }
        }
    }
}
