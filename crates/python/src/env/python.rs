//! An environment that is a Python class.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use anabranch_core::encode::VectorEncoded;
use anabranch_core::rng::Stream;
use anabranch_core::{Discrete, Environment};
use anabranch_learn::policy::{MlpConfig, Perceptron};
use numpy::{AllowTypeChange, PyArrayLike1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::Lower;
use crate::arrays::vector;
use crate::error::Result;
use crate::policy::Boxed;

/// Methods that a class must have.
const METHODS: [&str; 6] = ["source", "can_stop", "step", "undo", "actions", "parents"];

/// A state: a Python object that can be hashed, with a number that stands for it.
#[derive(Clone)]
pub struct State(Arc<Object>);

struct Object {
    number: usize,
    value: Py<PyAny>,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.0.number == other.0.number
    }
}

impl Eq for State {}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.number.hash(hasher);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Python::attach(|py| f.write_str(&written(self.0.value.bind(py))))
    }
}

/// An action: the number of a Python object that can be hashed, and how it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Action {
    number: usize,
    text: &'static str,
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

fn written(value: &Bound<'_, PyAny>) -> String {
    let text = value.repr().and_then(|text| text.extract());
    text.unwrap_or_else(|_| "(an object without repr)".to_owned())
}

/// `text` for as long as the program lives, once for all actions that are written so: an action is
/// copied everywhere and cannot own its name.
fn kept(text: String) -> &'static str {
    static TEXTS: LazyLock<Mutex<BTreeSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut texts = lock(&TEXTS);
    if let Some(known) = texts.get(text.as_str()) {
        return known;
    }
    let new: &'static str = Box::leak(text.into_boxed_str());
    texts.insert(new);
    new
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The Python objects that have been met. The dictionaries are asked under the interpreter's lock and
/// without the mutex, because they may call Python.
struct Met {
    states: Py<PyDict>,
    actions: Py<PyDict>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    states: Vec<State>,
    actions: Vec<(Action, Py<PyAny>)>,
    edges: HashMap<(usize, Listing), Vec<Action>>,
    children: HashMap<(usize, usize, Way), State>,
    stops: HashMap<usize, bool>,
    features: HashMap<usize, Vec<f32>>,
    rows: HashMap<usize, usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Listing {
    Actions,
    Parents,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    Step,
    Undo,
}

/// See the module's description. What it raises is kept for [`Lower::failed`]; until then every state can
/// only stop, so that whoever walks comes to an end.
#[derive(Clone)]
pub struct Custom(Arc<Inner>);

struct Inner {
    object: Py<PyAny>,
    repr: String,
    sizes: Option<(usize, usize)>,
    /// Whether each question is asked once. Not where the answers themselves are on trial.
    cached: bool,
    met: Met,
    error: Mutex<Option<PyErr>>,
}

impl Custom {
    /// Around `object`.
    ///
    /// # Errors
    /// `TypeError` for missing methods; what `num_features` and `num_actions` raise.
    pub fn new(object: &Bound<'_, PyAny>, cached: bool) -> Result<Self> {
        let py = object.py();
        let missing: Vec<&str> = METHODS
            .into_iter()
            .filter(|name| !object.getattr(*name).is_ok_and(|m| m.is_callable()))
            .collect();
        if !missing.is_empty() {
            return Err(PyTypeError::new_err(format!(
                "{} is no environment: it lacks the methods {}",
                written(object),
                missing.join(", ")
            ))
            .into());
        }
        let size = |name: &str| -> PyResult<Option<usize>> {
            match object.getattr_opt(name)? {
                Some(value) if value.is_callable() => Ok(Some(value.call0()?.extract()?)),
                Some(value) => Ok(Some(value.extract()?)),
                None => Ok(None),
            }
        };
        let sizes = size("num_features")?.zip(size("num_actions")?);
        let whole = object.hasattr("features")? && object.hasattr("action_index")?;
        if sizes.is_some() != whole {
            return Err(PyTypeError::new_err(
                "an environment with feature vectors has all of num_features, num_actions, \
                 features(state) and action_index(action); one without has none of them",
            )
            .into());
        }
        Ok(Self(Arc::new(Inner {
            object: object.clone().unbind(),
            repr: written(object),
            sizes,
            cached,
            met: Met {
                states: PyDict::new(py).unbind(),
                actions: PyDict::new(py).unbind(),
                known: Mutex::default(),
            },
            error: Mutex::new(None),
        })))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.0.met.known)
    }

