//! A reward in tiers with mistakes in it.

use anabranch_core::{Reward, RewardError, Seed};
use rand::RngExt;

use super::uniform_random::uniform;
use super::{Cell, Hypergrid, Tiered, Tiers};
use crate::EnvError;
use crate::counting::power;

/// Cells among which the share that passes a tier is counted; of larger grids as many are drawn.
const COUNTED: usize = 1 << 16;

/// Another reward in tiers, some of whose passes were moved to cells at random: at each tier a cell that
/// passes loses that with the corruption rate, and one that does not pass gains it with the rate that
/// keeps the expected number of passes.
///
/// The `corrupted` reward of torchgfn (rate 0.2), with the moves by our own streams. Shares are taken
/// over all H^D cells, exactly up to 65,536 of them and otherwise over as many draws.
#[derive(Clone, Debug)]
pub struct Corrupted<T> {
    inner: T,
    rate: f64,
    seed: Seed,
    /// For each tier, the probability that a cell which does not pass is made to.
    gains: Vec<f64>,
}

impl<T: Tiered> Corrupted<T> {
    /// The reward `inner` with the corruption rate `rate`.
    ///
    /// # Errors
    /// A rate outside 0 to 1, or of 1.
    pub fn new(inner: T, rate: f64, seed: Seed) -> Result<Self, EnvError> {
        if !(0.0..1.0).contains(&rate) {
            let expected = "at least 0 and below 1";
            return Err(EnvError::out_of_range("corruption rate", rate, expected));
        }
        let cells = cells(inner.grid(), seed);
        let gain = |tier: usize| {
            let passed = cells.iter().filter(|c| inner.passes(c, tier)).count();
            let others = cells.len() - passed;
            // Where all pass there is no cell to gain.
            (rate * passed as f64 / others.max(1) as f64).min(1.0)
        };
        let gains = (0..inner.tiers().weights().len()).map(gain).collect();
        Ok(Self {
            gains,
            inner,
            rate,
            seed,
        })
    }

    /// The reward without mistakes.
    pub fn inner(&self) -> &T {
        &self.inner
    }
}

/// All cells of a small cube, or some of a large one.
fn cells(grid: &Hypergrid, seed: Seed) -> Vec<Cell> {
    let (dims, side) = (grid.dims(), grid.side());
    let number = power(side, dims);
    let mut stream = seed.stream("hypergrid_corrupted_sample", &[]);
    (0..number.min(COUNTED))
        .map(|place| {
            let drawn = number > COUNTED;
            let mut place = if drawn {
                stream.random_range(0..number)
            } else {
                place
            };
            let mut cell = Cell([0; super::MAX_DIMS]);
            for c in &mut cell.0[..dims] {
                *c = (place % side) as u16;
                place /= side;
            }
            cell
        })
        .collect()
}

impl<T: Tiered> Tiered for Corrupted<T> {
    fn grid(&self) -> &Hypergrid {
        self.inner.grid()
    }

    fn tiers(&self) -> &Tiers {
        self.inner.tiers()
    }

    fn passes(&self, cell: &Cell, tier: usize) -> bool {
        if self.inner.passes(cell, tier) {
            uniform(self.seed, "hypergrid_corrupted_loss", tier, cell) >= self.rate
        } else {
            uniform(self.seed, "hypergrid_corrupted_gain", tier, cell) < self.gains[tier]
        }
    }
}

impl<T: Tiered> Reward<Cell> for Corrupted<T> {
    fn log_reward(&self, objects: &[Cell]) -> Result<Vec<f64>, RewardError> {
        Ok(objects.iter().map(|cell| self.reward(cell).ln()).collect())
    }
}

#[cfg(test)]
mod tests {
    use anabranch_core::Enumerable;

    use super::super::{BitwiseXor, Terminal};
    use super::*;

    #[test]
    fn passes_are_moved() {
        let grid = Hypergrid::new(2, 64, Terminal::All).unwrap();
        let tiers = Tiers::new(0.1, vec![1.0, 10.0]).unwrap();
        let inner = BitwiseXor::new(grid, tiers, vec![(0, 0), (0, 1)]).unwrap();
        let same = Corrupted::new(inner.clone(), 0.0, Seed::new(3)).unwrap();
        let other = Corrupted::new(inner.clone(), 0.2, Seed::new(3)).unwrap();
        let cells = grid.states();
        for tier in 0..2 {
            let passed = |cell: &&Cell| inner.passes(cell, tier);
            let before = cells.iter().filter(passed).count() as f64;
            let kept = cells.iter().filter(passed);
            let kept = kept.filter(|cell| other.passes(cell, tier)).count() as f64;
            let after = cells.iter().filter(|c| other.passes(c, tier)).count() as f64;
            // 2,048 and 1,024 passes; five standard deviations of the moves are below 0.1 of them.
            assert!((kept / before - 0.8).abs() < 0.06, "{kept} of {before}");
            assert!((after / before - 1.0).abs() < 0.1, "{after} of {before}");
        }
        assert!(cells.iter().all(|c| same.reward(c) == inner.reward(c)));
        assert!(Corrupted::new(inner, 1.0, Seed::new(0)).is_err());
    }
}
