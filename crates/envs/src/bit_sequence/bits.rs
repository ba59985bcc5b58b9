//! Strings of bits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::EnvError;

/// Most bits of a sequence.
pub const MAX_BITS: usize = 256;

/// At most [`MAX_BITS`] bits; written and read as a text of 0 and 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bits {
    /// Bit i is bit i mod 64 of lane i div 64; lanes are zero past the end.
    lanes: [u64; MAX_BITS / 64],
    len: u16,
}

impl Bits {
    /// No bits.
    pub const fn new() -> Self {
        Self {
            lanes: [0; MAX_BITS / 64],
            len: 0,
        }
    }

    /// Number of bits.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// True without bits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bit `i`; false past the end.
    pub fn bit(&self, i: usize) -> bool {
        self.lanes
            .get(i / 64)
            .is_some_and(|lane| lane >> (i % 64) & 1 == 1)
    }

    /// The bits in order.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        (0..self.len()).map(|i| self.bit(i))
    }

    /// Number of places in which two sequences of the same length differ.
    pub fn hamming(&self, other: &Self) -> usize {
        let lanes = self.lanes.iter().zip(&other.lanes);
        lanes.map(|(a, b)| (a ^ b).count_ones() as usize).sum()
    }

    /// Least number of insertions, deletions and replacements that turn one into the other
    /// (Levenshtein).
    ///
    /// # Complexity
    /// The product of the lengths.
    pub fn edit_distance(&self, other: &Self) -> usize {
        let mut row: [u16; MAX_BITS + 1] = std::array::from_fn(|j| j as u16);
        for (i, a) in (1..).zip(self.iter()) {
            let mut diagonal = row[0];
            row[0] = i;
            for (j, b) in (1..).zip(other.iter()) {
                let replaced = diagonal + u16::from(a != b);
                diagonal = row[j];
                row[j] = replaced.min(diagonal + 1).min(row[j - 1] + 1);
            }
        }
        usize::from(row[other.len()])
    }

    /// Appends the lowest `width` bits of `word`, the highest of them first.
    pub(super) fn push(&mut self, word: u16, width: usize) {
        for shift in (0..width).rev() {
            let i = self.len();
            self.lanes[i / 64] |= u64::from(word >> shift & 1) << (i % 64);
            self.len += 1;
        }
    }

    /// The last `width` bits as `push` took them.
    pub(super) fn last(&self, width: usize) -> u16 {
        (self.len() - width..self.len()).fold(0, |word, i| word << 1 | u16::from(self.bit(i)))
    }

    pub(super) fn truncate(&mut self, len: usize) {
        for i in len..self.len() {
            self.lanes[i / 64] &= !(1 << (i % 64));
        }
        self.len = len as u16;
    }

    pub(super) fn flip(&mut self, i: usize) {
        self.lanes[i / 64] ^= 1 << (i % 64);
    }
}

impl Default for Bits {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter()
            .try_for_each(|bit| f.write_str(if bit { "1" } else { "0" }))
    }
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Bits {
    type Err = EnvError;

    fn from_str(text: &str) -> Result<Self, EnvError> {
        let bad = || EnvError::BadBits {
            text: text.to_owned(),
            bits: text.len().min(MAX_BITS),
        };
        let mut out = Self::new();
        for byte in text.bytes() {
            if !matches!(byte, b'0' | b'1') || out.len() == MAX_BITS {
                return Err(bad());
            }
            out.push(u16::from(byte - b'0'), 1);
        }
        Ok(out)
    }
}

impl TryFrom<String> for Bits {
    type Error = EnvError;

    fn try_from(text: String) -> Result<Self, EnvError> {
        text.parse()
    }
}

impl From<Bits> for String {
    fn from(bits: Bits) -> Self {
        bits.to_string()
    }
}
