//! What a molecule is worth by its predicted binding.

use anabranch_chem::Molecule;
use anabranch_core::{Reward, RewardError};
use rayon::prelude::*;

use super::network::SehProxy;

/// y that is worth a reward of 1.
const SCALE: f64 = 8.0;
/// Molecules for one task of a thread; no result depends on it.
const CHUNK: usize = 32;

/// R(x) = y / 8, cut to a range: by default to 1e-4..=100, as Recursion's `seh_frag` task and
/// SynFlowNet do, so that R may exceed 1 where y exceeds 8.
///
/// Papers raise it to a power, which an inverse temperature does here. The code of arXiv 2106.04399
/// itself has (max(0.1, y) / 8)^10: that is the range 0.0125..=infinity and the power 10.
#[derive(Clone, Debug)]
pub struct SehReward {
    proxy: SehProxy,
    low: f64,
    high: f64,
}

impl SehReward {
    /// The reward with the range of the literature.
    #[must_use]
    pub fn new(proxy: SehProxy) -> Self {
        Self {
            proxy,
            low: 1e-4,
            high: 100.0,
        }
    }

    /// The reward cut to another range, such as 1e-4 to 1.
    ///
    /// # Panics
    /// Unless 0 < low < high: a reward of 0 has no logarithm.
    #[must_use]
    pub fn with_range(self, low: f64, high: f64) -> Self {
        assert!(
            low > 0.0 && low < high,
            "the range {low}..={high} is not above 0 and ascending"
        );
        Self { low, high, ..self }
    }

    /// The reward for a prediction.
    #[must_use]
    pub fn of(&self, y: f64) -> f64 {
        (y / SCALE).clamp(self.low, self.high)
    }
}

impl Reward<Molecule> for SehReward {
    fn log_reward(&self, objects: &[Molecule]) -> Result<Vec<f64>, RewardError> {
        let found: Vec<_> = objects
            .par_chunks(CHUNK)
            .flat_map_iter(|molecules| self.proxy.predict(molecules))
            .collect();
        let named = |molecule: &Molecule| format!("{molecule:?}");
        found
            .into_iter()
            .zip(objects)
            .map(|(y, molecule)| match y {
                Ok(y) if y.is_nan() => Err(RewardError::NotFinite {
                    object: named(molecule),
                    value: y,
                }),
                Ok(y) => Ok(self.of(y).ln()),
                Err(error) => Err(RewardError::Failed {
                    object: named(molecule),
                    reason: error.to_string(),
                }),
            })
            .collect()
    }
}
