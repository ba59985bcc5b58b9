//! Inverse temperatures of trajectories, and how the policy is told.

use anabranch_core::rng::Stream;
use rand::RngExt;
use rand_distr::{Beta, Distribution, Gamma};

use crate::config::schema::{BetaConfig, BetaDistribution};

/// Bins of the thermometer (recursionpharma/gflownet: 32).
const BINS: usize = 32;

/// Draws inverse temperatures and encodes them.
#[derive(Clone, Debug)]
pub struct Conditioner {
    beta: BetaConfig,
}

impl Conditioner {
    /// For validated settings.
    pub fn new(beta: &BetaConfig) -> Self {
        Self { beta: beta.clone() }
    }

    /// `C`: 0 where there is one temperature for all.
    pub fn width(&self) -> usize {
        match self.beta {
            BetaConfig::Fixed(_) => 0,
            BetaConfig::Drawn(_) => BINS,
        }
    }

    /// Top of the thermometer's scale.
    fn top(&self) -> f64 {
        match self.beta {
            BetaConfig::Fixed(beta) => beta,
            BetaConfig::Drawn(
                BetaDistribution::Uniform([_, high]) | BetaDistribution::LogUniform([_, high]),
            ) => high,
            BetaConfig::Drawn(BetaDistribution::Gamma([shape, scale])) => {
                // Near the 95th percentile: mean and two standard deviations.
                scale * (shape + 2.0 * shape.sqrt())
            }
            BetaConfig::Drawn(BetaDistribution::Beta(_)) => 1.0,
        }
    }

    /// The inverse temperature of samples that are to be used: the sharpest that was trained.
    pub fn sharpest(&self) -> f64 {
        self.top()
    }

    /// `[count]` inverse temperatures.
    pub fn draw(&self, count: usize, rng: &mut Stream) -> Vec<f64> {
        (0..count).map(|_| self.draw_one(rng)).collect()
    }

    fn draw_one(&self, rng: &mut Stream) -> f64 {
        match &self.beta {
            BetaConfig::Fixed(beta) => *beta,
            BetaConfig::Drawn(BetaDistribution::Uniform([low, high])) => {
                rng.random_range(*low..=*high)
            }
            BetaConfig::Drawn(BetaDistribution::LogUniform([low, high])) => {
                rng.random_range(low.ln()..=high.ln()).exp()
            }
            BetaConfig::Drawn(BetaDistribution::Gamma([shape, scale])) => {
                Gamma::new(*shape, *scale)
                    .expect("settings are validated: shape and scale are positive")
                    .sample(rng)
            }
            BetaConfig::Drawn(BetaDistribution::Beta([a, b])) => Beta::new(*a, *b)
                .expect("settings are validated: both shapes are positive")
                .sample(rng),
        }
    }

    /// `[count, C]` conditioning vectors, flat: a thermometer from 0 to the top of the distribution
    /// (recursionpharma/gflownet, `thermometer`).
    pub fn encode(&self, betas: &[f64]) -> Vec<f32> {
        if self.width() == 0 {
            return Vec::new();
        }
        let gap = self.top() / (BINS - 1) as f64;
        betas
            .iter()
            .flat_map(|beta| {
                (0..BINS).map(move |bin| ((beta - bin as f64 * gap) / gap).clamp(0.0, 1.0) as f32)
            })
            .collect()
    }
}
