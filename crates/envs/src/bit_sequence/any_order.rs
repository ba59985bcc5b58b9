//! Bit sequences whose words are written in any order.
//!
//! The non-autoregressive variant of Tiapkin et al. 2024 (arXiv 2310.12934): any empty place may be
//! filled with any word, so an object of m words is reached along m! trajectories.

use anabranch_core::encode::{TokenEncoded, TokenShape, TokenSlot, VectorEncoded};
use anabranch_core::{Discrete, Enumerable, Environment, Reward, RewardError};

use super::{BitSequence, Bits, MAX_WORD};
use crate::EnvError;
use crate::counting::in_range;
use crate::slots::{Fill, Filling, Slots};

/// Sequences of n bits, filled word by word in any order; complete at n bits and only there.
///
/// A state is a [`Filling`]: slot i holds bits i k to (i + 1) k - 1 as a number whose highest bit comes
/// first, as in [`BitSequence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnyOrderBits {
    sequence: BitSequence,
    slots: Slots,
}

impl AnyOrderBits {
    /// Sequences of `bits` bits out of words of `word` bits.
    ///
    /// # Errors
    /// Sizes that [`BitSequence::new`] refuses, or words of [`MAX_WORD`] bits: they leave no number for
    /// an empty place.
    pub fn new(bits: usize, word: usize) -> Result<Self, EnvError> {
        let sequence = BitSequence::new(bits, word)?;
        in_range("word", word, 1..=MAX_WORD - 1)?;
        let slots = Slots::new(sequence.num_words(), 1 << word)?;
        Ok(Self { sequence, slots })
    }

    /// The environment of the same sequences that writes from left to right: for modes and test sets.
    pub fn sequence(&self) -> &BitSequence {
        &self.sequence
    }

    /// The sequence that a complete state is.
    ///
    /// # Errors
    /// [`EnvError::NotComplete`] where a place is empty.
    pub fn bits(&self, state: &Filling) -> Result<Bits, EnvError> {
        let mut bits = Bits::new();
        let mut written = 0;
        for value in state
            .values()
            .map_while(|value| value)
            .take(self.slots.slots())
        {
            bits.push(value, self.sequence.word());
            written += 1;
        }
        if written < self.slots.slots() {
            return Err(EnvError::NotComplete {
                object: format!("{state:?}"),
                what: "sequence",
            });
        }
        Ok(bits)
    }

    /// The state that holds all of `bits`.
    ///
    /// # Errors
    /// [`EnvError::BadBits`] for another length.
    pub fn filling(&self, bits: &Bits) -> Result<Filling, EnvError> {
        self.sequence.check(bits)?;
        let mut rest = *bits;
        let mut words = Vec::with_capacity(self.slots.slots());
        while !rest.is_empty() {
            words.push(Some(rest.last(self.sequence.word())));
            rest.truncate(rest.len() - self.sequence.word());
        }
        words.reverse();
        Filling::new(&words)
    }

    /// A reward of sequences as a reward of the states of this environment.
    pub fn reward<R: Reward<Bits>>(&self, reward: R) -> OfBits<R> {
        OfBits { env: *self, reward }
    }
}

/// A reward of sequences, for states filled in any order; see [`AnyOrderBits::reward`].
#[derive(Clone, Debug)]
pub struct OfBits<R> {
    env: AnyOrderBits,
    reward: R,
}

impl<R: Reward<Bits>> Reward<Filling> for OfBits<R> {
    fn log_reward(&self, objects: &[Filling]) -> Result<Vec<f64>, RewardError> {
        let bits = |state: &Filling| {
            self.env.bits(state).map_err(|error| RewardError::Failed {
                object: format!("{state:?}"),
                reason: error.to_string(),
            })
        };
        let bits = objects.iter().map(bits).collect::<Result<Vec<Bits>, _>>()?;
        self.reward.log_reward(&bits)
    }
}

impl Environment for AnyOrderBits {
    type State = Filling;
    type Action = Fill;

    fn source(&self) -> Filling {
        self.slots.source()
    }

    fn can_stop(&self, state: &Filling) -> bool {
        self.slots.can_stop(state)
    }

