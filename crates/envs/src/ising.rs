//! The Ising model on a torus, its spins assigned in any order.
//!
//! Zhang et al. 2022 (arXiv 2202.01361), section 5: N x N spins with periodic borders. The environment is
//! [`Slots`] with one slot a site, row by row, and the values 0 (spin -1) and 1 (spin +1).

use anabranch_core::{Reward, RewardError};

use crate::EnvError;
use crate::counting::{finite, in_range};
use crate::factor::{Factor, Factors};
use crate::slots::{Filling, Slots};

/// Most sites along a side.
pub const MAX_SIDE: usize = 32;

/// log R(s) = J times the sum over bonds of s_i s_j, a bond being a site and its neighbour to the right
/// or below.
///
/// Every bond counts once. Code that writes log R = s^T (sigma A) s with the adjacency matrix A counts
/// each twice: its sigma is J / 2. On a side of 2 both neighbours along an axis are one site, so the
/// torus has two bonds between them.
#[derive(Clone, Debug)]
pub struct Ising {
    side: usize,
    factors: Factors,
}

impl Ising {
    /// `side` x `side` spins with the coupling `coupling`, J: like spins attract where it is positive.
    ///
    /// # Errors
    /// `side` outside 2 to [`MAX_SIDE`] or a coupling that is not finite.
    pub fn new(side: usize, coupling: f64) -> Result<Self, EnvError> {
        in_range("side", side, 2..=MAX_SIDE)?;
        finite("coupling", coupling)?;
        let site = |row: usize, column: usize| row % side * side + column % side;
        let bond = |a, b| Factor {
            variables: vec![a, b],
            energies: vec![-coupling, coupling, coupling, -coupling],
        };
        let sites = (0..side).flat_map(|row| (0..side).map(move |column| (row, column)));
        let bonds = sites.flat_map(|(row, column)| {
            let here = site(row, column);
            [
                bond(here, site(row, column + 1)),
                bond(here, site(row + 1, column)),
            ]
        });
        let factors = Factors::new(side * side, 2, bonds.collect())?;
        Ok(Self { side, factors })
    }

    /// Sites along a side N.
    pub fn side(&self) -> usize {
        self.side
    }

    /// The environment that builds the objects of this reward.
    pub fn env(&self) -> Slots {
        self.factors.env()
    }

    /// The same energy as a factor graph.
    pub fn factors(&self) -> &Factors {
        &self.factors
    }

    /// The spin of a site, -1 or +1; `None` where none is assigned.
    pub fn spin(&self, filling: &Filling, row: usize, column: usize) -> Option<i8> {
        let value = filling.value(row * self.side + column)?;
        Some(if value == 1 { 1 } else { -1 })
    }

    /// Mean spin, from -1 to 1.
    ///
    /// # Errors
    /// [`EnvError::NotComplete`] where a spin is missing.
    pub fn magnetisation(&self, filling: &Filling) -> Result<f64, EnvError> {
        self.factors.energy(filling)?;
        let up = filling.values().filter(|&value| value == Some(1)).count();
        Ok(2.0 * up as f64 / filling.len() as f64 - 1.0)
    }

    /// log Z in nats, exactly.
    ///
    /// # Errors
    /// Sides above 11, whose tables are too large.
    ///
    /// # Complexity
    /// 4^N N^2.
    pub fn log_z(&self) -> Result<f64, EnvError> {
        self.factors.log_z()
    }
}

impl Reward<Filling> for Ising {
    fn log_reward(&self, objects: &[Filling]) -> Result<Vec<f64>, RewardError> {
        self.factors.log_reward(objects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sum over all 2^(N^2) configurations, written without the factor graph.
    fn brute_force(side: usize, coupling: f64) -> f64 {
        let mut z = 0.0;
        for bits in 0_u32..1 << (side * side) {
            let spin = |row: usize, column: usize| {
                let bit = bits >> (row % side * side + column % side) & 1;
                2.0 * f64::from(bit) - 1.0
            };
            let mut bonds = 0.0;
            for row in 0..side {
                for column in 0..side {
                    let neighbours = spin(row, column + 1) + spin(row + 1, column);
                    bonds += spin(row, column) * neighbours;
                }
            }
            z += (coupling * bonds).exp();
        }
        z.ln()
    }

    #[test]
    fn log_z_is_that_of_brute_force() {
        for (side, coupling) in [(2, 0.3), (3, 0.2), (3, -0.4), (4, 0.1)] {
            let exact = Ising::new(side, coupling).unwrap().log_z().unwrap();
            let brute = brute_force(side, coupling);
            assert!((exact - brute).abs() < 1e-10, "{side} {coupling}: {exact}");
        }
        // Free spins: N^2 log 2.
        let free = Ising::new(9, 0.0).unwrap().log_z().unwrap();
        assert!((free - 81.0 * 2_f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn energies_by_hand() {
        let ising = Ising::new(3, 0.5).unwrap();
        let up = Filling::new(&[Some(1); 9]).unwrap();
        let mut one_down = [Some(1); 9];
        one_down[4] = Some(0);
        let one_down = Filling::new(&one_down).unwrap();
        // 18 bonds; one turned spin breaks 4 of them.
        let scores = ising.log_reward(&[up.clone(), one_down.clone()]).unwrap();
        assert_eq!(scores, [9.0, 5.0]);
        assert_eq!(ising.magnetisation(&up).unwrap(), 1.0);
        assert!((ising.magnetisation(&one_down).unwrap() - 7.0 / 9.0).abs() < 1e-12);
        assert_eq!(ising.spin(&one_down, 1, 1), Some(-1));
        assert!(Ising::new(1, 0.1).is_err());
        assert!(Ising::new(3, f64::NAN).is_err());
        assert!(
            ising
                .magnetisation(&Filling::new(&[None; 9]).unwrap())
                .is_err()
        );
    }
}
