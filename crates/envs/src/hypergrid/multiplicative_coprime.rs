//! Primes in coordinates.

use super::{Cell, Hypergrid, Tiered, Tiers};
use crate::EnvError;
use crate::counting::in_range;
use crate::log_of_reward::log_of_reward;

/// The `multiplicative_coprime` reward of torchgfn over the values c_i + 1: tier t passes where every
/// value is a product of the given primes with exponents of at most caps\[t\], and, where they are asked
/// for, pairs of values are coprime and the least common multiple of all values is a given one.
///
/// torchgfn lowers all caps to the greatest exponent that the largest prime can have below H; give the
/// lowered caps to compare with it. Its rules that depend on the state are not here.
#[derive(Clone, Debug)]
pub struct MultiplicativeCoprime {
    grid: Hypergrid,
    tiers: Tiers,
    primes: Vec<usize>,
    caps: Vec<u32>,
    pairs: Vec<(usize, usize)>,
    /// The first tier that asks for coprime pairs.
    coprime_from: usize,
    /// For each tier, the least common multiple if one is asked for.
    multiples: Vec<Option<usize>>,
}

impl MultiplicativeCoprime {
    /// The reward on `grid` with `primes` and for each tier the highest exponent of any of them.
    ///
    /// # Errors
    /// As many caps as tiers are needed; a "prime" that is none, or is there twice.
    pub fn new(
        grid: Hypergrid,
        tiers: Tiers,
        primes: Vec<usize>,
        caps: Vec<u32>,
    ) -> Result<Self, EnvError> {
        tiers.expect_one_each("number of caps", caps.len())?;
        for (place, &prime) in primes.iter().enumerate() {
            in_range("a prime", prime, 2..=usize::from(u16::MAX))?;
            let divided = (2..prime).any(|d| prime.is_multiple_of(d));
            if divided || primes[..place].contains(&prime) {
                let expected = "a prime number, and in the list once";
                return Err(EnvError::out_of_range("a prime", prime, expected));
            }
        }
        Ok(Self {
            grid,
            multiples: vec![None; caps.len()],
            tiers,
            primes,
            caps,
            pairs: Vec::new(),
            coprime_from: 0,
        })
    }

    /// From tier `from` on, the values along each pair of dimensions must be coprime.
    ///
    /// # Errors
    /// A pair of one dimension, or with a dimension that does not exist.
    pub fn with_coprime_pairs(
        mut self,
        pairs: Vec<(usize, usize)>,
        from: usize,
    ) -> Result<Self, EnvError> {
        for &(a, b) in &pairs {
            if a == b || a.max(b) >= self.grid.dims() {
                let expected = format!("two dimensions below {}", self.grid.dims());
                return Err(EnvError::out_of_range(
                    "a pair",
                    format!("({a}, {b})"),
                    expected,
                ));
            }
        }
        self.pairs = pairs;
        self.coprime_from = from;
        Ok(self)
    }

    /// For each tier, the least common multiple that all values must have, if any.
    ///
    /// # Errors
    /// As many entries as tiers are needed, none of them 0.
    pub fn with_common_multiples(
        mut self,
        multiples: Vec<Option<usize>>,
    ) -> Result<Self, EnvError> {
        self.tiers
            .expect_one_each("number of common multiples", multiples.len())?;
        if multiples.contains(&Some(0)) {
            return Err(EnvError::out_of_range("a common multiple", 0, "at least 1"));
        }
        self.multiples = multiples;
        Ok(self)
    }

    fn is_supported(&self, mut value: usize, cap: u32) -> bool {
        for &prime in &self.primes {
            for _ in 0..cap {
                if !value.is_multiple_of(prime) {
                    break;
                }
                value /= prime;
            }
        }
        value == 1
    }
}

