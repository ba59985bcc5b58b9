//! Sequences over an alphabet of K letters, built in three ways.
//!
//! [`AppendSequence`] writes from left to right (a tree), [`PrependAppend`] adds at both ends, and
//! [`Insertion`] anywhere. All three share their states, every string of up to L letters, so that one
//! reward serves them all and the same objects are reached along different graphs (Shen et al. 2023,
//! arXiv 2305.07170).

mod append;
mod insertion;
mod letters;
mod prepend_append;

pub use self::append::AppendSequence;
pub use self::insertion::{Insert, Insertion};
pub use self::letters::{Letters, MAX_LENGTH};
pub use self::prepend_append::{AddAtEnd, EdgeCount, PrependAppend};
use crate::EnvError;
use crate::counting::{in_range, power, shorter_strings};

/// Most letters of the alphabet.
pub const MAX_LETTERS: usize = 256;

/// All strings of up to `length` letters out of `letters`: shorter ones first, those of one length in
/// the order of their letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Strings {
    letters: usize,
    length: usize,
}

impl Strings {
    fn new(letters: usize, length: usize) -> Result<Self, EnvError> {
        in_range("letters", letters, 1..=MAX_LETTERS)?;
        in_range("length", length, 1..=MAX_LENGTH)?;
        Ok(Self { letters, length })
    }

    fn all(&self) -> Vec<Letters> {
        let mut out = Vec::with_capacity(self.count());
        out.push(Letters::new());
        let mut shorter = 0..1;
        for _ in 0..self.length {
            for i in shorter.clone() {
                for letter in 0..self.letters {
                    let mut longer = out[i];
                    longer.insert(longer.len(), letter as u8);
                    out.push(longer);
                }
            }
            shorter = shorter.end..out.len();
        }
        out
    }

    fn index(&self, state: &Letters) -> usize {
        shorter_strings(self.letters, state.len()) + self.number(state)
    }

    /// The place of a string among those of its length.
    fn number(&self, state: &Letters) -> usize {
        let letters = state.as_slice().iter();
        letters.fold(0, |number, &letter| {
            number * self.letters + usize::from(letter)
        })
    }

    fn count(&self) -> usize {
        shorter_strings(self.letters, self.length + 1)
    }

    fn num_features(&self) -> usize {
        self.letters * self.length + self.length + 1
    }

    /// One-hot letters, aligned to the left and 0 past the end, and then the one-hot length.
    fn features(&self, state: &Letters, mut set: impl FnMut(usize, f32)) {
        for (place, &letter) in state.as_slice().iter().enumerate() {
            set(place * self.letters + usize::from(letter), 1.0);
        }
        set(self.letters * self.length + state.len(), 1.0);
    }

    /// The letters as tokens, and K for each position past the end.
    fn tokens(&self, state: &Letters, out: &mut Vec<u32>) {
        out.extend(state.as_slice().iter().map(|&letter| u32::from(letter)));
        out.extend((state.len()..self.length).map(|_| self.letters as u32));
    }
}

/// The place of a complete string of `length` out of `letters` letters in their order; `None` for
/// another length or a letter outside the alphabet.
pub(crate) fn object_number(state: &Letters, letters: usize, length: usize) -> Option<usize> {
    let fits = state.as_slice().iter().all(|&l| usize::from(l) < letters);
    (fits && state.len() == length).then(|| Strings { letters, length }.number(state))
}

/// The string of `length` out of `letters` letters at `number`: the inverse of [`object_number`].
pub(crate) fn object(mut number: usize, letters: usize, length: usize) -> Letters {
    debug_assert!(number < power(letters, length));
    let mut out = Letters::new();
    for _ in 0..length {
        out.insert(0, (number % letters) as u8);
        number /= letters;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_listed_where_they_are_found() {
        for (letters, length, count) in [(1, 4, 5), (2, 5, 63), (4, 3, 85), (11, 2, 133)] {
            let strings = Strings::new(letters, length).unwrap();
            let all = strings.all();
            assert_eq!((all.len(), strings.count()), (count, count));
            assert!(all.iter().enumerate().all(|(i, s)| strings.index(s) == i));
            assert!(all.is_sorted());
            let objects = all.iter().filter(|s| s.len() == length);
            for (number, string) in objects.enumerate() {
                assert_eq!(object(number, letters, length), *string);
                assert_eq!(object_number(string, letters, length), Some(number));
            }
        }
    }

    #[test]
    fn letters_are_written_and_read() {
        let dna = Letters::from_text("GATTACA", "ACGT").unwrap();
        assert_eq!(dna.as_slice(), [2, 0, 3, 3, 0, 1, 0]);
        assert_eq!(dna.text("ACGT"), "GATTACA");
        assert_eq!(dna.text("AC"), "?A??ACA");
        let text = serde_json::to_string(&dna).unwrap();
        assert_eq!(text, "[2,0,3,3,0,1,0]");
        assert_eq!(serde_json::from_str::<Letters>(&text).unwrap(), dna);
        let error = Letters::from_text("GAUU", "ACGT").unwrap_err();
        assert!(error.to_string().contains("\"GAUU\" is not"), "{error}");
        assert!(Letters::from_text(&"A".repeat(129), "ACGT").is_err());
        assert!(Letters::try_from(vec![0; 129]).is_err());
    }

    #[test]
    fn bad_sizes_are_refused() {
        assert!(Strings::new(0, 3).is_err());
        assert!(Strings::new(257, 3).is_err());
        assert!(Strings::new(4, 0).is_err());
        assert!(Strings::new(4, 129).is_err());
        assert_eq!(Strings::new(4, 128).unwrap().count(), usize::MAX);
    }
}
