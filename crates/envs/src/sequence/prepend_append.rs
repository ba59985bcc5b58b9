//! At both ends.

use anabranch_core::encode::{TokenEncoded, TokenShape, TokenSlot, VectorEncoded};
use anabranch_core::{Discrete, Enumerable, Environment};
use serde::{Deserialize, Serialize};

use super::{Letters, Strings};
use crate::EnvError;
use crate::counting::in_range;

/// How edges between the same two strings are counted.
///
/// Prepending and appending a letter lead to the same string from the empty string and from a run of
/// that letter. The choice changes the uniform policies, not the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EdgeCount {
    /// Every action is an edge: 2K out of each string that is not complete and two into each that is not
    /// empty, the first letter included. Random policy evaluation (arXiv 2406.02213) needs this count.
    Actions,
    /// One edge for each pair of strings: a run of one letter has one parent and one child by that
    /// letter, as in the code of arXiv 2305.07170. The edge is listed as an append.
    Children,
}

/// A letter is added at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AddAtEnd {
    /// Before the first letter.
    Prepend(u8),
    /// After the last letter.
    Append(u8),
}

/// Strings that grow at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrependAppend {
    strings: Strings,
    min_length: usize,
    edges: EdgeCount,
}

impl PrependAppend {
    /// Strings of exactly `length` out of `letters` letters, with the edges counted by `edges`.
    ///
    /// # Errors
    /// `letters` outside 1 to [`MAX_LETTERS`](super::MAX_LETTERS), `length` outside 1 to
    /// [`MAX_LENGTH`](super::MAX_LENGTH).
    pub fn new(letters: usize, length: usize, edges: EdgeCount) -> Result<Self, EnvError> {
        Self::between(letters, length, length, edges)
    }

