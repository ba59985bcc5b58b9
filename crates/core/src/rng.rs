//! One seed, many named streams.
//!
//! A stream depends on the seed, its name and its numbers only, never on what was drawn from another
//! one, so that threads and resumed runs draw the same values.

use rand::SeedableRng;
pub use rand_chacha::ChaCha8Rng as Stream;
use serde::{Deserialize, Serialize};

/// The seed that governs a run.
///
/// ```
/// use anabranch_core::rng::Seed;
/// use rand::RngExt;
/// let seed = Seed::new(7);
/// let a: f64 = seed.stream("rollout", &[3, 0]).random();
/// let b: f64 = seed.stream("rollout", &[3, 0]).random();
/// let c: f64 = seed.stream("rollout", &[3, 1]).random();
/// assert!(a == b && a != c);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(u64);

impl Seed {
    /// A seed; every value is as good as any other.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The number it was made of.
    pub fn value(self) -> u64 {
        self.0
    }

    /// The stream for `purpose`, told apart from its siblings by `numbers` (a step, a trajectory).
    pub fn stream(self, purpose: &str, numbers: &[u64]) -> Stream {
        let mut key = [0_u8; 32];
        let mut state = mix(self.0 ^ 0x9e37_79b9_7f4a_7c15);
        for byte in purpose.bytes() {
            state = mix(state ^ u64::from(byte));
        }
        // The length keeps ("a", [1]) and ("a", [1, 0]) apart.
        state = mix(state ^ numbers.len() as u64);
        for number in numbers {
            state = mix(state ^ number);
        }
        for chunk in key.chunks_exact_mut(8) {
            state = mix(state);
            chunk.copy_from_slice(&state.to_le_bytes());
        }
        Stream::from_seed(key)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014) after its increment: a bijection of u64.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    /// The first values of a stream, printed once on 2026-11-23; a change is a changelog entry.
    #[test]
    fn streams_keep_their_values() {
        let first = |purpose, numbers: &[u64]| Seed::new(0).stream(purpose, numbers).next_u64();
        let values = [
            first("rollout", &[0, 0]),
            first("rollout", &[0, 1]),
            first("init", &[]),
        ];
        assert_eq!(
            values,
            [
                7124041287571837621,
                13451423387680406999,
                12507829319296729933
            ]
        );
        assert_eq!(values[0], first("rollout", &[0, 0]));
        assert_ne!(first("a", &[1]), first("a", &[1, 0]));
    }
}
