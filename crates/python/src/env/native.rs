//! The library's environments: how their states and actions are written in Python.

use anabranch_chem::Vocabulary;
use anabranch_core::encode::VectorEncoded;
use anabranch_core::rng::Stream;
use anabranch_envs::bag::{Bag, Bags};
use anabranch_envs::bit_sequence::{BitSequence, Bits};
use anabranch_envs::fragments::{Action, Edge, Fragments, Tree};
use anabranch_envs::hypergrid::{Cell, Hypergrid, MAX_DIMS, Terminal};
use anabranch_envs::sequence::{
    AddAtEnd, AppendSequence, EdgeCount, Insert, Insertion, Letters, PrependAppend,
};
use anabranch_envs::set::{Subset, Subsets};
use anabranch_learn::policy::{MlpConfig, Perceptron};
use pyo3::BoundObject;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::{Lower, PyEnvironment, expected};
use crate::error::Result;
use crate::policy::Boxed;

/// The methods that an environment with feature vectors has from them.
macro_rules! vectors {
    () => {
        fn vector_sizes(&self) -> Option<(usize, usize)> {
            Some((self.num_features(), self.num_actions()))
        }

        fn write_features(&self, state: &Self::State, out: &mut [f32]) {
            self.fill_features(state, out);
        }

        fn row_of(&self, action: Self::Action) -> usize {
            self.action_index(action)
        }

        fn perceptron(
            &self,
            config: MlpConfig,
            log_z: f64,
            rng: &mut Stream,
        ) -> Option<Boxed<Self>> {
            Some(Boxed::new(Perceptron::new(self, 0, config, log_z, rng)))
        }
    };
}

fn any<'py, T: IntoPyObject<'py>>(py: Python<'py>, value: T) -> PyResult<Bound<'py, PyAny>>
where
    PyErr: From<T::Error>,
{
    Ok(value.into_pyobject(py)?.into_any().into_bound())
}

impl Lower for Hypergrid {
    fn repr(&self) -> String {
        format!("Hypergrid(dims={}, side={})", self.dims(), self.side())
    }

    fn state_to<'py>(&self, py: Python<'py>, state: &Cell) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyTuple::new(py, self.coordinates(state))?.into_any())
    }

    fn state_from(&self, value: &Bound<'_, PyAny>) -> Result<Cell> {
        let bad = || {
            let (dims, side) = (self.dims(), self.side());
            expected(
                &format!("cell: a tuple of {dims} numbers from 0 to {}", side - 1),
                value,
            )
        };
        let given: Vec<u16> = value.extract().map_err(|_| bad())?;
        let inside = given.iter().all(|&c| usize::from(c) < self.side());
        if given.len() != self.dims() || !inside {
            return Err(bad());
        }
        let mut cell = Cell([0; MAX_DIMS]);
        cell.0[..given.len()].copy_from_slice(&given);
        Ok(cell)
    }

    fn action_to<'py>(&self, py: Python<'py>, action: usize) -> PyResult<Bound<'py, PyAny>> {
        any(py, action)
    }

    vectors!();
}

impl Lower for BitSequence {
    fn repr(&self) -> String {
        format!("BitSequence(bits={}, word={})", self.bits(), self.word())
    }

    fn state_to<'py>(&self, py: Python<'py>, state: &Bits) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyString::new(py, &state.to_string()).into_any())
    }

    fn state_from(&self, value: &Bound<'_, PyAny>) -> Result<Bits> {
        let bad = || {
            let (bits, word) = (self.bits(), self.word());
            expected(
                &format!("text of at most {bits} characters of 0 and 1, in words of {word}"),
                value,
            )
        };
        let text: String = value.extract().map_err(|_| bad())?;
        let bits = Bits::try_from(text).map_err(|_| bad())?;
        let whole = bits.len() <= self.bits() && bits.len().is_multiple_of(self.word());
        whole.then_some(bits).ok_or_else(bad)
    }

    fn action_to<'py>(&self, py: Python<'py>, action: u16) -> PyResult<Bound<'py, PyAny>> {
        let word = self.word();
        Ok(PyString::new(py, &format!("{action:0word$b}")).into_any())
    }

    vectors!();
}

