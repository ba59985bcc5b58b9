//! Any environment whose states can be hashed, with the list of all of them.

use std::collections::HashMap;
use std::hash::Hash;

use anabranch_core::encode::{
    Graph, GraphEncoded, GraphShape, GraphSlot, TokenEncoded, TokenShape, TokenSlot, VectorEncoded,
};
use anabranch_core::{Discrete, Enumerable, Environment};

use crate::EnvError;

/// An environment together with every state that it reaches.
///
/// States are found by walking, so nothing needs to be known about them but that isomorphic ones are
/// equal.
///
/// ```
/// use anabranch_core::Enumerable;
/// use anabranch_envs::Enumerated;
/// use anabranch_envs::dag::Dags;
///
/// let env = Enumerated::new(Dags::new(3)?, 1000)?;
/// assert_eq!(env.num_states(), 25);
/// # Ok::<(), anabranch_envs::EnvError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Enumerated<E: Environment> {
    env: E,
    states: Vec<E::State>,
    index: HashMap<E::State, usize>,
}

impl<E: Discrete<State: Eq + Hash>> Enumerated<E> {
    /// Writes down every reachable state of `env`, at most `limit` of them, in a topological order.
    ///
    /// # Errors
    /// [`EnvError::TooManyStates`] as soon as there are more; [`EnvError::Cycle`] where the edges have no
    /// topological order.
    ///
    /// # Complexity
    /// One step and one look-up for each edge; the edges are held until the order is known.
    pub fn new(env: E, limit: usize) -> Result<Self, EnvError> {
        let mut found = vec![env.source()];
        let mut number = HashMap::from([(env.source(), 0)]);
        let mut children: Vec<Vec<usize>> = Vec::new();
        let mut entries = vec![0_usize];
        let mut actions = Vec::new();
        while children.len() < found.len() {
            let state = found[children.len()].clone();
            actions.clear();
            env.actions(&state, &mut actions);
            let mut row = Vec::with_capacity(actions.len());
            for &action in &actions {
                let mut child = state.clone();
                env.step(&mut child, action);
                let place = match number.get(&child) {
                    Some(&place) => place,
                    None if found.len() >= limit => return Err(EnvError::TooManyStates { limit }),
                    None => {
                        number.insert(child.clone(), found.len());
                        found.push(child);
                        entries.push(0);
                        found.len() - 1
                    }
                };
                entries[place] += 1;
                row.push(place);
            }
            children.push(row);
        }
        // A state is ready when all edges into it have been seen (Kahn 1962).
        let mut order = Vec::from_iter((entries[0] == 0).then_some(0));
        let mut next = 0;
        while next < order.len() {
            for &child in &children[order[next]] {
                entries[child] -= 1;
                if entries[child] == 0 {
                    order.push(child);
                }
            }
            next += 1;
        }
        if order.len() < found.len() {
            return Err(EnvError::Cycle {
                states: found.len() - order.len(),
            });
        }
        let states: Vec<E::State> = order
            .into_iter()
            .map(|place| found[place].clone())
            .collect();
        let index = states.iter().cloned().zip(0..).collect();
        Ok(Self { env, states, index })
    }
}

impl<E: Environment> Enumerated<E> {
    /// The environment without its list.
    pub fn env(&self) -> &E {
        &self.env
    }

    /// `[N]` the states in their order, without a copy.
    pub fn listed(&self) -> &[E::State] {
        &self.states
    }
}

impl<E: Environment<State: Eq + Hash>> Environment for Enumerated<E> {
    type State = E::State;
    type Action = E::Action;

    fn source(&self) -> E::State {
        self.env.source()
    }

    fn can_stop(&self, state: &E::State) -> bool {
        self.env.can_stop(state)
    }

    fn step(&self, state: &mut E::State, action: E::Action) {
        self.env.step(state, action);
    }

    fn undo(&self, state: &mut E::State, action: E::Action) {
        self.env.undo(state, action);
    }
}

impl<E: Discrete<State: Eq + Hash>> Discrete for Enumerated<E> {
    fn actions(&self, state: &E::State, out: &mut Vec<E::Action>) {
        self.env.actions(state, out);
    }

    fn parents(&self, state: &E::State, out: &mut Vec<E::Action>) {
        self.env.parents(state, out);
    }

    fn listed_action(&self, parent: &E::State, action: E::Action) -> E::Action {
        self.env.listed_action(parent, action)
    }

    fn listed_parent(&self, child: &E::State, action: E::Action) -> E::Action {
        self.env.listed_parent(child, action)
    }
}

impl<E: Discrete<State: Eq + Hash>> Enumerable for Enumerated<E> {
    fn states(&self) -> Vec<E::State> {
        self.states.clone()
    }

    /// The place of `state`, or the number of states for one that the environment never reaches.
    fn index(&self, state: &E::State) -> usize {
        self.index.get(state).copied().unwrap_or(self.states.len())
    }

    fn num_states(&self) -> usize {
        self.states.len()
    }
}

impl<E: VectorEncoded<State: Eq + Hash>> VectorEncoded for Enumerated<E> {
    fn num_features(&self) -> usize {
        self.env.num_features()
    }

    fn features(&self, state: &E::State, set: impl FnMut(usize, f32)) {
        self.env.features(state, set);
    }

    fn num_actions(&self) -> usize {
        self.env.num_actions()
    }

    fn action_index(&self, action: E::Action) -> usize {
        self.env.action_index(action)
    }
}

impl<E: TokenEncoded<State: Eq + Hash>> TokenEncoded for Enumerated<E> {
    fn token_shape(&self) -> TokenShape {
        self.env.token_shape()
    }

    fn tokens(&self, state: &E::State, out: &mut Vec<u32>) {
        self.env.tokens(state, out);
    }

    fn action_slot(&self, state: &E::State, action: E::Action) -> TokenSlot {
        self.env.action_slot(state, action)
    }

    fn parent_slot(&self, state: &E::State, action: E::Action) -> TokenSlot {
        self.env.parent_slot(state, action)
    }
}

impl<E: GraphEncoded<State: Eq + Hash>> GraphEncoded for Enumerated<E> {
    fn graph_shape(&self) -> GraphShape {
        self.env.graph_shape()
    }

    fn graph(
        &self,
        state: &E::State,
        actions: &[E::Action],
        parents: &[E::Action],
    ) -> (Graph, Vec<GraphSlot>, Vec<GraphSlot>) {
        self.env.graph(state, actions, parents)
    }
}
