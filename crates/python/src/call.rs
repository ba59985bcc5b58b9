//! Scores from a Python callable.

use std::collections::BTreeMap;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyMapping, PyString};

use crate::arrays::numbers;

/// What a callable answered: one value an object, `None` where it has none.
pub enum Columns {
    /// One plain list.
    Plain(Vec<Option<f64>>),
    /// A dictionary of lists, by name.
    Named(BTreeMap<String, Vec<Option<f64>>>),
}

/// The same exception, its traceback with it, and a line that says where it came from.
pub fn noted(py: Python<'_>, error: PyErr, note: &str) -> PyErr {
    // Python 3.10 has no notes; the exception itself matters more.
    let _ = error.value(py).call_method1("add_note", (note,));
    error
}

/// Asks `callable` for the scores of `objects`: it gets a list of texts and returns one number for each,
/// as a list or an array, with `None` where there is none, or a dictionary of such columns.
///
/// Takes the interpreter's lock for as long as the callable runs.
///
/// # Errors
/// What the callable raised; `TypeError` and `ValueError` for an answer that is not such numbers.
pub fn call_python(callable: &Py<PyAny>, objects: &[String]) -> PyResult<Columns> {
    Python::attach(|py| {
        let answer = callable.bind(py).call1((PyList::new(py, objects)?,))?;
        columns(&answer, objects.len())
    })
}

fn columns(answer: &Bound<'_, PyAny>, count: usize) -> PyResult<Columns> {
    let Ok(table) = answer.cast::<PyMapping>() else {
        return Ok(Columns::Plain(column("the scores", answer, count)?));
    };
    let mut out = BTreeMap::new();
    for item in table.items()?.iter() {
        let (name, values): (String, Bound<'_, PyAny>) = item.extract()?;
        let values = column(&format!("column {name:?}"), &values, count)?;
        out.insert(name, values);
    }
    if out.is_empty() {
        return Err(PyValueError::new_err(
            "the callable returned a dictionary without columns",
        ));
    }
    Ok(Columns::Named(out))
}

fn column(what: &str, values: &Bound<'_, PyAny>, count: usize) -> PyResult<Vec<Option<f64>>> {
    let kind = || -> String {
        let name = values.get_type().name();
        name.map_or_else(|_| "?".into(), |name| name.to_string())
    };
    let refuse = || {
        PyTypeError::new_err(format!(
            "{what} must be a list or an array of {count} numbers, one for each object given; the \
             callable returned {}",
            kind()
        ))
    };
    if values.is_instance_of::<PyString>() || values.try_iter().is_err() {
        return Err(refuse());
    }
    let mut out = Vec::with_capacity(count);
    for (place, value) in values.try_iter()?.enumerate() {
        let value = value?;
        let number = match value.is_none() {
            true => None,
            false => Some(value.extract::<f64>().map_err(|_| {
                PyTypeError::new_err(format!("{what}: entry {place} is {value:?}, not a number"))
            })?),
        };
        out.push(number);
    }
    if out.len() != count {
        return Err(PyValueError::new_err(format!(
            "{what} are {} for {count} objects; the callable must return one for each, None where it \
             has none",
            out.len()
        )));
    }
    Ok(out)
}

/// `[B]` finite log-rewards of states that are Python objects.
///
/// # Errors
/// What the callable raised, with a note; `ValueError` for a wrong number of values.
pub fn log_rewards(callable: &Bound<'_, PyAny>, states: &Bound<'_, PyList>) -> PyResult<Vec<f64>> {
    let py = callable.py();
    let asked = || -> PyResult<Vec<f64>> {
        let answer = callable.call1((states,))?;
        numbers(&answer).ok_or_else(|| {
            PyTypeError::new_err("log_reward must return one number for each state it is given")
        })
    };
    let values =
        asked().map_err(|error| noted(py, error, "raised by log_reward during training"))?;
    if values.len() != states.len() {
        return Err(PyValueError::new_err(format!(
            "log_reward returned {} numbers for {} states",
            values.len(),
            states.len()
        )));
    }
    if let Some(place) = values.iter().position(|v| !v.is_finite()) {
        return Err(PyValueError::new_err(format!(
            "log_reward of {:?} is {}; it must be finite: give a small reward instead of none",
            states.get_item(place)?,
            values[place]
        )));
    }
    Ok(values)
}