/// The alphabet of an environment over letters, and the order in which they come.
#[derive(Clone)]
pub struct Spelled<E> {
    env: E,
    alphabet: String,
    order: &'static str,
    length: usize,
}

impl<E> Spelled<E> {
    fn letters(&self, value: &Bound<'_, PyAny>) -> Result<Letters> {
        let what = format!(
            "text of at most {} letters of {:?}",
            self.length, self.alphabet
        );
        let text: String = value.extract().map_err(|_| expected(&what, value))?;
        let letters = Letters::from_text(&text, &self.alphabet)?;
        match letters.len() <= self.length {
            true => Ok(letters),
            false => Err(expected(&what, value)),
        }
    }

    fn letter(&self, number: u8) -> String {
        let letter = self.alphabet.chars().nth(number.into());
        letter.map_or_else(String::new, String::from)
    }
}

/// An environment over letters that passes everything on to the one inside.
macro_rules! spelled {
    ($env:ty, $action:ident => $written:expr) => {
        impl anabranch_core::Environment for Spelled<$env> {
            type State = Letters;
            type Action = <$env as anabranch_core::Environment>::Action;

            fn source(&self) -> Letters {
                self.env.source()
            }

            fn can_stop(&self, state: &Letters) -> bool {
                self.env.can_stop(state)
            }

            fn step(&self, state: &mut Letters, action: Self::Action) {
                self.env.step(state, action);
            }

            fn undo(&self, state: &mut Letters, action: Self::Action) {
                self.env.undo(state, action);
            }
        }

        impl anabranch_core::Discrete for Spelled<$env> {
            fn actions(&self, state: &Letters, out: &mut Vec<Self::Action>) {
                self.env.actions(state, out);
            }

            fn parents(&self, state: &Letters, out: &mut Vec<Self::Action>) {
                self.env.parents(state, out);
            }

            fn listed_action(&self, parent: &Letters, action: Self::Action) -> Self::Action {
                self.env.listed_action(parent, action)
            }

            fn listed_parent(&self, child: &Letters, action: Self::Action) -> Self::Action {
                self.env.listed_parent(child, action)
            }
        }

        impl VectorEncoded for Spelled<$env> {
            fn num_features(&self) -> usize {
                self.env.num_features()
            }

            fn features(&self, state: &Letters, set: impl FnMut(usize, f32)) {
                self.env.features(state, set);
            }

            fn num_actions(&self) -> usize {
                self.env.num_actions()
            }

            fn action_index(&self, action: Self::Action) -> usize {
                self.env.action_index(action)
            }
        }

        impl Lower for Spelled<$env> {
            fn repr(&self) -> String {
                let Self {
                    alphabet,
                    order,
                    length,
                    ..
                } = self;
                format!("Sequence(alphabet={alphabet:?}, length={length}, order={order:?})")
            }

            fn state_to<'py>(
                &self,
                py: Python<'py>,
                state: &Letters,
            ) -> PyResult<Bound<'py, PyAny>> {
                Ok(PyString::new(py, &state.text(&self.alphabet)).into_any())
            }

            fn state_from(&self, value: &Bound<'_, PyAny>) -> Result<Letters> {
                self.letters(value)
            }

            fn action_to<'py>(
                &self,
                py: Python<'py>,
                $action: Self::Action,
            ) -> PyResult<Bound<'py, PyAny>> {
                let written: fn(&Self, Python<'py>, Self::Action) -> PyResult<Bound<'py, PyAny>> =
                    $written;
                written(self, py, $action)
            }

            vectors!();
        }
    };
}

