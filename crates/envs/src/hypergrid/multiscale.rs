//! Digits of coordinates, each restricted by the coarser ones.

use anabranch_core::Seed;
use rand::RngExt;

use super::{Cell, Hypergrid, Tiered, Tiers};
use crate::EnvError;
use crate::counting::{in_range, power};
use crate::log_of_reward::log_of_reward;

/// The `conditional_multiscale` reward of torchgfn. Coordinates are written with L digits in base b,
/// H = b^L. Tier t passes where for every dimension the digit t (from the coarsest on), shifted by a sum
/// of the coarser digits times fixed coefficients, is below the width f modulo b.
///
/// With several rules the coarsest digits of all dimensions choose the rule, and each rule has
/// coefficients of its own. However many there are, (f^t b^(L-t))^D cells pass the first t tiers. The
/// coefficients come from our own streams, so they are not those of torchgfn for the same seed; its
/// conditions across dimensions and constant shifts are not here.
#[derive(Clone, Debug)]
pub struct ConditionalMultiscale {
    grid: Hypergrid,
    tiers: Tiers,
    base: usize,
    levels: usize,
    width: usize,
    seed: Seed,
    /// `[rules][tiers][coarser digits]`
    coefficients: Vec<Vec<Vec<usize>>>,
}

impl ConditionalMultiscale {
    /// The reward on `grid` in base `base`, of which `width` digits pass each tier (torchgfn: base 4 and
    /// half of it), with one rule.
    ///
    /// # Errors
    /// H that is no power of the base, more tiers than digits, a base below 2, or a width outside 1 to
    /// the base.
    pub fn new(
        grid: Hypergrid,
        tiers: Tiers,
        base: usize,
        width: usize,
        seed: Seed,
    ) -> Result<Self, EnvError> {
        in_range("base", base, 2..=grid.side())?;
        in_range("width", width, 1..=base)?;
        let levels = grid.side().ilog(base) as usize;
        if power(base, levels) != grid.side() {
            let expected = format!("a power of the base {base}");
            return Err(EnvError::out_of_range("side", grid.side(), expected));
        }
        in_range("number of tiers", tiers.weights().len(), 1..=levels)?;
        let reward = Self {
            grid,
            tiers,
            base,
            levels,
            width,
            seed,
            coefficients: Vec::new(),
        };
        reward.with_rules(1)
    }

    /// The same with `rules` rules.
    ///
    /// # Errors
    /// No rules, or more than the width^D patterns of coarsest digits that pass the first tier.
    pub fn with_rules(mut self, rules: usize) -> Result<Self, EnvError> {
        in_range("rules", rules, 1..=power(self.width, self.grid.dims()))?;
        let rule = |rule: usize| {
            let mut stream = self.seed.stream("hypergrid_multiscale", &[rule as u64]);
            let mut digits = |n: usize| (0..n).map(|_| stream.random_range(0..self.base)).collect();
            let tiers = 0..self.tiers.weights().len();
            tiers.map(&mut digits).collect()
        };
        self.coefficients = (0..rules).map(rule).collect();
        Ok(self)
    }

    /// Digit `place` of a coordinate, the coarsest being 0.
    fn digit(&self, coordinate: u16, place: usize) -> usize {
        usize::from(coordinate) / power(self.base, self.levels - 1 - place) % self.base
    }

    /// The rule that holds for `cell`, by the coarsest digits.
    pub fn rule(&self, cell: &Cell) -> usize {
        let digits = self.grid.coordinates(cell).iter().rev();
        let packed = digits.fold(0, |number, &c| {
            number * self.width + self.digit(c, 0) % self.width
        });
        packed % self.coefficients.len()
    }
}

impl Tiered for ConditionalMultiscale {
    fn grid(&self) -> &Hypergrid {
        &self.grid
    }

    fn tiers(&self) -> &Tiers {
        &self.tiers
    }

    fn passes(&self, cell: &Cell, tier: usize) -> bool {
        let coefficients = &self.coefficients[self.rule(cell)][tier];
        self.grid.coordinates(cell).iter().all(|&c| {
            let terms = coefficients.iter().enumerate();
            let shift: usize = terms.map(|(place, a)| a * self.digit(c, place)).sum();
            (self.digit(c, tier) + shift) % self.base < self.width
        })
    }
}

log_of_reward!(ConditionalMultiscale, Cell);

#[cfg(test)]
mod tests {
    use anabranch_core::Enumerable;

    use super::super::Terminal;
    use super::*;

    /// Z = base H^D + sum of w_t (f^t b^(L-t))^D, for any number of rules.
    #[test]
    fn the_closed_form_of_z() {
        for (dims, base, levels, width, rules) in [
            (2, 4, 2, 2, 1),
            (2, 4, 2, 2, 4),
            (2, 2, 4, 1, 1),
            (3, 3, 2, 2, 5),
            (1, 4, 3, 3, 3),
        ] {
            let side = power(base, levels);
            let grid = Hypergrid::new(dims, side, Terminal::All).unwrap();
            let weights = [1.0, 10.0, 100.0];
            let weights = weights[..levels.min(3)].to_vec();
            let tiers = Tiers::new(0.25, weights.clone()).unwrap();
            let reward =
                ConditionalMultiscale::new(grid, tiers, base, width, Seed::new(42)).unwrap();
            let reward = reward.with_rules(rules).unwrap();
            let z: f64 = grid.states().iter().map(|cell| reward.reward(cell)).sum();
            let passed = |t: usize| power(power(width, t) * power(base, levels - t), dims) as f64;
            let tiers = (1..).zip(&weights).map(|(t, w)| w * passed(t));
            let expected = 0.25 * power(side, dims) as f64 + tiers.sum::<f64>();
            assert!((z - expected).abs() < 1e-6, "{z} {expected}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let grid = Hypergrid::new(2, 16, Terminal::All).unwrap();
        let make = |base, width, tiers: usize| {
            let tiers = Tiers::new(0.1, vec![1.0; tiers]).unwrap();
            ConditionalMultiscale::new(grid, tiers, base, width, Seed::new(0))
        };
        assert!(make(3, 2, 1).is_err());
        assert!(make(4, 5, 1).is_err());
        assert!(make(4, 2, 3).is_err());
        assert!(make(1, 1, 1).is_err());
        assert!(make(4, 2, 2).unwrap().with_rules(5).is_err());
        assert!(make(4, 2, 2).unwrap().with_rules(0).is_err());
    }
}
