//! A random landscape over sequences: weights of sites and of pairs of near sites.
//!
//! A stand-in for measured landscapes whose exact distribution can be worked out; the scaled-down
//! experiments on credit assignment after Malkin et al. 2022 (arXiv 2201.13259) use it.

use anabranch_core::{Reward, RewardError, Seed};
use rand_distr::{Distribution, StandardNormal};

use crate::EnvError;
use crate::counting::in_range;
use crate::sequence::{Letters, MAX_LENGTH};

/// Most letters of the alphabet.
pub const MAX_LETTERS: usize = 64;

/// How far apart the sites of a pair are, at most.
const REACH: usize = 2;

/// R(x) = max(10 v(x)^3, 0.001), where v is a sum of weights that is scaled to 0 and 1 at its least and
/// greatest value over all K^L sequences.
///
/// The sum has a weight from N(0, 1) for each site and letter, and half a weight from N(0, 1) for each
/// two sites at most 2 apart and their two letters.
#[derive(Clone, Debug)]
pub struct Landscape {
    letters: usize,
    length: usize,
    /// `[L * K]`
    sites: Vec<f64>,
    /// `[2 * L * K * K]`, by distance - 1, the first site, and the letters of both.
    pairs: Vec<f64>,
    lowest: f64,
    highest: f64,
}

impl Landscape {
    /// The landscape of `seed` over sequences of `length` out of `letters` letters.
    ///
    /// # Errors
    /// `letters` outside 2 to [`MAX_LETTERS`], `length` outside 1 to [`MAX_LENGTH`].
    pub fn new(letters: usize, length: usize, seed: Seed) -> Result<Self, EnvError> {
        in_range("letters", letters, 2..=MAX_LETTERS)?;
        in_range("length", length, 1..=MAX_LENGTH)?;
        let mut stream = seed.stream("sequence_landscape", &[letters as u64, length as u64]);
        let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
        let sites = (0..length * letters).map(|_| normal()).collect();
        let pairs = (0..REACH * length * letters * letters)
            .map(|_| 0.5 * normal())
            .collect();
        let mut landscape = Self {
            letters,
            length,
            sites,
            pairs,
            lowest: 0.0,
            highest: 1.0,
        };
        landscape.lowest = -landscape.greatest(-1.0);
        landscape.highest = landscape.greatest(1.0);
        Ok(landscape)
    }

    /// Letters of the alphabet K.
    pub fn letters(&self) -> usize {
        self.letters
    }

    /// Length of the sequences L.
    pub fn length(&self) -> usize {
        self.length
    }

    /// What the letter at `site` adds to the sum, given the `REACH` letters before it, the nearest first.
    fn term(&self, site: usize, letter: usize, before: &[usize]) -> f64 {
        let near = (1..).zip(&before[..site.min(before.len())]);
        let pairs = near.map(|(distance, &other)| {
            let first = (distance - 1) * self.length + site - distance;
            self.pairs[(first * self.letters + other) * self.letters + letter]
        });
        self.sites[site * self.letters + letter] + pairs.sum::<f64>()
    }

    /// Greatest value over all sequences of `sign` times the sum, by dynamic programming over the last
    /// two letters.
    fn greatest(&self, sign: f64) -> f64 {
        let k = self.letters;
        // [K * K], by the last letter but one and the last; at first nothing stands before.
        let mut best = vec![0.0; k * k];
        for site in 0..self.length {
            let mut next = vec![f64::NEG_INFINITY; k * k];
            for (place, sum) in best.iter().enumerate() {
                let (older, last) = (place / k, place % k);
                for letter in 0..k {
                    let value = sum + sign * self.term(site, letter, &[last, older]);
                    let entry: &mut f64 = &mut next[last * k + letter];
                    *entry = entry.max(value);
                }
            }
            best = next;
        }
        best.into_iter().fold(f64::NEG_INFINITY, f64::max)
    }