fn greatest_common_divisor(mut a: usize, mut b: usize) -> usize {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Tiered for MultiplicativeCoprime {
    fn grid(&self) -> &Hypergrid {
        &self.grid
    }

    fn tiers(&self) -> &Tiers {
        &self.tiers
    }

    fn passes(&self, cell: &Cell, tier: usize) -> bool {
        let value = |i: usize| usize::from(cell.0[i]) + 1;
        let values = || (0..self.grid.dims()).map(value);
        let coprime = |&(a, b): &(usize, usize)| greatest_common_divisor(value(a), value(b)) == 1;
        // Eight values of at most 16 bits: their common multiple can pass 64 bits.
        let multiple = || {
            values().try_fold(1_u128, |multiple, value| {
                let common = greatest_common_divisor((multiple % value as u128) as usize, value);
                multiple.checked_mul((value / common) as u128)
            })
        };
        values().all(|value| self.is_supported(value, self.caps[tier]))
            && (tier < self.coprime_from || self.pairs.iter().all(coprime))
            && self.multiples[tier].is_none_or(|wanted| multiple() == Some(wanted as u128))
    }
}

log_of_reward!(MultiplicativeCoprime, Cell);

#[cfg(test)]
mod tests {
    use anabranch_core::Enumerable;

    use super::super::Terminal;
    use super::*;

    fn passed(reward: &MultiplicativeCoprime, height: usize) -> usize {
        let cells = reward.grid().states();
        cells
            .iter()
            .filter(|cell| reward.height(cell) >= height)
            .count()
    }

    /// Values 1 to 12 with 2 and 3: 1 2 3 6 with exponents up to 1, and 4 12 9 with exponents up to 2
    /// (36 and 18 are too large), counted by hand. 8 needs an exponent of 3.
    #[test]
    fn counts_by_hand() {
        let grid = Hypergrid::new(2, 12, Terminal::All).unwrap();
        let tiers = || Tiers::new(0.1, vec![1.0, 10.0]).unwrap();
        let make = |caps| MultiplicativeCoprime::new(grid, tiers(), vec![2, 3], caps).unwrap();
        assert_eq!(passed(&make(vec![2, 1]), 1), 49);
        assert_eq!(passed(&make(vec![2, 1]), 2), 16);
        // Coprime pairs out of 1 2 3 6: those with a 1 (7), and 2 with 3 both ways.
        let coprime = make(vec![2, 1])
            .with_coprime_pairs(vec![(0, 1)], 1)
            .unwrap();
        assert_eq!((passed(&coprime, 1), passed(&coprime, 2)), (49, 9));
        // With the common multiple 6 of them: (1, 6), (2, 3) and the reverse.
        let six = coprime.with_common_multiples(vec![None, Some(6)]).unwrap();
        assert_eq!((passed(&six, 1), passed(&six, 2)), (49, 4));
        let z: f64 = grid.states().iter().map(|cell| six.reward(cell)).sum();
        assert!((z - (14.4 + 49.0 + 40.0)).abs() < 1e-9, "{z}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let grid = Hypergrid::new(8, 200, Terminal::All).unwrap();
        let tiers = Tiers::new(0.1, vec![1.0]).unwrap();
        let make = |primes, caps| MultiplicativeCoprime::new(grid, tiers.clone(), primes, caps);
        assert!(make(vec![2, 9], vec![1]).is_err());
        assert!(make(vec![2, 2], vec![1]).is_err());
        assert!(make(vec![2], vec![1, 1]).is_err());
        let reward = make(vec![2, 3], vec![7]).unwrap();
        assert!(reward.clone().with_coprime_pairs(vec![(1, 1)], 0).is_err());
        assert!(reward.clone().with_coprime_pairs(vec![(0, 8)], 0).is_err());
        assert!(reward.clone().with_common_multiples(vec![]).is_err());
        assert!(reward.clone().with_common_multiples(vec![Some(0)]).is_err());
        // Eight large coprime values: the multiple is not asked for in 64 bits.
        let primes = vec![199, 197, 193, 191, 181, 179, 173, 167];
        let cell = Cell([198, 196, 192, 190, 180, 178, 172, 166]);
        let large = make(primes, vec![1]).unwrap();
        let large = large.with_common_multiples(vec![Some(6)]).unwrap();
        assert!(!large.is_mode(&cell));
        assert!(Tiers::new(0.0, vec![1.0]).is_err());
        assert!(Tiers::new(0.1, vec![]).is_err());
        assert!(Tiers::new(0.1, vec![-1.0]).is_err());
    }
}
