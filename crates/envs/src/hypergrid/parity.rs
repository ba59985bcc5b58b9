//! Parities of the bits of coordinates.

use super::{Cell, Hypergrid, Tiered, Tiers};
use crate::EnvError;
use crate::counting::in_range;
use crate::log_of_reward::log_of_reward;

/// A parity check: over some dimensions, the number of ones at a bit is even, or odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parity {
    /// Dimension i takes part where bit i is 1.
    pub dims: u8,
    /// Whether the number of ones must be odd.
    pub odd: bool,
}

/// The `bitwise_xor` reward of torchgfn: tier t passes where its parity checks hold at every bit of its
/// window of bits. Modes are spread over the whole grid.
///
/// The trunk of that reward; its rules that depend on the state (`n_rules` above 1) are not here.
#[derive(Clone, Debug)]
pub struct BitwiseXor {
    grid: Hypergrid,
    tiers: Tiers,
    /// Lowest and highest bit of each tier.
    windows: Vec<(u32, u32)>,
    /// Checks of each tier.
    checks: Vec<Vec<Parity>>,
}

impl BitwiseXor {
    /// The reward on `grid` with a window of bits for each tier, lowest and highest, counted from 0. The
    /// check of every tier is even parity over all dimensions.
    ///
    /// torchgfn's windows are (0, 5), (0, 7) and (0, 9), cut at the highest bit of H - 1; windows that
    /// are equal after that ask for nothing new, so they are not cut here but refused.
    ///
    /// # Errors
    /// As many windows as tiers are needed, each within the bits of H - 1.
    pub fn new(grid: Hypergrid, tiers: Tiers, windows: Vec<(u32, u32)>) -> Result<Self, EnvError> {
        tiers.expect_one_each("number of windows", windows.len())?;
        let bits = (grid.side() - 1).ilog2() as usize + 1;
        for &(low, high) in &windows {
            in_range("highest bit of a window", high as usize, 0..=bits - 1)?;
            in_range("lowest bit of a window", low as usize, 0..=high as usize)?;
        }
        let all = Parity {
            dims: u8::MAX >> (8 - grid.dims()),
            odd: false,
        };
        Ok(Self {
            grid,
            checks: vec![vec![all]; windows.len()],
            tiers,
            windows,
        })
    }

    /// The same with other checks for each tier.
    ///
    /// # Errors
    /// As many lists as tiers are needed; a check of no dimension or of one that does not exist.
    pub fn with_checks(mut self, checks: Vec<Vec<Parity>>) -> Result<Self, EnvError> {
        self.tiers
            .expect_one_each("number of lists of checks", checks.len())?;
        let highest = (1 << self.grid.dims()) - 1;
        for check in checks.iter().flatten() {
            in_range(
                "dimensions of a check, as bits",
                check.dims.into(),
                1..=highest,
            )?;
        }
        self.checks = checks;
        Ok(self)
    }
}

impl Tiered for BitwiseXor {
    fn grid(&self) -> &Hypergrid {
        &self.grid
    }

    fn tiers(&self) -> &Tiers {
        &self.tiers
    }

    fn passes(&self, cell: &Cell, tier: usize) -> bool {
        let (low, high) = self.windows[tier];
        let width = high - low + 1;
        self.checks[tier].iter().all(|check| {
            let coordinates = self.grid.coordinates(cell).iter().enumerate();
            let taken = coordinates.filter(|(i, _)| check.dims >> i & 1 == 1);
            let parities = taken.fold(0, |sum, (_, &c)| sum ^ u32::from(c)) >> low;
            let wanted = if check.odd { u32::MAX } else { 0 };
            (parities ^ wanted) & (u32::MAX >> (32 - width)) == 0
        })
    }
}

log_of_reward!(BitwiseXor, Cell);

#[cfg(test)]
mod tests {
    use anabranch_core::Enumerable;

    use super::super::Terminal;
    use super::*;

    /// One check halves the cells for each bit of its window: H = 2^B, D dims give 2^(BD - bits) cells.
    #[test]
    fn each_bit_halves_the_cells() {
        let grid = Hypergrid::new(3, 8, Terminal::All).unwrap();
        let tiers = Tiers::new(0.5, vec![1.0, 10.0, 100.0]).unwrap();
        let reward = BitwiseXor::new(grid, tiers, vec![(0, 0), (0, 1), (0, 2)]).unwrap();
        let cells = grid.states();
        for (height, count) in [(1, 256), (2, 128), (3, 64)] {
            let passed = cells.iter().filter(|cell| reward.height(cell) >= height);
            assert_eq!(passed.count(), count);
        }
        let z: f64 = cells.iter().map(|cell| reward.reward(cell)).sum();
        assert_eq!(z, 0.5 * 512.0 + 256.0 + 1280.0 + 6400.0);
    }

    #[test]
    fn own_checks() {
        let grid = Hypergrid::new(3, 4, Terminal::All).unwrap();
        let tiers = Tiers::new(0.5, vec![1.0]).unwrap();
        let reward = BitwiseXor::new(grid, tiers.clone(), vec![(1, 1)]).unwrap();
        let checks = vec![
            Parity {
                dims: 0b011,
                odd: true,
            },
            Parity {
                dims: 0b100,
                odd: false,
            },
        ];
        let reward = reward.with_checks(vec![checks]).unwrap();
        // Bit 1 of x is not that of y, and bit 1 of z is 0.
        for cell in grid.states() {
            let bit = |i: usize| cell.0[i] >> 1 & 1;
            assert_eq!(reward.is_mode(&cell), bit(0) != bit(1) && bit(2) == 0);
        }
        let foreign = vec![vec![Parity {
            dims: 0b1000,
            odd: false,
        }]];
        assert!(reward.with_checks(foreign).is_err());
        assert!(BitwiseXor::new(grid, tiers.clone(), vec![(0, 2)]).is_err());
        assert!(BitwiseXor::new(grid, tiers.clone(), vec![(1, 0)]).is_err());
        assert!(BitwiseXor::new(grid, tiers, vec![]).is_err());
    }
}
