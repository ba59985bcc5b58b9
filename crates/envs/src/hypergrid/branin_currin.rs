//! Two test functions of optimisation, weighed against each other.

use std::f64::consts::PI;

use anabranch_core::{Reward, RewardError};

use super::{Cell, Hypergrid};
use crate::EnvError;
use crate::counting::{finite, in_range, positive};

/// R(x) = (w_1 branin(x) + w_2 currin(x))^beta on a grid of two dimensions: the conditional grid of
/// Bengio et al. 2023 (arXiv 2111.09266) as `cond_grid_dag.py` of its code has it.
///
/// Branin is 1 - value / 308.13, Currin its value cut at 0 and divided by 13.77. The script uses a grid
/// of side 32 with [`Terminal::Border`](super::Terminal::Border), w from Dirichlet(1.5, 1.5) and beta
/// from Gamma(2, 1).
#[derive(Clone, Copy, Debug)]
pub struct BraninCurrin {
    grid: Hypergrid,
    weights: [f64; 2],
    beta: f64,
    low: f64,
    high: f64,
}

impl BraninCurrin {
    /// The reward on `grid` with the weights w of Branin and Currin and the exponent beta, both
    /// coordinates running from 0 to 1: the range in which the script runs. There Branin is at least
    /// 0.2 and Currin positive.
    ///
    /// # Errors
    /// A grid that has not two dimensions, weights that are negative or both 0, or a beta that is not
    /// positive and finite.
    pub fn new(grid: Hypergrid, weights: [f64; 2], beta: f64) -> Result<Self, EnvError> {
        in_range("dims", grid.dims(), 2..=2)?;
        if weights.iter().any(|w| !(w.is_finite() && *w >= 0.0)) || weights == [0.0; 2] {
            return Err(EnvError::out_of_range(
                "weights",
                format!("{weights:?}"),
                "finite and not negative, one of them positive",
            ));
        }
        positive("beta", beta)?;
        Ok(Self {
            grid,
            weights,
            beta,
            low: 0.0,
            high: 1.0,
        })
    }

    /// The same with coordinates from `low` to `high`; -1 to 1 is the default of the script's class,
    /// which its main program does not use. Below 0 Currin is 0 in places.
    ///
    /// # Errors
    /// Ends that are not finite or not in order.
    pub fn with_range(mut self, low: f64, high: f64) -> Result<Self, EnvError> {
        finite("low", low)?;
        finite("high", high)?;
        if low >= high {
            let expected = format!("above low, {low}");
            return Err(EnvError::out_of_range("high", high, expected));
        }
        (self.low, self.high) = (low, high);
        Ok(self)
    }

    /// Both functions at `cell`, scaled: Branin and Currin.
    pub fn objectives(&self, cell: &Cell) -> [f64; 2] {
        let last = (self.grid.side() - 1) as f64;
        let at = |i: usize| self.low + (self.high - self.low) * f64::from(cell.0[i]) / last;
        let (x, y) = (at(0), at(1));
        [branin(x, y), currin(x, y)]
    }
}

fn branin(x: f64, y: f64) -> f64 {
    let x = 15.0 * (x / 2.0 + 0.5) - 5.0;
    let y = 15.0 * (y / 2.0 + 0.5);
    let root = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 5.0;
    let value = root * root + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0;
    1.0 - value / 308.13
}

fn currin(x: f64, y: f64) -> f64 {
    let factor = 1.0 - (-1.0 / (2.0 * y + 1e-10)).exp();
    let above = 2300.0 * x.powi(3) + 1900.0 * x * x + 2092.0 * x + 60.0;
    let below = 100.0 * x.powi(3) + 500.0 * x * x + 4.0 * x + 20.0;
    (factor * above / below).max(0.0) / 13.77
}

impl Reward<Cell> for BraninCurrin {
    fn log_reward(&self, objects: &[Cell]) -> Result<Vec<f64>, RewardError> {
        let score = |cell: &Cell| {
            let [branin, currin] = self.objectives(cell);
            let sum = self.weights[0] * branin + self.weights[1] * currin;
            let value = self.beta * sum.ln();
            if value.is_finite() {
                return Ok(value);
            }
            Err(RewardError::NotFinite {
                object: format!("{:?}", self.grid.coordinates(cell)),
                value: sum.powf(self.beta),
            })
        };
        objects.iter().map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use anabranch_core::Enumerable;
    use anabranch_core::logspace::log_sum_exp;

    use super::super::Terminal;
    use super::*;

    fn grid() -> Hypergrid {
        Hypergrid::new(2, 32, Terminal::Border).unwrap()
    }

    /// Values of the formulas by an independent evaluation (Python).
    #[test]
    fn values_and_log_z() {
        let reward = BraninCurrin::new(grid(), [0.3, 0.7], 2.0).unwrap();
        for (x, y, branin, currin, r) in [
            (
                0,
                0,
                0.8881222042517207,
                0.2178649237472767,
                0.17551248977053047,
            ),
            (
                10,
                3,
                0.7571119365164511,
                0.9509048390867743,
                0.7970328597155655,
            ),
            (
                5,
                31,
                0.34618692575541066,
                0.3828400638291622,
                0.13826805136865933,
            ),
            (
                30,
                30,
                0.44957155884001543,
                0.29909773735846945,
                0.11850109760065698,
            ),
        ] {
            let cell = Cell([x, y, 0, 0, 0, 0, 0, 0]);
            let values = reward.objectives(&cell);
            assert!((values[0] - branin).abs() < 1e-12 && (values[1] - currin).abs() < 1e-12);
            let score = reward.log_reward(&[cell]).unwrap()[0];
            assert!((score.exp() - r).abs() < 1e-12, "{score}");
        }
        let reward = BraninCurrin::new(grid(), [0.5, 0.5], 4.0).unwrap();
        let cells = grid().states();
        assert_eq!(cells.len(), 1023);
        let log_z = log_sum_exp(&reward.log_reward(&cells).unwrap());
        assert!((log_z - 5.122151264051262).abs() < 1e-10, "{log_z}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let cube = Hypergrid::new(3, 8, Terminal::All).unwrap();
        assert!(BraninCurrin::new(cube, [0.5, 0.5], 1.0).is_err());
        assert!(BraninCurrin::new(grid(), [0.0, 0.0], 1.0).is_err());
        assert!(BraninCurrin::new(grid(), [-0.1, 1.1], 1.0).is_err());
        assert!(BraninCurrin::new(grid(), [0.5, 0.5], 0.0).is_err());
        let wide = BraninCurrin::new(grid(), [0.0, 1.0], 1.0).unwrap();
        assert!(wide.with_range(1.0, 0.0).is_err());
        let wide = wide.with_range(-1.0, 1.0).unwrap();
        // At (1, -1) Currin is below 0 and cut.
        let corner = Cell([31, 0, 0, 0, 0, 0, 0, 0]);
        let error = wide.log_reward(&[corner]).unwrap_err().to_string();
        assert!(error.contains("[31, 0] is 0;"), "{error}");
    }
}
