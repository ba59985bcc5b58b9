//! A batch of states together with every edge into and out of them.

use crate::env::{Discrete, Move};
use crate::ragged::Ragged;

/// `N` states with their `M` legal moves and `P` parents: what a policy scores in one call.
pub struct Frontier<'a, E: Discrete> {
    /// The environment that the states belong to.
    pub env: &'a E,
    /// `[N]` states.
    pub states: Vec<E::State>,
    /// `[N]` rows, `M` items: the legal moves of each state, stopping last.
    pub moves: Ragged<Move<E::Action>>,
    /// `[N]` rows, `P` items: the actions that can have led into each state; empty at the source.
    pub parents: Ragged<E::Action>,
    /// `[N, C]` conditioning vector of each state's trajectory, flat; `C` may be 0.
    pub conditions: Vec<f32>,
}

/// Edges of a state that room is made for at first, either way.
const EDGES: usize = 8;

impl<'a, E: Discrete> Frontier<'a, E> {
    /// Lists the edges of `states`. `conditions` is `[N, C]`, flat.
    ///
    /// # Panics
    /// If `conditions` is not a whole number of values for each state.
    pub fn new(env: &'a E, states: Vec<E::State>, conditions: Vec<f32>) -> Self {
        assert!(
            states.is_empty() && conditions.is_empty()
                || !states.is_empty() && conditions.len().is_multiple_of(states.len()),
            "{} condition values for {} states",
            conditions.len(),
            states.len()
        );
        let mut all_moves = Ragged::with_capacity(states.len(), EDGES * states.len());
        let mut all_parents = Ragged::with_capacity(states.len(), EDGES * states.len());
        let mut actions = Vec::new();
        for state in &states {
            actions.clear();
            env.actions(state, &mut actions);
            all_moves.push_with(|out| {
                out.extend(actions.iter().copied().map(Move::Apply));
                out.extend(env.can_stop(state).then_some(Move::Stop));
            });
            all_parents.push_with(|out| env.parents(state, out));
        }
        Self {
            env,
            states,
            moves: all_moves,
            parents: all_parents,
            conditions,
        }
    }

    /// Number of states `N`.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// True without states.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// `C`, the length of one conditioning vector.
    pub fn condition_width(&self) -> usize {
        self.conditions
            .len()
            .checked_div(self.states.len())
            .unwrap_or(0)
    }

    /// `[C]` conditioning vector of state `index`.
    pub fn condition(&self, index: usize) -> &[f32] {
        let width = self.condition_width();
        &self.conditions[index * width..(index + 1) * width]
    }
}
