//! Rewards in tiers, each of which asks for more than the one before.

use super::{Cell, Hypergrid};
use crate::EnvError;
use crate::counting::positive;

/// The levels of a reward in tiers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tiers {
    base: f64,
    weights: Vec<f64>,
}

impl Tiers {
    /// A reward of `base` everywhere and `weights[t]` more where tiers 0 to t are passed. torchgfn has
    /// the weights 1, 10, 100 and a base of 0, which has no logarithm.
    ///
    /// # Errors
    /// No weights, or a value that is not positive and finite.
    pub fn new(base: f64, weights: Vec<f64>) -> Result<Self, EnvError> {
        positive("base", base)?;
        if weights.is_empty() {
            return Err(EnvError::out_of_range("number of tiers", 0, "at least 1"));
        }
        weights
            .iter()
            .try_for_each(|&w| positive("the weight of a tier", w))?;
        Ok(Self { base, weights })
    }

    /// Reward without any tier.
    pub fn base(&self) -> f64 {
        self.base
    }

    /// What each tier adds.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Refuses settings that are not given for every tier, naming them.
    pub(super) fn expect_one_each(&self, name: &'static str, count: usize) -> Result<(), EnvError> {
        if count == self.weights.len() {
            return Ok(());
        }
        let expected = format!("{}, one for each tier", self.weights.len());
        Err(EnvError::out_of_range(name, count, expected))
    }
}

/// A reward of cells that is R(x) = base + sum over tiers t of weight_t 1\[x passes tiers 0 to t\].
pub trait Tiered: Sync {
    /// The grid.
    fn grid(&self) -> &Hypergrid;

    /// The levels.
    fn tiers(&self) -> &Tiers;

    /// Whether `cell` fulfils what tier `tier` asks for, whatever the tiers before it ask for.
    fn passes(&self, cell: &Cell, tier: usize) -> bool;

    /// How many tiers are passed from the first one on.
    fn height(&self, cell: &Cell) -> usize {
        let tiers = 0..self.tiers().weights().len();
        tiers.take_while(|&tier| self.passes(cell, tier)).count()
    }

    /// Whether all tiers are passed.
    fn is_mode(&self, cell: &Cell) -> bool {
        self.height(cell) == self.tiers().weights().len()
    }

    /// R(x).
    fn reward(&self, cell: &Cell) -> f64 {
        let passed = &self.tiers().weights()[..self.height(cell)];
        self.tiers().base() + passed.iter().sum::<f64>()
    }
}
