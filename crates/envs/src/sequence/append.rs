//! From left to right.

use anabranch_core::encode::{TokenEncoded, TokenShape, TokenSlot, VectorEncoded};
use anabranch_core::{Discrete, Enumerable, Environment};

use super::{Letters, Strings};
use crate::EnvError;
use crate::counting::in_range;

/// Strings written from left to right: a tree, every string with one trajectory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendSequence {
    strings: Strings,
    min_length: usize,
}

impl AppendSequence {
    /// Strings of exactly `length` out of `letters` letters.
    ///
    /// # Errors
    /// `letters` outside 1 to [`MAX_LETTERS`](super::MAX_LETTERS), `length` outside 1 to
    /// [`MAX_LENGTH`](super::MAX_LENGTH).
    pub fn new(letters: usize, length: usize) -> Result<Self, EnvError> {
        Self::between(letters, length, length)
    }

    /// Strings of `min_length` to `max_length` letters, with stopping allowed in between.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and `min_length` above `max_length`.
    pub fn between(letters: usize, min_length: usize, max_length: usize) -> Result<Self, EnvError> {
        let strings = Strings::new(letters, max_length)?;
        in_range("least length", min_length, 0..=max_length)?;
        Ok(Self {
            strings,
            min_length,
        })
    }

    /// Letters of the alphabet K.
    pub fn letters(&self) -> usize {
        self.strings.letters
    }

    /// Least length of an object.
    pub fn min_length(&self) -> usize {
        self.min_length
    }

    /// Greatest length of an object L.
    pub fn length(&self) -> usize {
        self.strings.length
    }
}

impl Environment for AppendSequence {
    type State = Letters;
    /// The letter that is appended.
    type Action = u8;

    fn source(&self) -> Letters {
        Letters::new()
    }

    fn can_stop(&self, state: &Letters) -> bool {
        state.len() >= self.min_length
    }

    fn step(&self, state: &mut Letters, action: u8) {
        debug_assert!(state.len() < self.length(), "{state:?} is complete");
        state.insert(state.len(), action);
    }

    fn undo(&self, state: &mut Letters, action: u8) {
        debug_assert_eq!(state.as_slice().last(), Some(&action));
        state.remove(state.len() - 1);
    }
}

impl Discrete for AppendSequence {
    fn actions(&self, state: &Letters, out: &mut Vec<u8>) {
        if state.len() < self.length() {
            out.extend((0..self.letters()).map(|letter| letter as u8));
        }
    }

    fn parents(&self, state: &Letters, out: &mut Vec<u8>) {
        out.extend(state.as_slice().last());
    }
}

/// K^0 + .. + K^L states, shorter ones first; [`num_states`](Enumerable::num_states) is held at
/// `usize::MAX`.
impl Enumerable for AppendSequence {
    fn states(&self) -> Vec<Letters> {
        self.strings.all()
    }

    fn index(&self, state: &Letters) -> usize {
        self.strings.index(state)
    }

    fn num_states(&self) -> usize {
        self.strings.count()
    }
}

/// L one-hot letters, aligned to the left and 0 past the end, then the one-hot length of L + 1; action c
/// appends letter c.
impl VectorEncoded for AppendSequence {
    fn num_features(&self) -> usize {
        self.strings.num_features()
    }

    fn features(&self, state: &Letters, set: impl FnMut(usize, f32)) {
        self.strings.features(state, set);
    }

    fn num_actions(&self) -> usize {
        self.letters()
    }

    fn action_index(&self, action: u8) -> usize {
        action.into()
    }
}

/// A token is a letter, or K past the end. A letter is appended by the score of its number at the first
/// empty position.
impl TokenEncoded for AppendSequence {
    fn token_shape(&self) -> TokenShape {
        TokenShape {
            positions: self.length(),
            tokens: self.letters() + 1,
            position_actions: self.letters(),
            whole_actions: 0,
            position_parents: 1,
            whole_parents: 0,
        }
    }

    fn tokens(&self, state: &Letters, out: &mut Vec<u32>) {
        self.strings.tokens(state, out);
    }

    fn action_slot(&self, state: &Letters, action: u8) -> TokenSlot {
        TokenSlot::Position {
            position: state.len(),
            output: action.into(),
        }
    }

    fn parent_slot(&self, state: &Letters, _: u8) -> TokenSlot {
        TokenSlot::Position {
            position: state.len() - 1,
            output: 0,
        }
    }
}