    /// v(x), from 0 to 1.
    ///
    /// # Errors
    /// [`EnvError::BadLetters`] for a string of another length or alphabet.
    pub fn value(&self, string: &Letters) -> Result<f64, EnvError> {
        let letters = string.as_slice();
        if letters.len() != self.length || letters.iter().any(|&l| usize::from(l) >= self.letters) {
            return Err(EnvError::BadLetters {
                text: format!("{string:?}"),
                expected: format!("{} letters below {}", self.length, self.letters),
            });
        }
        let at = |site: usize| usize::from(letters[site]);
        let terms = (0..self.length).map(|site| {
            let before = [site.saturating_sub(1), site.saturating_sub(2)].map(at);
            self.term(site, at(site), &before)
        });
        let sum: f64 = terms.sum();
        Ok(((sum - self.lowest) / (self.highest - self.lowest)).clamp(0.0, 1.0))
    }

    /// R(x) = max(10 v^3, 0.001).
    ///
    /// # Errors
    /// Those of [`value`](Self::value).
    pub fn reward(&self, string: &Letters) -> Result<f64, EnvError> {
        Ok((10.0 * self.value(string)?.powi(3)).max(1e-3))
    }
}

impl Reward<Letters> for Landscape {
    fn log_reward(&self, objects: &[Letters]) -> Result<Vec<f64>, RewardError> {
        let score = |string: &Letters| match self.reward(string) {
            Ok(reward) => Ok(reward.ln()),
            Err(error) => Err(RewardError::Failed {
                object: format!("{string:?}"),
                reason: error.to_string(),
            }),
        };
        objects.iter().map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use anabranch_core::{Enumerable, Environment};

    use super::*;
    use crate::sequence::AppendSequence;

    /// The sum as it is defined, over all pairs of sites.
    fn plain_sum(landscape: &Landscape, letters: &[u8]) -> f64 {
        let (k, length) = (landscape.letters, landscape.length);
        let letters: Vec<usize> = letters.iter().map(|&l| l.into()).collect();
        let mut sum = 0.0;
        for (i, a) in letters.iter().enumerate() {
            sum += landscape.sites[i * k + a];
            for (j, b) in letters.iter().enumerate() {
                if j > i && j - i <= 2 {
                    sum += landscape.pairs[(((j - i - 1) * length + i) * k + a) * k + b];
                }
            }
        }
        sum
    }

    #[test]
    fn values_are_scaled_over_all_sequences() {
        for (letters, length) in [(4, 1), (4, 2), (3, 5), (4, 6)] {
            let landscape = Landscape::new(letters, length, Seed::new(2)).unwrap();
            let env = AppendSequence::new(letters, length).unwrap();
            let objects: Vec<Letters> = env
                .states()
                .into_iter()
                .filter(|s| env.can_stop(s))
                .collect();
            let sums = objects.iter().map(|x| plain_sum(&landscape, x.as_slice()));
            let sums: Vec<f64> = sums.collect();
            let lowest = sums.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            for (x, sum) in objects.iter().zip(&sums) {
                let expected = (sum - lowest) / (highest - lowest);
                assert!((landscape.value(x).unwrap() - expected).abs() < 1e-12);
                let reward = (10.0 * expected.powi(3)).max(1e-3);
                assert!((landscape.reward(x).unwrap() - reward).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Landscape::new(1, 4, Seed::new(0)).is_err());
        assert!(Landscape::new(4, 129, Seed::new(0)).is_err());
        let landscape = Landscape::new(4, 3, Seed::new(0)).unwrap();
        for letters in [vec![0, 1], vec![0, 1, 4], vec![0; 4]] {
            let string = Letters::try_from(letters).unwrap();
            assert!(landscape.value(&string).is_err());
            assert!(landscape.log_reward(&[string]).is_err());
        }
        // Long sequences need no list of all of them.
        let long = Landscape::new(20, 60, Seed::new(0)).unwrap();
        assert!(long.highest > long.lowest);
    }
}