spelled!(AppendSequence, action => |env, py, letter| any(py, env.letter(letter)));
spelled!(PrependAppend, action => |env, py, action| match action {
    AddAtEnd::Prepend(letter) => any(py, ("prepend", env.letter(letter))),
    AddAtEnd::Append(letter) => any(py, ("append", env.letter(letter))),
});
spelled!(Insertion, action => |env, py, Insert { place, letter }| any(py, (place, env.letter(letter))));

impl Lower for Subsets {
    fn repr(&self) -> String {
        format!(
            "Subsets(items={}, max_size={}, min_size={})",
            self.items(),
            self.max_size(),
            self.min_size()
        )
    }

    fn state_to<'py>(&self, py: Python<'py>, state: &Subset) -> PyResult<Bound<'py, PyAny>> {
        let items: Vec<usize> = state.items().collect();
        Ok(PyTuple::new(py, items)?.into_any())
    }

    fn state_from(&self, value: &Bound<'_, PyAny>) -> Result<Subset> {
        let bad = || {
            let (items, most) = (self.items(), self.max_size());
            expected(
                &format!("set: a tuple of at most {most} different numbers below {items}"),
                value,
            )
        };
        let items: Vec<usize> = value.extract().map_err(|_| bad())?;
        let mut set = Subset(0);
        for &item in &items {
            if item >= self.items() || set.contains(item) {
                return Err(bad());
            }
            set.0 |= 1 << item;
        }
        match items.len() <= self.max_size() {
            true => Ok(set),
            false => Err(bad()),
        }
    }

    fn action_to<'py>(&self, py: Python<'py>, action: u8) -> PyResult<Bound<'py, PyAny>> {
        any(py, action)
    }

    vectors!();
}

impl Lower for Bags {
    fn repr(&self) -> String {
        format!("Bags(letters={}, size={})", self.letters(), self.size())
    }

    fn state_to<'py>(&self, py: Python<'py>, state: &Bag) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyTuple::new(py, self.counts(state))?.into_any())
    }

    fn state_from(&self, value: &Bound<'_, PyAny>) -> Result<Bag> {
        let bad = || {
            let (letters, size) = (self.letters(), self.size());
            expected(
                &format!("bag: a tuple of {letters} counts that sum to at most {size}"),
                value,
            )
        };
        let counts: Vec<u16> = value.extract().map_err(|_| bad())?;
        let small: Option<Vec<u8>> = counts.iter().map(|&c| u8::try_from(c).ok()).collect();
        let total: usize = counts.iter().map(|&c| usize::from(c)).sum();
        match small {
            Some(small) if small.len() == self.letters() && total <= self.size() => {
                Ok(Bag::new(&small)?)
            }
            _ => Err(bad()),
        }
    }

    fn action_to<'py>(&self, py: Python<'py>, action: u8) -> PyResult<Bound<'py, PyAny>> {
        any(py, action)
    }

    vectors!();
}

/// Nodes as (slot, fragment), edges as (slot, slot, stem, stem).
type Parts = (Vec<(u8, u16)>, Vec<(u8, u8, Option<u8>, Option<u8>)>);

impl Lower for Fragments {
    fn repr(&self) -> String {
        format!(
            "Fragments(max_nodes={}, min_nodes={})",
            self.max_nodes(),
            self.min_nodes()
        )
    }

    fn state_to<'py>(&self, py: Python<'py>, state: &Tree) -> PyResult<Bound<'py, PyAny>> {
        let nodes = PyTuple::new(py, state.nodes().collect::<Vec<_>>())?;
        let edges = state.edges().iter().map(|e| (e.a, e.b, e.stem_a, e.stem_b));
        let edges = PyTuple::new(py, edges.collect::<Vec<_>>())?;
        any(py, (nodes, edges))
    }

    fn state_from(&self, value: &Bound<'_, PyAny>) -> Result<Tree> {
        let (nodes, edges): Parts = value.extract().map_err(|_| {
            expected(
                "tree of fragments: ((slot, fragment), ...), ((slot, slot, stem, stem), ...)",
                value,
            )
        })?;
        let edges: Vec<Edge> = edges
            .into_iter()
            .map(|(a, b, stem_a, stem_b)| Edge {
                a,
                b,
                stem_a,
                stem_b,
            })
            .collect();
        let tree = Tree::from_parts(&nodes, &edges)?;
        self.check(&tree)?;
        Ok(tree)
    }

    fn action_to<'py>(&self, py: Python<'py>, action: Action) -> PyResult<Bound<'py, PyAny>> {
        match action {
            Action::AddNode {
                host,
                fragment,
                slot,
            } => any(py, ("add", host, fragment, slot)),
            Action::SetStem {
                node,
                neighbour,
                stem,
            } => any(py, ("stem", node, neighbour, stem)),
        }
    }

    fn text(&self, state: &Tree) -> Result<Option<String>> {
        Ok(Some(self.molecule(state)?.smiles()?.to_owned()))
    }
}

