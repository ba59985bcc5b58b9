//! The reward of the papers: corners, and bands in them.

use super::{Cell, Hypergrid};
use crate::EnvError;
use crate::counting::positive;
use crate::log_of_reward::log_of_reward;

/// R(x) = r0 + r1 prod_i 1\[|x_i| > 1/2\] + r2 prod_i 1\[0.6 < |x_i| < 0.8\] with x_i = 2 c_i / (H-1) - 1
/// (arXiv 2106.04399, section 4.1); the indicators are evaluated in integers.
#[derive(Clone, Copy, Debug)]
pub struct Corners {
    grid: Hypergrid,
    r0: f64,
    r1: f64,
    r2: f64,
}

impl Corners {
    /// The reward on `grid` with all three constants.
    ///
    /// # Errors
    /// `r0` that is not positive, `r1` or `r2` negative, or any of them not finite.
    pub fn new(grid: Hypergrid, r0: f64, r1: f64, r2: f64) -> Result<Self, EnvError> {
        positive("r0", r0)?;
        for (name, value) in [("r1", r1), ("r2", r2)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(EnvError::out_of_range(
                    name,
                    value,
                    "finite and not negative",
                ));
            }
        }
        Ok(Self { grid, r0, r1, r2 })
    }

    /// r0 = 0.001, r1 = 0.5, r2 = 2: what gfnx calls easy.
    pub fn easy(grid: Hypergrid) -> Self {
        Self {
            grid,
            r0: 1e-3,
            r1: 0.5,
            r2: 2.0,
        }
    }

    /// r0 = 0.0001, r1 = 1, r2 = 3: what gfnx calls hard (Madan et al. 2023, arXiv 2209.12782).
    pub fn hard(grid: Hypergrid) -> Self {
        Self {
            grid,
            r0: 1e-4,
            r1: 1.0,
            r2: 3.0,
        }
    }

    /// R(x).
    pub fn reward(&self, cell: &Cell) -> f64 {
        let outer = if self.grid.is_outer(cell) {
            self.r1
        } else {
            0.0
        };
        let mode = if self.grid.is_mode(cell) {
            self.r2
        } else {
            0.0
        };
        self.r0 + outer + mode
    }
}

log_of_reward!(Corners, Cell);

#[cfg(test)]
mod tests {
    use anabranch_core::Enumerable;

    use super::super::Terminal;
    use super::*;

    /// H = 8, D = 2: of the 8 coordinates along an axis 4 are outer and 2 in the band.
    #[test]
    fn named_constants() {
        let grid = Hypergrid::new(2, 8, Terminal::All).unwrap();
        for (reward, z) in [
            (Corners::easy(grid), 64.0 * 1e-3 + 16.0 * 0.5 + 4.0 * 2.0),
            (Corners::hard(grid), 64.0 * 1e-4 + 16.0 * 1.0 + 4.0 * 3.0),
        ] {
            let sum: f64 = grid.states().iter().map(|cell| reward.reward(cell)).sum();
            assert!((sum - z).abs() < 1e-9, "{sum}");
        }
    }
}
