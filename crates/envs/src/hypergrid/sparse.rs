//! A reward in a few cells only.

use super::{Cell, Hypergrid};
use crate::EnvError;
use crate::counting::positive;
use crate::log_of_reward::log_of_reward;

/// R(x) = floor + 1 in the cells whose coordinates are all 1 or H - 2 with at least one H - 2, and the
/// floor elsewhere: 2^D - 1 cells.
///
/// Pan et al. 2022 (arXiv 2210.03308), with the floor 1e-12 in torchgfn.
#[derive(Clone, Copy, Debug)]
pub struct Sparse {
    grid: Hypergrid,
    floor: f64,
}

impl Sparse {
    /// The reward on `grid` with the reward `floor` of all other cells.
    ///
    /// # Errors
    /// A floor that is not positive and finite.
    pub fn new(grid: Hypergrid, floor: f64) -> Result<Self, EnvError> {
        positive("floor", floor)?;
        Ok(Self { grid, floor })
    }

    /// Whether `cell` is one of the rewarded cells.
    pub fn is_mode(&self, cell: &Cell) -> bool {
        let far = self.grid.side() - 2;
        let mut coordinates = self.grid.coordinates(cell).iter().map(|&c| usize::from(c));
        coordinates.clone().all(|c| c == 1 || c == far) && coordinates.any(|c| c == far)
    }

    /// R(x).
    pub fn reward(&self, cell: &Cell) -> f64 {
        self.floor + f64::from(self.is_mode(cell))
    }
}

log_of_reward!(Sparse, Cell);

#[cfg(test)]
mod tests {
    use anabranch_core::Enumerable;

    use super::super::Terminal;
    use super::*;

    #[test]
    fn all_corners_but_one() {
        for (dims, side) in [(1, 5), (2, 8), (4, 6)] {
            let grid = Hypergrid::new(dims, side, Terminal::All).unwrap();
            let reward = Sparse::new(grid, 1e-3).unwrap();
            let cells = grid.states();
            let modes = cells.iter().filter(|cell| reward.is_mode(cell)).count();
            assert_eq!(modes, (1 << dims) - 1);
            let z: f64 = cells.iter().map(|cell| reward.reward(cell)).sum();
            assert!((z - modes as f64 - 1e-3 * cells.len() as f64).abs() < 1e-9);
        }
        let grid = Hypergrid::new(2, 8, Terminal::All).unwrap();
        assert!(Sparse::new(grid, 0.0).is_err());
    }
}
