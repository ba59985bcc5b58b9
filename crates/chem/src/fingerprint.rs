//! Morgan fingerprints and their similarity.

use cosmolkit::{MorganFingerprintParams, MorganGeneratorParams};

use crate::error::ChemError;
use crate::molecule::Molecule;

/// A bit vector that says which circular environments a molecule has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    words: Box<[u64]>,
    bits: u32,
    ones: u32,
}

impl Fingerprint {
    /// Folded Morgan fingerprint as RDKit's `GetMorganGenerator(radius, fpSize = bits)`.
    ///
    /// Radius 2 with 2,048 bits is what the papers call ECFP4.
    ///
    /// # Errors
    /// [`ChemError::Engine`] if the engine has no answer (`bits` = 0, for one).
    pub fn morgan(molecule: &Molecule, radius: u32, bits: u32) -> Result<Self, ChemError> {
        let params = MorganFingerprintParams::from(MorganGeneratorParams {
            radius,
            fp_size: bits,
            ..MorganGeneratorParams::default()
        });
        let on = molecule.ask("Morgan fingerprint", |engine| {
            engine
                .fingerprint_morgan_with_params(&params, None)
                .map(|fingerprint| fingerprint.on_bits())
        })?;
        Ok(Self::from_on_bits(on, bits))
    }

    /// A fingerprint of `bits` bits from the indices of those that are set; larger indices wrap.
    #[must_use]
    pub fn from_on_bits(on: impl IntoIterator<Item = u32>, bits: u32) -> Self {
        let mut words = vec![0_u64; bits.div_ceil(64) as usize].into_boxed_slice();
        if bits > 0 {
            for bit in on {
                let bit = bit % bits;
                words[(bit / 64) as usize] |= 1 << (bit % 64);
            }
        }
        let ones = words.iter().map(|word| word.count_ones()).sum();
        Self { words, bits, ones }
    }

    /// Length in bits.
    #[must_use]
    pub fn num_bits(&self) -> u32 {
        self.bits
    }

    /// Number of bits that are set.
    #[must_use]
    pub fn num_on_bits(&self) -> u32 {
        self.ones
    }

    /// Indices of the bits that are set, ascending.
    #[must_use]
    pub fn on_bits(&self) -> Vec<u32> {
        let mut on = Vec::with_capacity(self.ones as usize);
        for (index, &word) in self.words.iter().enumerate() {
            let mut rest = word;
            while rest != 0 {
                on.push(index as u32 * 64 + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
        on
    }

    /// The bits, 64 to a word, lowest first.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }
}

/// How often a molecule has each circular environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountFingerprint {
    counts: Vec<(u32, u32)>,
    bits: u32,
}

impl CountFingerprint {
    /// Folded counts of Morgan environments as RDKit's `GetMorganGenerator(radius, fpSize = bits)` gives them
    /// by `GetCountFingerprint`.
    ///
    /// # Errors
    /// [`ChemError::Engine`] if the engine has no answer (`bits` = 0, for one).
    pub fn morgan(molecule: &Molecule, radius: u32, bits: u32) -> Result<Self, ChemError> {
        let params = MorganFingerprintParams::from(MorganGeneratorParams {
            radius,
            fp_size: bits,
            ..MorganGeneratorParams::default()
        });
        let counts = molecule.ask("Morgan fingerprint", |engine| {
            engine
                .fingerprint_morgan_count_with_params(&params, None)
                .map(|fingerprint| {
                    let counts = fingerprint.nonzero_elements().iter();
                    counts
                        .map(|(bit, count)| (*bit, count.unsigned_abs()))
                        .collect()
                })
        })?;
        Ok(Self { counts, bits })
    }

    /// Number of places.
    #[must_use]
    pub fn num_bits(&self) -> u32 {
        self.bits
    }

    /// (place, how often) of each place that is not zero, in the order of places.
    #[must_use]
    pub fn counts(&self) -> &[(u32, u32)] {
        &self.counts
    }
}

/// Tanimoto similarity, 0 to 1: bits in both over bits in either. Two empty fingerprints have 1, as
/// in RDKit.
///
/// # Panics
/// If the fingerprints differ in length; similarities across lengths mean nothing.
#[must_use]
pub fn tanimoto(a: &Fingerprint, b: &Fingerprint) -> f64 {
    assert_eq!(a.bits, b.bits, "fingerprints of different lengths");
    let both: u32 = a
        .words
        .iter()
        .zip(&b.words)
        .map(|(x, y)| (x & y).count_ones())
        .sum();
    let either = a.ones + b.ones - both;
    if either == 0 {
        1.0
    } else {
        f64::from(both) / f64::from(either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_survive_packing() {
        let on = [0, 63, 64, 100, 2047];
        let fingerprint = Fingerprint::from_on_bits(on, 2048);
        assert_eq!(fingerprint.on_bits(), on);
        assert_eq!(fingerprint.num_on_bits(), 5);
    }

    #[test]
    fn similarity_counts_shared_bits() {
        let a = Fingerprint::from_on_bits([1, 2, 3], 128);
        let b = Fingerprint::from_on_bits([2, 3, 127], 128);
        assert_eq!(tanimoto(&a, &b), 0.5);
        assert_eq!(tanimoto(&a, &a), 1.0);
        let none = Fingerprint::from_on_bits([], 128);
        assert_eq!(tanimoto(&none, &none), 1.0);
        assert_eq!(tanimoto(&none, &a), 0.0);
    }
}
