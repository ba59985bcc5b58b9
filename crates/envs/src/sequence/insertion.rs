//! Anywhere.

use anabranch_core::encode::{TokenEncoded, TokenShape, TokenSlot, VectorEncoded};
use anabranch_core::{Discrete, Enumerable, Environment};
use serde::{Deserialize, Serialize};

use super::{Letters, Strings};
use crate::EnvError;
use crate::counting::in_range;

/// A letter is put before the letter at a place, or at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Insert {
    /// Where the letter will stand.
    pub place: u8,
    /// Which letter.
    pub letter: u8,
}

/// Strings into which letters are put anywhere.
///
/// One edge for each pair of strings: putting c anywhere next to a c gives the same string and is listed
/// once, at the start of the run. A string of n letters has n (K - 1) + K children, and one parent for
/// each of its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insertion {
    strings: Strings,
    min_length: usize,
}

impl Insertion {
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

/// Whether a run of `letter` can start at `place`: another letter stands before it, or none.
fn starts_run(state: &Letters, place: usize, letter: u8) -> bool {
    place == 0 || state.as_slice()[place - 1] != letter
}

/// The same insertion at the start of the run of its letter.
fn at_start_of_run(state: &Letters, action: Insert) -> Insert {
    let mut place = usize::from(action.place);
    while !starts_run(state, place, action.letter) {
        place -= 1;
    }
    Insert {
        place: place as u8,
        letter: action.letter,
    }
}

impl Environment for Insertion {
    type State = Letters;
    type Action = Insert;

    fn source(&self) -> Letters {
        Letters::new()
    }

    fn can_stop(&self, state: &Letters) -> bool {
        state.len() >= self.min_length
    }

    fn step(&self, state: &mut Letters, action: Insert) {
        debug_assert!(state.len() < self.length(), "{state:?} is complete");
        state.insert(action.place.into(), action.letter);
    }

    fn undo(&self, state: &mut Letters, action: Insert) {
        debug_assert_eq!(
            state.as_slice().get(usize::from(action.place)),
            Some(&action.letter)
        );
        state.remove(action.place.into());
    }
}

impl Discrete for Insertion {
    fn actions(&self, state: &Letters, out: &mut Vec<Insert>) {
        if state.len() == self.length() {
            return;
        }
        for place in 0..=state.len() {
            let letters = (0..self.letters()).map(|letter| letter as u8);
            let starts = letters.filter(|&letter| starts_run(state, place, letter));
            out.extend(starts.map(|letter| Insert {
                place: place as u8,
                letter,
            }));
        }
    }

    fn parents(&self, state: &Letters, out: &mut Vec<Insert>) {
        let letters = state.as_slice().iter().enumerate();
        let starts = letters.filter(|&(place, &letter)| starts_run(state, place, letter));
        out.extend(starts.map(|(place, &letter)| Insert {
            place: place as u8,
            letter,
        }));
    }

    fn listed_action(&self, parent: &Letters, action: Insert) -> Insert {
        at_start_of_run(parent, action)
    }

    fn listed_parent(&self, child: &Letters, action: Insert) -> Insert {
        at_start_of_run(child, action)
    }
}

/// K^0 + .. + K^L states, shorter ones first; [`num_states`](Enumerable::num_states) is held at
/// `usize::MAX`.
impl Enumerable for Insertion {
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

/// L one-hot letters, aligned to the left and 0 past the end, then the one-hot length of L + 1; the
/// action that puts letter c at place i is row i K + c.
impl VectorEncoded for Insertion {
    fn num_features(&self) -> usize {
        self.strings.num_features()
    }

    fn features(&self, state: &Letters, set: impl FnMut(usize, f32)) {
        self.strings.features(state, set);
    }

    fn num_actions(&self) -> usize {
        self.length() * self.letters()
    }

    fn action_index(&self, action: Insert) -> usize {
        usize::from(action.place) * self.letters() + usize::from(action.letter)
    }
}

/// A token is a letter, or K past the end. A letter is put before a position by its score there, and at
/// the end by that of the first empty position.
impl TokenEncoded for Insertion {
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

    fn action_slot(&self, _: &Letters, action: Insert) -> TokenSlot {
        TokenSlot::Position {
            position: action.place.into(),
            output: action.letter.into(),
        }
    }

    fn parent_slot(&self, _: &Letters, action: Insert) -> TokenSlot {
        TokenSlot::Position {
            position: action.place.into(),
            output: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The lists against all insertions and all deletions, with equal strings taken once.
    #[test]
    fn edges_are_the_different_neighbours() {
        let env = Insertion::new(3, 4).unwrap();
        for state in env.states() {
            let neighbours = |actions: &[Insert], forward: bool| -> Vec<Letters> {
                let neighbour = |&action: &Insert| {
                    let mut other = state;
                    if forward {
                        env.step(&mut other, action);
                    } else {
                        env.undo(&mut other, action);
                    }
                    other
                };
                actions.iter().map(neighbour).collect()
            };
            let (mut actions, mut parents) = (Vec::new(), Vec::new());
            env.actions(&state, &mut actions);
            env.parents(&state, &mut parents);
            let n = state.len();
            let mut all_children = BTreeSet::new();
            let mut all_parents = BTreeSet::new();
            for place in 0..=n {
                for letter in 0..3 {
                    if n < 4 {
                        let mut child = state;
                        child.insert(place, letter);
                        all_children.insert(child);
                        let action = Insert {
                            place: place as u8,
                            letter,
                        };
                        assert!(actions.contains(&env.listed_action(&state, action)));
                    }
                }
                if place < n {
                    let mut parent = state;
                    parent.remove(place);
                    all_parents.insert(parent);
                    let letter = state.as_slice()[place];
                    let action = Insert {
                        place: place as u8,
                        letter,
                    };
                    assert!(parents.contains(&env.listed_parent(&state, action)));
                }
            }
            assert_eq!(actions.len(), if n < 4 { 2 * n + 3 } else { 0 });
            assert_eq!(neighbours(&actions, true).len(), all_children.len());
            assert_eq!(
                neighbours(&actions, true)
                    .into_iter()
                    .collect::<BTreeSet<_>>(),
                all_children
            );
            assert_eq!(neighbours(&parents, false).len(), all_parents.len());
            assert_eq!(
                neighbours(&parents, false)
                    .into_iter()
                    .collect::<BTreeSet<_>>(),
                all_parents
            );
        }
    }
}
