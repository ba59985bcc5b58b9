//! A batch of states with its edges, as arrays.

use anabranch_core::Move;
use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::Lower;
use crate::arrays::{array, matrix};
use crate::error::Result;

/// `N` states with their `M` moves and `P` parents.
///
/// Moves of state `i` are entries `move_offsets[i]` to `move_offsets[i + 1]`, stopping last; parents
/// alike. `move_rows` and `parent_rows` are rows of the table of actions, where the environment has one,
/// and its length for stopping.
#[pyclass(frozen, get_all, module = "anabranch._native")]
pub struct Frontier {
    /// The states.
    pub states: Py<PyList>,
    /// `[N, F]`, where the environment has features.
    pub features: Option<Py<PyArray2<f32>>>,
    /// `[N + 1]`
    pub move_offsets: Py<PyArray1<i64>>,
    /// `[M]` the state of each move.
    pub move_states: Py<PyArray1<i64>>,
    /// `[M]`, where the environment has a table of actions.
    pub move_rows: Option<Py<PyArray1<i64>>>,
    /// `[M]` actions, `None` for stopping.
    pub moves: Py<PyList>,
    /// `[N + 1]`
    pub parent_offsets: Py<PyArray1<i64>>,
    /// `[P]` the state of each parent.
    pub parent_states: Py<PyArray1<i64>>,
    /// `[P]`, where the environment has a table of actions.
    pub parent_rows: Option<Py<PyArray1<i64>>>,
    /// `[P]` actions.
    pub parents: Py<PyList>,
}

#[pymethods]
impl Frontier {
    fn __len__(&self, py: Python<'_>) -> usize {
        self.states.bind(py).len()
    }
}

/// `frontier` as arrays.
///
/// # Errors
/// Python's.
pub fn arrays_of<E: Lower>(
    py: Python<'_>,
    frontier: &anabranch_core::Frontier<'_, E>,
) -> Result<Frontier> {
    let env = frontier.env;
    let sizes = env.vector_sizes();
    let states = PyList::empty(py);
    for state in &frontier.states {
        states.append(env.state_to(py, state)?)?;
    }
    let moves = PyList::empty(py);
    for item in frontier.moves.items() {
        match item {
            Move::Apply(action) => moves.append(env.action_to(py, *action)?)?,
            Move::Stop => moves.append(py.None())?,
        }
    }
    let parents = PyList::empty(py);
    for action in frontier.parents.items() {
        parents.append(env.action_to(py, *action)?)?;
    }
    let row = |item: &Move<E::Action>, stop: usize| match item {
        Move::Apply(action) => env.row_of(*action) as i64,
        Move::Stop => stop as i64,
    };
    let move_rows = sizes.map(|(_, stop)| {
        let rows = frontier.moves.items().iter();
        array(py, rows.map(|item| row(item, stop)).collect()).unbind()
    });
    let parent_rows = sizes.map(|_| {
        let rows = frontier.parents.items().iter();
        array(py, rows.map(|a| env.row_of(*a) as i64).collect()).unbind()
    });
    let features = match sizes {
        Some((width, _)) => Some(features(py, env, &frontier.states, width)?.unbind()),
        None => None,
    };
    let whole = |values: &[usize]| {
        let values = values.iter().map(|&v| v as i64).collect();
        array(py, values).unbind()
    };
    env.failed()?;
    Ok(Frontier {
        states: states.unbind(),
        features,
        move_offsets: whole(frontier.moves.offsets()),
        move_states: whole(&owners(frontier.moves.offsets())),
        move_rows,
        moves: moves.unbind(),
        parent_offsets: whole(frontier.parents.offsets()),
        parent_states: whole(&owners(frontier.parents.offsets())),
        parent_rows,
        parents: parents.unbind(),
    })
}

/// The row of each item.
fn owners(offsets: &[usize]) -> Vec<usize> {
    let rows = offsets.windows(2).enumerate();
    rows.flat_map(|(row, pair)| std::iter::repeat_n(row, pair[1] - pair[0]))
        .collect()
}

/// `[N, width]` features of `states`.
///
/// # Errors
/// Python's.
pub fn features<'py, E: Lower>(
    py: Python<'py>,
    env: &E,
    states: &[E::State],
    width: usize,
) -> Result<Bound<'py, PyArray2<f32>>> {
    let mut out = vec![0.0; states.len() * width];
    for (state, row) in states.iter().zip(out.chunks_mut(width.max(1))) {
        env.write_features(state, row);
    }
    env.failed()?;
    Ok(matrix(py, out, states.len(), width)?)
}
