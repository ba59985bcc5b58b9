//! Bit sequences, written from left to right one word at a time.
//!
//! Malkin et al. 2022 (arXiv 2201.13259), section 5.3: n bits, words of k bits, a hidden set of modes,
//! and a reward that falls with the distance to the nearest of them. The states are a tree: every state
//! has one parent.

mod any_order;
mod bits;
mod enumerate;
mod nearest_mode;

use anabranch_core::encode::{TokenEncoded, TokenShape, TokenSlot, VectorEncoded};
use anabranch_core::{Discrete, Environment, Seed};
use rand::RngExt;

pub use self::any_order::{AnyOrderBits, OfBits};
pub use self::bits::{Bits, MAX_BITS};
pub use self::enumerate::EnumeratedBits;
pub use self::nearest_mode::{Distance, NearestMode};
use crate::EnvError;

/// Most bits of a word.
pub const MAX_WORD: usize = 16;

/// What modes are made of (arXiv 2201.13259, appendix).
const BLOCKS: [u8; 5] = [
    0b0000_0000,
    0b1111_1111,
    0b1111_0000,
    0b0000_1111,
    0b0011_1100,
];

/// Sequences of n bits, appended word by word; complete at n bits and only there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitSequence {
    bits: usize,
    word: usize,
}

impl BitSequence {
    /// Sequences of `bits` bits out of words of `word` bits.
    ///
    /// # Errors
    /// `bits` outside 1 to [`MAX_BITS`], `word` outside 1 to [`MAX_WORD`] or not a divisor of `bits`.
    pub fn new(bits: usize, word: usize) -> Result<Self, EnvError> {
        if !(1..=MAX_BITS).contains(&bits) {
            return Err(EnvError::out_of_range(
                "bits",
                bits,
                format!("1 to {MAX_BITS}"),
            ));
        }
        if !(1..=MAX_WORD).contains(&word) {
            return Err(EnvError::out_of_range(
                "word",
                word,
                format!("1 to {MAX_WORD}"),
            ));
        }
        if !bits.is_multiple_of(word) {
            return Err(EnvError::WordSize { bits, word });
        }
        Ok(Self { bits, word })
    }

    /// Length n of a complete sequence.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// Length k of a word.
    pub fn word(&self) -> usize {
        self.word
    }

    /// Words of a complete sequence, n / k.
    pub fn num_words(&self) -> usize {
        self.bits / self.word
    }

    /// `number` different modes, each n / 8 blocks drawn evenly from the five of the paper.
    ///
    /// # Errors
    /// n that is not a multiple of 8, or more modes than there are, 5^(n/8).
    pub fn modes(&self, number: usize, seed: Seed) -> Result<Vec<Bits>, EnvError> {
        if !self.bits.is_multiple_of(8) {
            return Err(EnvError::out_of_range(
                "bits",
                self.bits,
                "a multiple of 8 for modes of 8-bit blocks",
            ));
        }
        let blocks = self.bits / 8;
        let available = BLOCKS.len().saturating_pow(blocks as u32);
        if number > available {
            return Err(EnvError::out_of_range(
                "number of modes",
                number,
                format!("at most {available}"),
            ));
        }
        let mut stream = seed.stream("bit_sequence_modes", &[self.bits as u64]);
        let mut modes = Vec::with_capacity(number);
        while modes.len() < number {
            let mut mode = Bits::new();
            for _ in 0..blocks {
                mode.push(BLOCKS[stream.random_range(0..BLOCKS.len())].into(), 8);
            }
            if !modes.contains(&mode) {
                modes.push(mode);
            }
        }
        Ok(modes)
    }

    /// The test set of the paper: for each mode itself and, for i = 1 .. n-1, a copy with i bits
    /// flipped; n sequences for each mode (7,200 for 60 modes of 120 bits).
    ///
    /// # Errors
    /// A mode that does not have n bits.
    pub fn test_set(&self, modes: &[Bits], seed: Seed) -> Result<Vec<Bits>, EnvError> {
        let mut out = Vec::with_capacity(modes.len() * self.bits);
        for (number, mode) in modes.iter().enumerate() {
            self.check(mode)?;
            let mut stream = seed.stream("bit_sequence_test_set", &[number as u64]);
            for flips in 0..self.bits {
                let mut places: Vec<usize> = (0..self.bits).collect();
                let mut copy = *mode;
                for i in 0..flips {
                    let j = stream.random_range(i..self.bits);
                    places.swap(i, j);
                    copy.flip(places[i]);
                }
                out.push(copy);
            }
        }
        Ok(out)
    }

