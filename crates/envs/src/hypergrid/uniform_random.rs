//! Modes at random.

use anabranch_core::Seed;
use rand::RngExt;

use super::{Cell, Hypergrid};
use crate::EnvError;
use crate::counting::positive;
use crate::log_of_reward::log_of_reward;

/// A number from 0 to 1 that depends on the seed, a purpose, a number and the cell only.
pub(super) fn uniform(seed: Seed, purpose: &str, number: usize, cell: &Cell) -> f64 {
    let numbers = [number as u64].into_iter();
    let numbers: Vec<u64> = numbers.chain(cell.0.map(u64::from)).collect();
    seed.stream(purpose, &numbers).random()
}

/// R(x) = r0 + bonus in cells that are modes, each with the same probability and independently, and r0
/// elsewhere: nothing can be learnt but the cells themselves.
///
/// The `uniform_random` reward of torchgfn (r0 = 0.1, bonus 2, probability 0.01), with modes by our own
/// streams.
#[derive(Clone, Copy, Debug)]
pub struct UniformRandom {
    grid: Hypergrid,
    r0: f64,
    bonus: f64,
    probability: f64,
    seed: Seed,
}

impl UniformRandom {
    /// The reward on `grid`, its modes drawn by `seed`.
    ///
    /// # Errors
    /// `r0` or `bonus` that is not positive and finite, or a probability that is not between 0 and 1.
    pub fn new(
        grid: Hypergrid,
        r0: f64,
        bonus: f64,
        probability: f64,
        seed: Seed,
    ) -> Result<Self, EnvError> {
        positive("r0", r0)?;
        positive("bonus", bonus)?;
        if !(probability > 0.0 && probability < 1.0) {
            let expected = "between 0 and 1";
            return Err(EnvError::out_of_range("probability", probability, expected));
        }
        Ok(Self {
            grid,
            r0,
            bonus,
            probability,
            seed,
        })
    }

    /// The grid.
    pub fn grid(&self) -> &Hypergrid {
        &self.grid
    }

    /// Whether `cell` is a mode.
    pub fn is_mode(&self, cell: &Cell) -> bool {
        uniform(self.seed, "hypergrid_uniform_random", 0, cell) < self.probability
    }

    /// R(x).
    pub fn reward(&self, cell: &Cell) -> f64 {
        self.r0 + if self.is_mode(cell) { self.bonus } else { 0.0 }
    }
}

log_of_reward!(UniformRandom, Cell);

#[cfg(test)]
mod tests {
    use anabranch_core::Enumerable;

    use super::super::Terminal;
    use super::*;

    #[test]
    fn as_many_modes_as_expected() {
        let grid = Hypergrid::new(2, 64, Terminal::All).unwrap();
        let modes = |seed| -> Vec<Cell> {
            let reward = UniformRandom::new(grid, 0.1, 2.0, 0.1, Seed::new(seed)).unwrap();
            let mut cells = grid.states();
            cells.retain(|cell| reward.is_mode(cell));
            cells
        };
        // 409.6 of 4,096 cells, with a standard deviation of 19.2.
        let count = modes(1).len();
        assert!((330..490).contains(&count), "{count}");
        assert_eq!(modes(1), modes(1));
        assert_ne!(modes(1), modes(2));
        assert!(UniformRandom::new(grid, 0.1, 2.0, 1.0, Seed::new(0)).is_err());
        assert!(UniformRandom::new(grid, 0.1, 0.0, 0.5, Seed::new(0)).is_err());
    }
}