    /// Strings of `min_length` to `max_length` letters, with stopping allowed in between.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and `min_length` above `max_length`.
    pub fn between(
        letters: usize,
        min_length: usize,
        max_length: usize,
        edges: EdgeCount,
    ) -> Result<Self, EnvError> {
        let strings = Strings::new(letters, max_length)?;
        in_range("least length", min_length, 0..=max_length)?;
        Ok(Self {
            strings,
            min_length,
            edges,
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

    /// How edges are counted.
    pub fn edges(&self) -> EdgeCount {
        self.edges
    }

    /// Whether prepending `letter` to `state` is listed as appending it.
    fn is_append(&self, state: &[u8], letter: u8) -> bool {
        self.edges == EdgeCount::Children && state.iter().all(|&l| l == letter)
    }

    /// The entry in which `action` is listed, `state` being the string on either side of the edge.
    fn listed(&self, state: &Letters, action: AddAtEnd) -> AddAtEnd {
        match action {
            AddAtEnd::Prepend(letter) if self.is_append(state.as_slice(), letter) => {
                AddAtEnd::Append(letter)
            }
            action => action,
        }
    }
}

impl Environment for PrependAppend {
    type State = Letters;
    type Action = AddAtEnd;

    fn source(&self) -> Letters {
        Letters::new()
    }

    fn can_stop(&self, state: &Letters) -> bool {
        state.len() >= self.min_length
    }

    fn step(&self, state: &mut Letters, action: AddAtEnd) {
        debug_assert!(state.len() < self.length(), "{state:?} is complete");
        match action {
            AddAtEnd::Prepend(letter) => state.insert(0, letter),
            AddAtEnd::Append(letter) => state.insert(state.len(), letter),
        }
    }

    fn undo(&self, state: &mut Letters, action: AddAtEnd) {
        match action {
            AddAtEnd::Prepend(letter) => {
                debug_assert_eq!(state.as_slice().first(), Some(&letter));
                state.remove(0);
            }
            AddAtEnd::Append(letter) => {
                debug_assert_eq!(state.as_slice().last(), Some(&letter));
                state.remove(state.len() - 1);
            }
        }
    }
}

impl Discrete for PrependAppend {
    fn actions(&self, state: &Letters, out: &mut Vec<AddAtEnd>) {
        if state.len() < self.length() {
            let letters = (0..self.letters()).map(|letter| letter as u8);
            let apart = letters
                .clone()
                .filter(|&l| !self.is_append(state.as_slice(), l));
            out.extend(apart.map(AddAtEnd::Prepend));
            out.extend(letters.map(AddAtEnd::Append));
        }
    }

    fn parents(&self, state: &Letters, out: &mut Vec<AddAtEnd>) {
        if let [first, rest @ ..] = state.as_slice() {
            if !self.is_append(rest, *first) {
                out.push(AddAtEnd::Prepend(*first));
            }
            out.extend(state.as_slice().last().map(|&last| AddAtEnd::Append(last)));
        }
    }

    fn listed_action(&self, parent: &Letters, action: AddAtEnd) -> AddAtEnd {
        self.listed(parent, action)
    }

    fn listed_parent(&self, child: &Letters, action: AddAtEnd) -> AddAtEnd {
        self.listed(child, action)
    }
}

/// K^0 + .. + K^L states, shorter ones first; [`num_states`](Enumerable::num_states) is held at
/// `usize::MAX`.
impl Enumerable for PrependAppend {
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

/// L one-hot letters, aligned to the left and 0 past the end, then the one-hot length of L + 1. Action c
/// prepends letter c, action K + c appends it.
impl VectorEncoded for PrependAppend {
    fn num_features(&self) -> usize {
        self.strings.num_features()
    }

    fn features(&self, state: &Letters, set: impl FnMut(usize, f32)) {
        self.strings.features(state, set);
    }

    fn num_actions(&self) -> usize {
        2 * self.letters()
    }

    fn action_index(&self, action: AddAtEnd) -> usize {
        match action {
            AddAtEnd::Prepend(letter) => letter.into(),
            AddAtEnd::Append(letter) => self.letters() + usize::from(letter),
        }
    }
}

/// A token is a letter, or K past the end. A letter is prepended by its score of the whole, and appended
/// by that at the first empty position.
impl TokenEncoded for PrependAppend {
    fn token_shape(&self) -> TokenShape {
        TokenShape {
            positions: self.length(),
            tokens: self.letters() + 1,
            position_actions: self.letters(),
            whole_actions: self.letters(),
            position_parents: 1,
            whole_parents: 1,
        }
    }

    fn tokens(&self, state: &Letters, out: &mut Vec<u32>) {
        self.strings.tokens(state, out);
    }

    fn action_slot(&self, state: &Letters, action: AddAtEnd) -> TokenSlot {
        match action {
            AddAtEnd::Prepend(letter) => TokenSlot::Whole {
                output: letter.into(),
            },
            AddAtEnd::Append(letter) => TokenSlot::Position {
                position: state.len(),
                output: letter.into(),
            },
        }
    }

    fn parent_slot(&self, state: &Letters, action: AddAtEnd) -> TokenSlot {
        match action {
            AddAtEnd::Prepend(_) => TokenSlot::Whole { output: 0 },
            AddAtEnd::Append(_) => TokenSlot::Position {
                position: state.len() - 1,
                output: 0,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use anabranch_core::exact::{Dag, log_path_counts};

    use super::*;

    /// By actions every object of L letters has 2^L trajectories. By children, worked out by hand:
    /// one for a run; ab 2, abc and bca 4, so abca 8; aa and bb 1, aab and abb 3, so aabb 6.
    #[test]
    fn trajectories_of_an_object() {
        for (edges, expected) in [
            (EdgeCount::Actions, [16.0, 16.0, 16.0]),
            (EdgeCount::Children, [1.0, 8.0, 6.0]),
        ] {
            let env = PrependAppend::new(3, 4, edges).unwrap();
            let ways = log_path_counts(&Dag::new(&env).unwrap());
            let counts = ["aaaa", "abca", "aabb"].map(|text| {
                let state = Letters::from_text(text, "abc").unwrap();
                ways[env.index(&state)].exp().round()
            });
            assert_eq!(counts, expected, "{edges:?}");
        }
    }

    #[test]
    fn edges_by_hand() {
        let edges = |edges, text: &str| {
            let env = PrependAppend::new(2, 3, edges).unwrap();
            let state = Letters::from_text(text, "ab").unwrap();
            let (mut actions, mut parents) = (Vec::new(), Vec::new());
            env.actions(&state, &mut actions);
            env.parents(&state, &mut parents);
            (actions.len(), parents.len())
        };
        for (text, by_action, by_child) in [
            ("", (4, 0), (2, 0)),
            ("a", (4, 2), (3, 1)),
            ("ab", (4, 2), (4, 2)),
            ("bb", (4, 2), (3, 1)),
            ("aba", (0, 2), (0, 2)),
            ("aaa", (0, 2), (0, 1)),
        ] {
            assert_eq!(edges(EdgeCount::Actions, text), by_action, "{text}");
            assert_eq!(edges(EdgeCount::Children, text), by_child, "{text}");
        }
        let env = PrependAppend::new(2, 3, EdgeCount::Children).unwrap();
        let run = Letters::from_text("bb", "ab").unwrap();
        assert_eq!(
            env.listed_action(&run, AddAtEnd::Prepend(1)),
            AddAtEnd::Append(1)
        );
        assert_eq!(
            env.listed_action(&run, AddAtEnd::Prepend(0)),
            AddAtEnd::Prepend(0)
        );
    }
}
