//! An oscillating reward.

use std::f64::consts::PI;

use super::{Cell, Hypergrid};
use crate::log_of_reward::log_of_reward;

/// R(x) = 0.01 + prod_i (cos(50 x_i) + 1) N(5 x_i; 0, 1): `func_cos_N` of the code of
/// arXiv 2106.04399.
#[derive(Clone, Copy, Debug)]
pub struct Cosines {
    grid: Hypergrid,
}

impl Cosines {
    /// The reward on `grid`.
    pub fn new(grid: Hypergrid) -> Self {
        Self { grid }
    }

    /// R(x).
    pub fn reward(&self, cell: &Cell) -> f64 {
        let factor = |&c: &u16| {
            let x = 2.0 * f64::from(c) / (self.grid.side - 1) as f64 - 1.0;
            let normal = (-0.5 * (5.0 * x).powi(2)).exp() / (2.0 * PI).sqrt();
            ((50.0 * x).cos() + 1.0) * normal
        };
        0.01 + self
            .grid
            .coordinates(cell)
            .iter()
            .map(factor)
            .product::<f64>()
    }
}

log_of_reward!(Cosines, Cell);

#[cfg(test)]
mod tests {
    use super::super::Terminal;
    use super::*;

    /// Reference values of the formula, by an independent floating-point evaluation (Python).
    #[test]
    fn cosines_reward() {
        let grid = Hypergrid::new(2, 9, Terminal::All).unwrap();
        let reward = grid.cosines();
        let centre = reward.reward(&Cell([4, 4, 0, 0, 0, 0, 0, 0]));
        // (2 / sqrt(2 pi))^2 + 0.01 = 2 / pi + 0.01.
        assert!((centre - 0.646_619_772_367_581_4).abs() < 1e-12, "{centre}");
        let value = reward.reward(&Cell([3, 6, 0, 0, 0, 0, 0, 0]));
        assert!((value - 0.022735747593365923).abs() < 1e-12, "{value}");
    }
}
