//! Complete ways of building objects.

use crate::env::{Environment, Move};
use crate::ragged::Ragged;

/// `B` complete trajectories, each from the source to an object and on to the sink.
///
/// Row `i` of `states` is s_0 .. s_n and row `i` of `moves` is the move that left each of them, so the
/// last move of every row is [`Move::Stop`] and the last state is the object.
#[derive(Debug)]
pub struct Trajectories<E: Environment> {
    /// `[B]` rows of visited states, the source first.
    pub states: Ragged<E::State>,
    /// `[B]` rows of moves, of the same lengths as `states`.
    pub moves: Ragged<Move<E::Action>>,
    /// `[B, C]` conditioning vectors, flat; `C` may be 0.
    pub conditions: Vec<f32>,
}

// Derived, it would ask for an environment that can be cloned.
impl<E: Environment> Clone for Trajectories<E> {
    fn clone(&self) -> Self {
        Self {
            states: self.states.clone(),
            moves: self.moves.clone(),
            conditions: self.conditions.clone(),
        }
    }
}

impl<E: Environment> Default for Trajectories<E> {
    fn default() -> Self {
        Self {
            states: Ragged::new(),
            moves: Ragged::new(),
            conditions: Vec::new(),
        }
    }
}

impl<E: Environment> Trajectories<E> {
    /// Number of trajectories `B`.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// True without trajectories.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Appends one trajectory: `moves[t]` leaves `states[t]`, the last move stops.
    ///
    /// # Panics
    /// If the rows differ in length or the last move is not [`Move::Stop`].
    pub fn push(&mut self, states: Vec<E::State>, moves: Vec<Move<E::Action>>, condition: &[f32]) {
        assert_eq!(states.len(), moves.len(), "one move leaves each state");
        assert_eq!(moves.last(), Some(&Move::Stop), "trajectories are complete");
        self.states.push_row(states);
        self.moves.push_row(moves);
        self.conditions.extend_from_slice(condition);
    }

    /// The finished object of trajectory `index`.
    pub fn object(&self, index: usize) -> &E::State {
        self.states
            .row(index)
            .last()
            .expect("a complete trajectory visits at least the source")
    }

    /// `[B]` finished objects.
    pub fn objects(&self) -> Vec<E::State> {
        (0..self.len()).map(|i| self.object(i).clone()).collect()
    }

    /// `[B]` number of moves, stopping included.
    pub fn lengths(&self) -> Vec<usize> {
        self.moves.rows().map(<[_]>::len).collect()
    }

    /// `[C]` conditioning vector of trajectory `index`.
    pub fn condition(&self, index: usize) -> &[f32] {
        let width = self.conditions.len().checked_div(self.len()).unwrap_or(0);
        &self.conditions[index * width..(index + 1) * width]
    }

    /// Appends all of `other`.
    pub fn extend(&mut self, other: Self) {
        for (states, moves) in other.states.rows().zip(other.moves.rows()) {
            self.states.push_row(states.iter().cloned());
            self.moves.push_row(moves.iter().copied());
        }
        self.conditions.extend(other.conditions);
    }
}