    /// What `ask` says, or `otherwise` where something has failed, now or before.
    fn ask<T>(&self, otherwise: T, ask: impl FnOnce(Python<'_>) -> PyResult<T>) -> T {
        if lock(&self.0.error).is_some() {
            return otherwise;
        }
        Python::attach(|py| match ask(py) {
            Ok(answer) => answer,
            Err(error) => {
                lock(&self.0.error).get_or_insert(error);
                otherwise
            }
        })
    }

    fn method<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.0.object.bind(py).getattr(name)
    }

    /// The state that a Python object is.
    fn state(&self, value: &Bound<'_, PyAny>) -> PyResult<State> {
        let numbers = self.0.met.states.bind(value.py());
        if let Some(number) = numbers.get_item(value)? {
            let number: usize = number.extract()?;
            if let Some(state) = self.known().states.get(number) {
                return Ok(state.clone());
            }
        }
        let mut known = self.known();
        let number = known.states.len();
        let state = State(Arc::new(Object {
            number,
            value: value.clone().unbind(),
        }));
        known.states.push(state.clone());
        drop(known);
        numbers.set_item(value, number)?;
        Ok(state)
    }

    /// The action that a Python object is.
    fn action(&self, value: &Bound<'_, PyAny>) -> PyResult<Action> {
        let numbers = self.0.met.actions.bind(value.py());
        if let Some(number) = numbers.get_item(value)? {
            let number: usize = number.extract()?;
            if let Some((action, _)) = self.known().actions.get(number) {
                return Ok(*action);
            }
        }
        let text = kept(written(value));
        let mut known = self.known();
        let number = known.actions.len();
        let action = Action { number, text };
        known.actions.push((action, value.clone().unbind()));
        drop(known);
        numbers.set_item(value, number)?;
        Ok(action)
    }

    fn object(&self, py: Python<'_>, action: Action) -> PyResult<Py<PyAny>> {
        let known = self.known();
        let object = known.actions.get(action.number);
        object.map(|(_, value)| value.clone_ref(py)).ok_or_else(|| {
            PyValueError::new_err(format!("{} belongs to another environment", action.text))
        })
    }

    fn list(&self, state: &State, listing: Listing) -> Vec<Action> {
        let key = (state.0.number, listing);
        if self.0.cached
            && let Some(known) = self.known().edges.get(&key)
        {
            return known.clone();
        }
        let name = match listing {
            Listing::Actions => "actions",
            Listing::Parents => "parents",
        };
        let Some(listed) = self.ask(None, |py| {
            let answer = self.method(py, name)?.call1((&state.0.value,))?;
            let actions: PyResult<Vec<Action>> =
                answer.try_iter()?.map(|a| self.action(&a?)).collect();
            Ok(Some(actions?))
        }) else {
            return Vec::new();
        };
        if self.0.cached {
            self.known().edges.insert(key, listed.clone());
        }
        listed
    }

    fn go(&self, state: &mut State, action: Action, way: Way) {
        let key = (state.0.number, action.number, way);
        if self.0.cached
            && let Some(known) = self.known().children.get(&key)
        {
            *state = known.clone();
            return;
        }
        let name = match way {
            Way::Step => "step",
            Way::Undo => "undo",
        };
        let Some(next) = self.ask(None, |py| {
            let action = self.object(py, action)?;
            let next = self.method(py, name)?.call1((&state.0.value, action))?;
            Ok(Some(self.state(&next)?))
        }) else {
            return;
        };
        if self.0.cached {
            self.known().children.insert(key, next.clone());
        }
        *state = next;
    }
}

impl Environment for Custom {
    type State = State;
    type Action = Action;

    fn source(&self) -> State {
        let nowhere = || {
            State(Arc::new(Object {
                number: usize::MAX,
                value: Python::attach(|py| py.None()),
            }))
        };
        let source = self.ask(None, |py| {
            let value = self.method(py, "source")?.call0()?;
            Ok(Some(self.state(&value)?))
        });
        source.unwrap_or_else(nowhere)
    }