#[pyfunction]
fn hypergrid(dims: usize, side: usize, border: bool) -> Result<PyEnvironment> {
    let terminal = if border {
        Terminal::Border
    } else {
        Terminal::All
    };
    Ok(PyEnvironment::new(Hypergrid::new(dims, side, terminal)?))
}

#[pyfunction]
fn bit_sequence(bits: usize, word: usize) -> Result<PyEnvironment> {
    Ok(PyEnvironment::new(BitSequence::new(bits, word)?))
}

#[pyfunction]
fn sequence(
    alphabet: String,
    length: usize,
    min_length: Option<usize>,
    order: &str,
) -> Result<PyEnvironment> {
    let letters = alphabet.chars().count();
    let distinct: std::collections::BTreeSet<char> = alphabet.chars().collect();
    if distinct.len() != letters {
        return Err(crate::error::Failure::value(format!(
            "a letter comes twice in the alphabet {alphabet:?}"
        )));
    }
    if min_length.is_some() && order != "append" {
        return Err(crate::error::Failure::value(format!(
            "min_length is for order=\"append\" only, not for {order:?}"
        )));
    }
    fn spell<E>(env: E, alphabet: String, order: &'static str, length: usize) -> Spelled<E> {
        Spelled {
            env,
            alphabet,
            order,
            length,
        }
    }
    Ok(match order {
        "append" => {
            let env = AppendSequence::between(letters, min_length.unwrap_or(length), length)?;
            PyEnvironment::new(spell(env, alphabet, "append", length))
        }
        "prepend_append" => {
            let env = PrependAppend::new(letters, length, EdgeCount::Actions)?;
            PyEnvironment::new(spell(env, alphabet, "prepend_append", length))
        }
        "insertion" => {
            let env = Insertion::new(letters, length)?;
            PyEnvironment::new(spell(env, alphabet, "insertion", length))
        }
        other => {
            return Err(crate::error::Failure::value(format!(
                "order is {other:?}; it must be append, prepend_append or insertion"
            )));
        }
    })
}

#[pyfunction]
fn subsets(items: usize, max_size: usize, min_size: usize) -> Result<PyEnvironment> {
    let env = Subsets::between(items, min_size, max_size)?;
    Ok(PyEnvironment::new(env))
}

#[pyfunction]
fn bags(letters: usize, size: usize) -> Result<PyEnvironment> {
    Ok(PyEnvironment::new(Bags::new(letters, size)?))
}

#[pyfunction]
fn fragments(py: Python<'_>, max_nodes: usize, min_nodes: usize) -> Result<PyEnvironment> {
    let env = py.detach(|| Fragments::new(Vocabulary::rp72(), max_nodes))?;
    Ok(PyEnvironment::new(env.with_min_nodes(min_nodes)?))
}

/// Adds this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(hypergrid, module)?)?;
    module.add_function(wrap_pyfunction!(bit_sequence, module)?)?;
    module.add_function(wrap_pyfunction!(sequence, module)?)?;
    module.add_function(wrap_pyfunction!(subsets, module)?)?;
    module.add_function(wrap_pyfunction!(bags, module)?)?;
    module.add_function(wrap_pyfunction!(fragments, module)?)
}