    /// The same environment with the list of its states, at most `limit` of them.
    ///
    /// # Errors
    /// [`EnvError::TooManyStates`]
    pub fn enumerate(self, limit: usize) -> Result<EnumeratedBits, EnvError> {
        let mut offsets = vec![0_usize];
        for words in 0..=self.num_words() {
            let total = 1_usize
                .checked_shl((words * self.word) as u32)
                .filter(|_| words * self.word < usize::BITS as usize)
                .and_then(|level| level.checked_add(offsets[words]))
                .filter(|total| *total <= limit)
                .ok_or(EnvError::TooManyStates { limit })?;
            offsets.push(total);
        }
        Ok(EnumeratedBits { env: self, offsets })
    }

    fn check(&self, bits: &Bits) -> Result<(), EnvError> {
        if bits.len() == self.bits {
            return Ok(());
        }
        Err(EnvError::BadBits {
            text: bits.to_string(),
            bits: self.bits,
        })
    }
}

impl Environment for BitSequence {
    type State = Bits;
    /// The word that is appended, as a number; its highest bit comes first.
    type Action = u16;

    fn source(&self) -> Bits {
        Bits::new()
    }

    fn can_stop(&self, state: &Bits) -> bool {
        state.len() == self.bits
    }

    fn step(&self, state: &mut Bits, action: u16) {
        debug_assert!(
            state.len() + self.word <= self.bits,
            "{state:?} is complete"
        );
        state.push(action, self.word);
    }

    fn undo(&self, state: &mut Bits, action: u16) {
        debug_assert!(state.len() >= self.word && state.last(self.word) == action);
        state.truncate(state.len() - self.word);
    }
}

impl Discrete for BitSequence {
    fn actions(&self, state: &Bits, out: &mut Vec<u16>) {
        if state.len() < self.bits {
            out.extend((0..1_u32 << self.word).map(|word| word as u16));
        }
    }

    fn parents(&self, state: &Bits, out: &mut Vec<u16>) {
        if state.len() >= self.word {
            out.push(state.last(self.word));
        }
    }
}

/// For each bit two features, "is 0" and "is 1", both 0 where nothing is written yet; then the number
/// of words written, one-hot. Action w appends the word w.
impl VectorEncoded for BitSequence {
    fn num_features(&self) -> usize {
        2 * self.bits + self.num_words() + 1
    }

    fn features(&self, state: &Bits, mut set: impl FnMut(usize, f32)) {
        for (i, bit) in state.iter().enumerate() {
            set(2 * i + usize::from(bit), 1.0);
        }
        set(2 * self.bits + state.len() / self.word, 1.0);
    }

    fn num_actions(&self) -> usize {
        1 << self.word
    }

    fn action_index(&self, action: u16) -> usize {
        action.into()
    }
}

/// A token is a word, or 2^k where none is written yet. A word is appended by
/// the score of its number at the first empty position.
impl TokenEncoded for BitSequence {
    fn token_shape(&self) -> TokenShape {
        TokenShape {
            positions: self.num_words(),
            tokens: (1 << self.word) + 1,
            position_actions: 1 << self.word,
            whole_actions: 0,
            position_parents: 1,
            whole_parents: 0,
        }
    }

    fn tokens(&self, state: &Bits, out: &mut Vec<u32>) {
        let first = out.len();
        let mut rest = *state;
        while !rest.is_empty() {
            out.push(rest.last(self.word).into());
            rest.truncate(rest.len() - self.word);
        }
        out[first..].reverse();
        out.resize(first + self.num_words(), 1 << self.word);
    }

    fn action_slot(&self, state: &Bits, action: u16) -> TokenSlot {
        TokenSlot::Position {
            position: state.len() / self.word,
            output: action.into(),
        }
    }