    fn can_stop(&self, state: &State) -> bool {
        let number = state.0.number;
        if self.0.cached
            && let Some(&known) = self.known().stops.get(&number)
        {
            return known;
        }
        let Some(answer) = self.ask(None, |py| {
            let answer = self.method(py, "can_stop")?.call1((&state.0.value,))?;
            Ok(Some(answer.is_truthy()?))
        }) else {
            return true;
        };
        if self.0.cached {
            self.known().stops.insert(number, answer);
        }
        answer
    }

    fn step(&self, state: &mut State, action: Action) {
        self.go(state, action, Way::Step);
    }

    fn undo(&self, state: &mut State, action: Action) {
        self.go(state, action, Way::Undo);
    }
}

impl Discrete for Custom {
    fn actions(&self, state: &State, out: &mut Vec<Action>) {
        out.extend(self.list(state, Listing::Actions));
    }

    fn parents(&self, state: &State, out: &mut Vec<Action>) {
        out.extend(self.list(state, Listing::Parents));
    }
}

impl VectorEncoded for Custom {
    fn num_features(&self) -> usize {
        self.0.sizes.map_or(0, |(features, _)| features)
    }

    fn features(&self, state: &State, mut set: impl FnMut(usize, f32)) {
        let number = state.0.number;
        let mut each = |values: &[f32]| {
            for (index, &value) in values.iter().enumerate() {
                set(index, value);
            }
        };
        if let Some(known) = self.known().features.get(&number) {
            each(known);
            return;
        }
        let expected = self.num_features();
        let Some(values) = self.ask(None, |py| {
            let answer = self.method(py, "features")?.call1((&state.0.value,))?;
            let values: PyArrayLike1<'_, f32, AllowTypeChange> = answer.extract()?;
            let values = vector(&values);
            match values.len() == expected {
                true => Ok(Some(values)),
                false => Err(PyValueError::new_err(format!(
                    "features of {} are {} numbers and num_features is {}",
                    written(state.0.value.bind(py)),
                    values.len(),
                    expected
                ))),
            }
        }) else {
            return;
        };
        each(&values);
        self.known().features.insert(number, values);
    }

    fn num_actions(&self) -> usize {
        self.0.sizes.map_or(0, |(_, actions)| actions)
    }

    fn action_index(&self, action: Action) -> usize {
        if let Some(&row) = self.known().rows.get(&action.number) {
            return row;
        }
        let rows = self.num_actions();
        let Some(row) = self.ask(None, |py| {
            let object = self.object(py, action)?;
            let row: usize = self
                .method(py, "action_index")?
                .call1((object,))?
                .extract()?;
            match row < rows {
                true => Ok(Some(row)),
                false => Err(PyValueError::new_err(format!(
                    "action_index({}) is {row} and num_actions is {rows}",
                    action.text
                ))),
            }
        }) else {
            return 0;
        };
        self.known().rows.insert(action.number, row);
        row
    }
}

impl Lower for Custom {
    fn repr(&self) -> String {
        self.0.repr.clone()
    }

    fn state_to<'py>(&self, py: Python<'py>, state: &State) -> PyResult<Bound<'py, PyAny>> {
        Ok(state.0.value.bind(py).clone())
    }

    fn state_from(&self, value: &Bound<'_, PyAny>) -> Result<State> {
        Ok(self.state(value)?)
    }

    fn action_to<'py>(&self, py: Python<'py>, action: Action) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.object(py, action)?.into_bound(py))
    }

    fn vector_sizes(&self) -> Option<(usize, usize)> {
        self.0.sizes
    }

    fn write_features(&self, state: &State, out: &mut [f32]) {
        self.fill_features(state, out);
    }

    fn row_of(&self, action: Action) -> usize {
        self.action_index(action)
    }

    fn perceptron(&self, config: MlpConfig, log_z: f64, rng: &mut Stream) -> Option<Boxed<Self>> {
        self.0.sizes?;
        Some(Boxed::new(Perceptron::new(self, 0, config, log_z, rng)))
    }

    fn failed(&self) -> PyResult<()> {
        match lock(&self.0.error).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
