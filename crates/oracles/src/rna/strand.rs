//! A strand of RNA.

use std::fmt;

use super::RnaError;

/// Most bases of a strand; the work for two strands grows as the product of their lengths.
pub const MAX_BASES: usize = 10_000;

/// A base; the discriminant is its index in the tables of energies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// Adenine.
    A = 0,
    /// Cytosine.
    C = 1,
    /// Guanine.
    G = 2,
    /// Uracil.
    U = 3,
}

impl Base {
    /// All four, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::A, Self::C, Self::G, Self::U];

    /// The base that pairs with this one in a perfect helix.
    #[must_use]
    pub fn complement(self) -> Self {
        match self {
            Self::A => Self::U,
            Self::C => Self::G,
            Self::G => Self::C,
            Self::U => Self::A,
        }
    }

    fn letter(self) -> char {
        ['A', 'C', 'G', 'U'][self as usize]
    }
}

/// Bases from the 5' to the 3' end; at least one, at most [`MAX_BASES`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Strand(Vec<Base>);

impl Strand {
    /// Reads letters, upper or lower case, from the 5' end; a T, as DNA is written, is read as U.
    ///
    /// # Errors
    /// Where there are no letters or too many, or one is none of A, C, G, U, T. Letters for an
    /// unknown base (N and others) are refused: an energy cannot be had without the base.
    pub fn from_text(text: &str) -> Result<Self, RnaError> {
        let bases: Result<Vec<Base>, RnaError> = text
            .chars()
            .enumerate()
            .map(|(at, letter)| match letter.to_ascii_uppercase() {
                'A' => Ok(Base::A),
                'C' => Ok(Base::C),
                'G' => Ok(Base::G),
                'U' | 'T' => Ok(Base::U),
                _ => Err(RnaError::Letter {
                    letter,
                    position: at + 1,
                }),
            })
            .collect();
        Self::new(bases?)
    }

    /// A strand of these bases, 5' end first.
    ///
    /// # Errors
    /// Where there are none, or more than [`MAX_BASES`].
    pub fn new(bases: Vec<Base>) -> Result<Self, RnaError> {
        if bases.is_empty() {
            return Err(RnaError::Empty);
        }
        if bases.len() > MAX_BASES {
            return Err(RnaError::TooLong {
                bases: bases.len(),
                limit: MAX_BASES,
            });
        }
        Ok(Self(bases))
    }

    /// The bases, 5' end first.
    #[must_use]
    pub fn bases(&self) -> &[Base] {
        &self.0
    }

    /// The strand that forms a perfect helix with this one.
    #[must_use]
    pub fn reverse_complement(&self) -> Self {
        Self(self.0.iter().rev().map(|base| base.complement()).collect())
    }
}

impl fmt::Display for Strand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|base| write!(f, "{}", base.letter()))
    }
}

impl fmt::Debug for Strand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Strand({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_and_written() {
        let strand = Strand::from_text("acgtU").unwrap();
        assert_eq!(strand.to_string(), "ACGUU");
        assert_eq!(strand.reverse_complement().to_string(), "AACGU");
    }

    #[test]
    fn what_is_no_base_is_named() {
        let error = Strand::from_text("ACN").unwrap_err();
        assert_eq!(
            error,
            RnaError::Letter {
                letter: 'N',
                position: 3
            }
        );
        assert_eq!(Strand::from_text(""), Err(RnaError::Empty));
        assert!(matches!(
            Strand::from_text(&"A".repeat(MAX_BASES + 1)),
            Err(RnaError::TooLong { bases: 10_001, .. })
        ));
    }
}
