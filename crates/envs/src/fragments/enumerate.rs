//! All trees of a small vocabulary, written down.

use std::collections::{BTreeMap, HashMap};

use anabranch_core::encode::{Graph, GraphEncoded, GraphShape, GraphSlot};
use anabranch_core::{Discrete, Enumerable, Environment};

use super::{Action, Fragments, Tree};
use crate::EnvError;

/// [`Fragments`] with the list of all its states, up to isomorphism.
#[derive(Clone, Debug)]
pub struct EnumeratedFragments {
    fragments: Fragments,
    states: Vec<Tree>,
    index: HashMap<u128, usize>,
}

impl Fragments {
    /// Writes down every reachable state, at most `limit` of them.
    ///
    /// # Errors
    /// [`EnvError::TooManyStates`] as soon as there are more.
    ///
    /// # Complexity
    /// Some microseconds for each edge; a state has about (fragments) x (nodes) of them.
    pub fn enumerate(self, limit: usize) -> Result<EnumeratedFragments, EnvError> {
        // Every action adds a node or decides an end, so breadth-first order is topological.
        let mut states = vec![self.source()];
        let mut index = HashMap::from([(self.key(&states[0]), 0)]);
        let mut actions = Vec::new();
        let mut next = 0;
        while next < states.len() {
            actions.clear();
            self.actions(&states[next], &mut actions);
            for &action in &actions {
                let mut child = states[next].clone();
                self.step(&mut child, action);
                let key = self.key(&child);
                if index.contains_key(&key) {
                    continue;
                }
                if states.len() >= limit {
                    return Err(EnvError::TooManyStates { limit });
                }
                index.insert(key, states.len());
                states.push(self.canonical(&child));
            }
            next += 1;
        }
        Ok(EnumeratedFragments {
            fragments: self,
            states,
            index,
        })
    }
}

impl EnumeratedFragments {
    /// The environment without its list.
    pub fn fragments(&self) -> &Fragments {
        &self.fragments
    }

    /// Canonical SMILES of every finished state, with the numbers of the states that give it.
    ///
    /// # Errors
    /// Where a molecule cannot be assembled or written.
    pub fn molecules(&self) -> Result<BTreeMap<String, Vec<usize>>, EnvError> {
        let mut out: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, state) in self.states.iter().enumerate() {
            if self.can_stop(state) {
                let molecule = self.fragments.molecule(state)?;
                out.entry(molecule.smiles()?.to_owned())
                    .or_default()
                    .push(number);
            }
        }
        Ok(out)
    }

    /// `[N]` number of non-isomorphic trees that give the molecule of each state, itself included; 0
    /// where the state is not finished.
    ///
    /// # Errors
    /// Where a molecule cannot be assembled or written.
    pub fn molecule_multiplicity(&self) -> Result<Vec<usize>, EnvError> {
        let mut out = vec![0; self.states.len()];
        for numbers in self.molecules()?.values() {
            numbers
                .iter()
                .for_each(|&number| out[number] = numbers.len());
        }
        Ok(out)
    }
}

impl Environment for EnumeratedFragments {
    type State = Tree;
    type Action = Action;

    fn source(&self) -> Tree {
        self.fragments.source()
    }

    fn can_stop(&self, state: &Tree) -> bool {
        self.fragments.can_stop(state)
    }

    fn step(&self, state: &mut Tree, action: Action) {
        self.fragments.step(state, action);
    }

    fn undo(&self, state: &mut Tree, action: Action) {
        self.fragments.undo(state, action);
    }
}

impl Discrete for EnumeratedFragments {
    fn actions(&self, state: &Tree, out: &mut Vec<Action>) {
        self.fragments.actions(state, out);
    }

    fn parents(&self, state: &Tree, out: &mut Vec<Action>) {
        self.fragments.parents(state, out);
    }

    fn listed_action(&self, parent: &Tree, action: Action) -> Action {
        self.fragments.listed_action(parent, action)
    }

    fn listed_parent(&self, child: &Tree, action: Action) -> Action {
        self.fragments.listed_parent(child, action)
    }
}

impl Enumerable for EnumeratedFragments {
    fn states(&self) -> Vec<Tree> {
        self.states.clone()
    }

    /// # Panics
    /// If `state` cannot be reached: it was not made by this environment.
    fn index(&self, state: &Tree) -> usize {
        *self
            .index
            .get(&self.fragments.key(state))
            .expect("every state of the environment is in its list")
    }

    fn num_states(&self) -> usize {
        self.states.len()
    }
}

impl GraphEncoded for EnumeratedFragments {
    fn graph_shape(&self) -> GraphShape {
        self.fragments.graph_shape()
    }

    fn graph(
        &self,
        state: &Tree,
        actions: &[Action],
        parents: &[Action],
    ) -> (Graph, Vec<GraphSlot>, Vec<GraphSlot>) {
        self.fragments.graph(state, actions, parents)
    }
}
