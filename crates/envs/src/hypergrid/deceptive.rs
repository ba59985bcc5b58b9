//! A reward that leads away from its modes.

use super::{Cell, Hypergrid};
use crate::EnvError;
use crate::counting::{finite, positive};
use crate::log_of_reward::log_of_reward;

/// R(x) = r0 + r1 (1 - prod_i 1\[|x_i| > 0.2\]) + r2 prod_i 1\[0.6 < |x_i| < 0.8\] with
/// x_i = 2 c_i / (H-1) - 1: near an axis of the grid there is a little reward, around the modes less.
///
/// Kim et al. 2025 (arXiv 2410.01432) as their code and torchgfn have it, the formula of the paper being
/// another. The indicators are evaluated in integers, as those of [`Corners`](super::Corners).
#[derive(Clone, Copy, Debug)]
pub struct Deceptive {
    grid: Hypergrid,
    r0: f64,
    r1: f64,
    r2: f64,
}

impl Deceptive {
    /// The reward on `grid`; in the code r0 = 1e-5, r1 = 0.1, r2 = 2.
    ///
    /// # Errors
    /// `r0` that is not positive, `r1` or `r2` negative, or any of them not finite.
    pub fn new(grid: Hypergrid, r0: f64, r1: f64, r2: f64) -> Result<Self, EnvError> {
        positive("r0", r0)?;
        for (name, value) in [("r1", r1), ("r2", r2)] {
            finite(name, value)?;
            if value < 0.0 {
                return Err(EnvError::out_of_range(name, value, "not negative"));
            }
        }
        Ok(Self { grid, r0, r1, r2 })
    }

    /// Whether no coordinate lies in the inner strip |x| <= 0.2.
    pub fn is_off_axes(&self, cell: &Cell) -> bool {
        let coordinates = self.grid.coordinates(cell).iter();
        let last = self.grid.side() - 1;
        coordinates
            .map(|&c| self.grid.off_centre(c))
            .all(|off| 5 * off > last)
    }

    /// R(x).
    pub fn reward(&self, cell: &Cell) -> f64 {
        let near = if self.is_off_axes(cell) { 0.0 } else { self.r1 };
        let mode = if self.grid.is_mode(cell) {
            self.r2
        } else {
            0.0
        };
        self.r0 + near + mode
    }
}

log_of_reward!(Deceptive, Cell);

#[cfg(test)]
mod tests {
    use anabranch_core::Enumerable;

    use super::super::Terminal;
    use super::*;

    /// Coordinates with |x| > 0.2 and in the band, by hand: H = 16 has cells 0-5 and 10-15 (6 lies on
    /// |x| = 0.2) and {2, 13}; H = 8 has 0-2 and 5-7, and {1, 6}.
    #[test]
    fn log_z_from_the_strips() {
        for (dims, side, off_axes, band) in [(2, 16, 12, 2), (2, 8, 6, 2), (3, 8, 6, 2)] {
            let grid = Hypergrid::new(dims, side, Terminal::All).unwrap();
            let reward = Deceptive::new(grid, 1e-5, 0.1, 2.0).unwrap();
            let z: f64 = grid.states().iter().map(|cell| reward.reward(cell)).sum();
            let count = |along: i32| f64::from(along.pow(dims as u32));
            let expected =
                (1e-5 + 0.1) * count(side as i32) - 0.1 * count(off_axes) + 2.0 * count(band);
            assert!((z - expected).abs() < 1e-9, "{dims} {side}: {z} {expected}");
        }
        let grid = Hypergrid::new(2, 8, Terminal::All).unwrap();
        assert!(Deceptive::new(grid, 0.0, 0.1, 2.0).is_err());
        assert!(Deceptive::new(grid, 1e-5, -0.1, 2.0).is_err());
        assert!(Deceptive::new(grid, 1e-5, 0.1, f64::INFINITY).is_err());
    }
}
