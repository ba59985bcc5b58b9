//! All strings of few bits, written down.

use anabranch_core::encode::{TokenEncoded, TokenShape, TokenSlot, VectorEncoded};
use anabranch_core::{Discrete, Enumerable, Environment};

use super::{BitSequence, Bits};

/// [`BitSequence`] small enough to write down all of its states.
#[derive(Clone, Debug)]
pub struct EnumeratedBits {
    pub(super) env: BitSequence,
    /// Number of states with fewer words than each number of words.
    pub(super) offsets: Vec<usize>,
}

impl EnumeratedBits {
    /// The environment without its list.
    pub fn env(&self) -> &BitSequence {
        &self.env
    }
}

impl Environment for EnumeratedBits {
    type State = Bits;
    type Action = u16;

    fn source(&self) -> Bits {
        self.env.source()
    }

    fn can_stop(&self, state: &Bits) -> bool {
        self.env.can_stop(state)
    }

    fn step(&self, state: &mut Bits, action: u16) {
        self.env.step(state, action);
    }

    fn undo(&self, state: &mut Bits, action: u16) {
        self.env.undo(state, action);
    }
}

impl Discrete for EnumeratedBits {
    fn actions(&self, state: &Bits, out: &mut Vec<u16>) {
        self.env.actions(state, out);
    }

    fn parents(&self, state: &Bits, out: &mut Vec<u16>) {
        self.env.parents(state, out);
    }
}

impl VectorEncoded for EnumeratedBits {
    fn num_features(&self) -> usize {
        self.env.num_features()
    }

    fn features(&self, state: &Bits, set: impl FnMut(usize, f32)) {
        self.env.features(state, set);
    }

    fn num_actions(&self) -> usize {
        self.env.num_actions()
    }

    fn action_index(&self, action: u16) -> usize {
        self.env.action_index(action)
    }
}

impl TokenEncoded for EnumeratedBits {
    fn token_shape(&self) -> TokenShape {
        self.env.token_shape()
    }

    fn tokens(&self, state: &Bits, out: &mut Vec<u32>) {
        self.env.tokens(state, out);
    }

    fn action_slot(&self, state: &Bits, action: u16) -> TokenSlot {
        self.env.action_slot(state, action)
    }

    fn parent_slot(&self, state: &Bits, action: u16) -> TokenSlot {
        self.env.parent_slot(state, action)
    }
}

/// Shorter sequences first, those of one length in the order of their text.
impl Enumerable for EnumeratedBits {
    fn states(&self) -> Vec<Bits> {
        let mut out = vec![self.source()];
        for words in 0..self.env.num_words() {
            for i in self.offsets[words]..self.offsets[words + 1] {
                for word in 0..1_u32 << self.env.word() {
                    let mut longer = out[i];
                    longer.push(word as u16, self.env.word());
                    out.push(longer);
                }
            }
        }
        out
    }

    fn index(&self, state: &Bits) -> usize {
        let number = state
            .iter()
            .fold(0_usize, |number, bit| number << 1 | usize::from(bit));
        self.offsets[state.len() / self.env.word()] + number
    }

    fn num_states(&self) -> usize {
        self.offsets[self.env.num_words() + 1]
    }
}