    fn parent_slot(&self, state: &Bits, _: u16) -> TokenSlot {
        TokenSlot::Position {
            position: state.len() / self.word - 1,
            output: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use anabranch_core::{Enumerable, Reward};

    use super::*;

    fn bits(text: &str) -> Bits {
        text.parse().unwrap()
    }

    #[test]
    fn words_come_off_as_they_went_on() {
        let env = BitSequence::new(70, 7).unwrap();
        let mut state = env.source();
        let words = [5_u16, 127, 0, 64, 1, 3, 99, 100, 77, 2];
        for &word in &words {
            env.step(&mut state, word);
        }
        assert!(env.can_stop(&state));
        assert_eq!(&state.to_string()[..14], "00001011111111");
        assert_eq!(bits(&state.to_string()), state);
        for &word in words.iter().rev() {
            let mut parents = Vec::new();
            env.parents(&state, &mut parents);
            assert_eq!(parents, [word]);
            env.undo(&mut state, word);
        }
        assert_eq!(state, env.source());
    }

    /// Distances worked out by hand.
    #[test]
    fn distances() {
        assert_eq!(bits("010101").hamming(&bits("101010")), 6);
        assert_eq!(bits("010101").edit_distance(&bits("101010")), 2);
        assert_eq!(bits("").edit_distance(&bits("101")), 3);
        assert_eq!(bits("1111").edit_distance(&bits("0000")), 4);
        assert_eq!(bits("110").edit_distance(&bits("1")), 2);
    }

    #[test]
    fn the_two_rewards_differ_by_n_over_beta() {
        let env = BitSequence::new(16, 2).unwrap();
        let modes = env.modes(8, Seed::new(0)).unwrap();
        let objects = env.test_set(&modes, Seed::new(1)).unwrap();
        let exponential = NearestMode::exponential(modes.clone(), Distance::Hamming).unwrap();
        let normalised = NearestMode::normalised(modes, Distance::Hamming, 3.0).unwrap();
        let (a, b) = (
            exponential.log_reward(&objects).unwrap(),
            normalised.log_reward(&objects).unwrap(),
        );
        for ((a, b), x) in a.iter().zip(&b).zip(&objects) {
            assert!((a * 3.0 / 16.0 - b).abs() < 1e-12);
            assert_eq!(-a, exponential.nearest(x).1 as f64);
        }
    }

    #[test]
    fn the_test_set_of_the_paper() {
        let env = BitSequence::new(120, 8).unwrap();
        let modes = env.modes(60, Seed::new(3)).unwrap();
        for mode in &modes {
            let text = mode.to_string();
            for i in 0..15 {
                let block = u8::from_str_radix(&text[8 * i..8 * i + 8], 2).unwrap();
                assert!(BLOCKS.contains(&block));
            }
        }
        let set = env.test_set(&modes, Seed::new(4)).unwrap();
        assert_eq!(set.len(), 7200);
        for (i, x) in set.iter().enumerate() {
            assert_eq!(x.hamming(&modes[i / 120]), i % 120);
        }
        // The single flips fall anywhere, not on the first bit: 60 draws of 120 hit 47 places on average.
        let flipped = |i: usize| (0..120).find(|j| set[i].bit(*j) != modes[i / 120].bit(*j));
        let places: BTreeSet<_> = (0..60).map(|mode| flipped(120 * mode + 1)).collect();
        assert!(places.len() > 35, "{places:?}");
    }

    #[test]
    fn small_spaces_are_written_down() {
        for (n, k) in [(1, 1), (4, 1), (6, 3), (8, 8)] {
            let env = BitSequence::new(n, k).unwrap().enumerate(1000).unwrap();
            let states = env.states();
            assert_eq!(states.len(), env.num_states());
            assert_eq!(states.iter().filter(|s| env.can_stop(s)).count(), 1 << n);
            assert!(states.iter().enumerate().all(|(i, s)| env.index(s) == i));
        }
        let large = BitSequence::new(120, 8).unwrap();
        assert!(matches!(
            large.enumerate(1000),
            Err(EnvError::TooManyStates { limit: 1000 })
        ));
        assert!(large.enumerate(usize::MAX).is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(matches!(
            BitSequence::new(120, 7),
            Err(EnvError::WordSize { bits: 120, word: 7 })
        ));
        assert!(BitSequence::new(0, 1).is_err());
        assert!(BitSequence::new(257, 1).is_err());
        assert!(BitSequence::new(34, 17).is_err());
        let env = BitSequence::new(12, 2).unwrap();
        assert!(env.modes(1, Seed::new(0)).is_err());
        assert!(
            BitSequence::new(8, 2)
                .unwrap()
                .modes(6, Seed::new(0))
                .is_err()
        );
        assert!(env.test_set(&[bits("01")], Seed::new(0)).is_err());
        assert!(matches!(
            NearestMode::exponential(vec![], Distance::Edit),
            Err(EnvError::NoModes)
        ));
        assert!(NearestMode::exponential(vec![bits("0"), bits("01")], Distance::Edit).is_err());
        assert!("012".parse::<Bits>().is_err());
    }
}
