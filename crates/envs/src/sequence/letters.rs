//! Strings of letters.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::EnvError;

/// Most letters of a string.
pub const MAX_LENGTH: usize = 128;

/// At most [`MAX_LENGTH`] letters, each a number from 0; written to files as a list of numbers. Ordered
/// by length, then letter by letter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct Letters {
    len: u8,
    /// Zero past the end.
    letters: [u8; MAX_LENGTH],
}

impl Letters {
    /// No letters.
    pub const fn new() -> Self {
        Self {
            len: 0,
            letters: [0; MAX_LENGTH],
        }
    }

    /// Number of letters.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// True without letters.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The letters in order.
    pub fn as_slice(&self) -> &[u8] {
        &self.letters[..self.len()]
    }

    /// Reads `text`, each of whose characters must be in `alphabet`; letter i is its character i.
    ///
    /// # Errors
    /// [`EnvError::BadLetters`] for another character or more than [`MAX_LENGTH`] of them.
    pub fn from_text(text: &str, alphabet: &str) -> Result<Self, EnvError> {
        let bad = || EnvError::BadLetters {
            text: text.to_owned(),
            expected: format!("at most {MAX_LENGTH} letters out of {alphabet:?}"),
        };
        let letter = |c| alphabet.chars().position(|a| a == c);
        let letters: Option<Vec<u8>> = text
            .chars()
            .map(|c| letter(c).and_then(|i| u8::try_from(i).ok()))
            .collect();
        letters
            .and_then(|letters| Self::from_slice(&letters))
            .ok_or_else(bad)
    }

    /// The letters as characters of `alphabet`, `?` where it has too few.
    pub fn text(&self, alphabet: &str) -> String {
        let character = |&letter: &u8| alphabet.chars().nth(letter.into()).unwrap_or('?');
        self.as_slice().iter().map(character).collect()
    }

    fn from_slice(letters: &[u8]) -> Option<Self> {
        let mut out = Self::new();
        out.letters
            .get_mut(..letters.len())?
            .copy_from_slice(letters);
        out.len = letters.len() as u8;
        Some(out)
    }

    /// Puts `letter` before the letter at `place`, or at the end.
    pub(super) fn insert(&mut self, place: usize, letter: u8) {
        let len = self.len();
        self.letters.copy_within(place..len, place + 1);
        self.letters[place] = letter;
        self.len += 1;
    }

    /// Takes the letter at `place` out.
    pub(super) fn remove(&mut self, place: usize) {
        let len = self.len();
        self.letters.copy_within(place + 1..len, place);
        self.letters[len - 1] = 0;
        self.len -= 1;
    }
}

impl Default for Letters {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_slice())
    }
}

impl TryFrom<&[u8]> for Letters {
    type Error = EnvError;

    fn try_from(letters: &[u8]) -> Result<Self, EnvError> {
        Self::from_slice(letters).ok_or_else(|| EnvError::BadLetters {
            text: format!("{letters:?}"),
            expected: format!("at most {MAX_LENGTH} letters"),
        })
    }
}

impl TryFrom<Vec<u8>> for Letters {
    type Error = EnvError;

    fn try_from(letters: Vec<u8>) -> Result<Self, EnvError> {
        letters.as_slice().try_into()
    }
}

impl From<Letters> for Vec<u8> {
    fn from(letters: Letters) -> Self {
        letters.as_slice().to_vec()
    }
}