    fn step(&self, state: &mut Filling, action: Fill) {
        self.slots.step(state, action);
    }

    fn undo(&self, state: &mut Filling, action: Fill) {
        self.slots.undo(state, action);
    }
}

impl Discrete for AnyOrderBits {
    fn actions(&self, state: &Filling, out: &mut Vec<Fill>) {
        self.slots.actions(state, out);
    }

    fn parents(&self, state: &Filling, out: &mut Vec<Fill>) {
        self.slots.parents(state, out);
    }
}

/// (2^k + 1)^(n/k) states; [`num_states`](Enumerable::num_states) is held at `usize::MAX`.
impl Enumerable for AnyOrderBits {
    fn states(&self) -> Vec<Filling> {
        self.slots.states()
    }

    fn index(&self, state: &Filling) -> usize {
        self.slots.index(state)
    }

    fn num_states(&self) -> usize {
        self.slots.num_states()
    }
}

/// For each bit two features, "is 0" and "is 1", both 0 where nothing is written; the action that puts
/// word w into slot i is row i 2^k + w.
impl VectorEncoded for AnyOrderBits {
    fn num_features(&self) -> usize {
        2 * self.sequence.bits()
    }

    fn features(&self, state: &Filling, mut set: impl FnMut(usize, f32)) {
        let width = self.sequence.word();
        for (slot, value) in state.values().enumerate() {
            let Some(word) = value else { continue };
            for i in 0..width {
                let bit = word >> (width - 1 - i) & 1;
                set(2 * (slot * width + i) + usize::from(bit), 1.0);
            }
        }
    }

    fn num_actions(&self) -> usize {
        self.slots.num_actions()
    }

    fn action_index(&self, action: Fill) -> usize {
        self.slots.action_index(action)
    }
}

/// As [`Slots`] of words.
impl TokenEncoded for AnyOrderBits {
    fn token_shape(&self) -> TokenShape {
        self.slots.token_shape()
    }

    fn tokens(&self, state: &Filling, out: &mut Vec<u32>) {
        self.slots.tokens(state, out);
    }

    fn action_slot(&self, state: &Filling, action: Fill) -> TokenSlot {
        self.slots.action_slot(state, action)
    }

    fn parent_slot(&self, state: &Filling, action: Fill) -> TokenSlot {
        self.slots.parent_slot(state, action)
    }
}

#[cfg(test)]
mod tests {
    use anabranch_core::Seed;

    use super::super::{Distance, NearestMode};
    use super::*;

    #[test]
    fn a_filling_is_a_sequence() {
        let env = AnyOrderBits::new(16, 4).unwrap();
        let modes = env.sequence().modes(5, Seed::new(0)).unwrap();
        let objects = env.sequence().test_set(&modes, Seed::new(1)).unwrap();
        let reward = NearestMode::exponential(modes, Distance::Hamming).unwrap();
        let states: Vec<Filling> = objects.iter().map(|x| env.filling(x).unwrap()).collect();
        for (state, bits) in states.iter().zip(&objects) {
            assert_eq!(env.bits(state).unwrap(), *bits);
        }
        assert_eq!(
            env.reward(reward.clone()).log_reward(&states).unwrap(),
            reward.log_reward(&objects).unwrap()
        );
        assert!(env.bits(&env.source()).is_err());
        assert!(env.reward(reward).log_reward(&[env.source()]).is_err());
        assert!(env.filling(&"0101".parse().unwrap()).is_err());
    }

    /// Two words of two bits: (4 + 1)^2 states, 16 sequences. Features of "10" then nothing, by hand.
    #[test]
    fn counts_and_features() {
        let env = AnyOrderBits::new(4, 2).unwrap();
        let states = env.states();
        assert_eq!((states.len(), env.num_states()), (25, 25));
        assert_eq!(states.iter().filter(|s| env.can_stop(s)).count(), 16);
        let mut features = [0.0; 8];
        let half = Filling::new(&[Some(0b10), None]).unwrap();
        env.fill_features(&half, &mut features);
        assert_eq!(features, [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(AnyOrderBits::new(32, 16).is_err());
        assert!(AnyOrderBits::new(30, 4).is_err());
    }
}
