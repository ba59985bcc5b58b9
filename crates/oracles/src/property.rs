//! Descriptors of a molecule as one reward.

use anabranch_chem::{ChemError, Descriptor, Molecule};

/// What can go wrong with a score.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OracleError {
    /// The chemistry failed.
    #[error(transparent)]
    Chem(#[from] ChemError),
    /// A strand of RNA or a landscape is not as it must be.
    #[error(transparent)]
    Rna(#[from] crate::rna::RnaError),
    /// The sEH proxy has no weights or no answer.
    #[error(transparent)]
    Seh(#[from] crate::seh::SehError),
    /// The reward is set up in a way that cannot work.
    #[error("{name} is {value}; it must be {expected}")]
    Setting {
        /// Which setting.
        name: String,
        /// The value given.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// No property has a weight.
    #[error("the reward has no property with a weight above 0; set one, for example reward.qed=1")]
    NoProperty,
}

/// How a descriptor's value becomes a score from 0 to 1. Ends are in the descriptor's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Desirability {
    /// 0 up to `low`, 1 from `high` on, a straight line between.
    Higher {
        /// Worth 0.
        low: f64,
        /// Worth 1.
        high: f64,
    },
    /// 1 up to `low`, 0 from `high` on, a straight line between.
    Lower {
        /// Worth 1.
        low: f64,
        /// Worth 0.
        high: f64,
    },
    /// 1 from `low` to `high`, falling to 0 over `margin` on both sides.
    Window {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
        /// Width of the fall; 0 makes it a step.
        margin: f64,
    },
}

impl Desirability {
    /// The score of a value.
    pub fn of(&self, value: f64) -> f64 {
        match *self {
            Self::Higher { low, high } => ((value - low) / (high - low)).clamp(0.0, 1.0),
            Self::Lower { low, high } => ((high - value) / (high - low)).clamp(0.0, 1.0),
            Self::Window { low, high, margin } => {
                let outside = (low - value).max(value - high).max(0.0);
                if outside == 0.0 {
                    1.0
                } else if margin > 0.0 {
                    (1.0 - outside / margin).max(0.0)
                } else {
                    0.0
                }
            }
        }
    }
}

/// One property of a reward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Property {
    /// What is measured.
    pub descriptor: Descriptor,
    /// How much it counts; above 0.
    pub weight: f64,
    /// What is wanted of it.
    pub desirability: Desirability,
}

/// How the scores of several properties become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// Product of scores to the power of their weights: one bad property spoils the molecule.
    Product,
    /// Weighted arithmetic mean: a good property makes up for a bad one.
    Sum,
}

/// A reward from 0 (or the floor) to 1 for molecules.
#[derive(Clone, Debug)]
pub struct PropertyReward {
    properties: Vec<Property>,
    combine: Combine,
    floor: f64,
}

/// The reward of one molecule and what it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// From the floor to 1.
    pub reward: f64,
    /// One for each property: the descriptor's value in its own unit.
    pub values: Vec<f64>,
}

impl PropertyReward {
    /// A reward of the properties with a weight.
    ///
    /// # Errors
    /// Where no property counts, or a weight, range or the floor is impossible.
    pub fn new(
        properties: Vec<Property>,
        combine: Combine,
        floor: f64,
    ) -> Result<Self, OracleError> {
        let setting = |name: String, value: f64, expected| OracleError::Setting {
            name,
            value,
            expected,
        };
        if !(floor > 0.0 && floor < 1.0) {
            return Err(setting(
                "reward.floor".into(),
                floor,
                "between 0 and 1, both excluded",
            ));
        }
        for property in &properties {
            let name = property.descriptor.name();
            if !(property.weight.is_finite() && property.weight >= 0.0) {
                return Err(setting(
                    format!("reward.{name}.weight"),
                    property.weight,
                    "at least 0",
                ));
            }
            let (low, high, margin) = match property.desirability {
                Desirability::Higher { low, high } | Desirability::Lower { low, high } => {
                    (low, high, 0.0)
                }
                Desirability::Window { low, high, margin } => (low, high, margin),
            };
            let window = matches!(property.desirability, Desirability::Window { .. });
            if !(low.is_finite() && high.is_finite() && (low < high || window && low == high)) {
                return Err(setting(
                    format!("reward.{name}.high"),
                    high,
                    "above low, both finite",
                ));
            }
            if !(margin.is_finite() && margin >= 0.0) {
                return Err(setting(
                    format!("reward.{name}.margin"),
                    margin,
                    "at least 0",
                ));
            }
        }
        let properties: Vec<Property> = properties.into_iter().filter(|p| p.weight > 0.0).collect();
        if properties.is_empty() {
            return Err(OracleError::NoProperty);
        }
        Ok(Self {
            properties,
            combine,
            floor,
        })
    }

    /// The properties that count, in the order of [`Score::values`].
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// The reward of a molecule.
    ///
    /// # Errors
    /// Where a descriptor cannot be computed.
    pub fn score(&self, molecule: &Molecule) -> Result<Score, OracleError> {
        let mut values = Vec::with_capacity(self.properties.len());
        let (mut total, mut weights) = (0.0, 0.0);
        for property in &self.properties {
            let value = property.descriptor.of(molecule)?;
            values.push(value);
            let score = property.desirability.of(value);
            total += property.weight
                * match self.combine {
                    Combine::Product => score.max(self.floor).ln(),
                    Combine::Sum => score,
                };
            weights += property.weight;
        }
        let reward = match self.combine {
            Combine::Product => total.exp(),
            Combine::Sum => total / weights,
        };
        Ok(Score {
            reward: reward.clamp(self.floor, 1.0),
            values,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_fall_off_on_both_sides() {
        let window = Desirability::Window {
            low: 200.0,
            high: 500.0,
            margin: 100.0,
        };
        let scores = [0.0, 150.0, 200.0, 350.0, 500.0, 575.0, 700.0].map(|v| window.of(v));
        assert_eq!(scores, [0.0, 0.5, 1.0, 1.0, 1.0, 0.25, 0.0]);
    }

    #[test]
    fn impossible_settings_are_refused() {
        let property = |weight, low, high| Property {
            descriptor: Descriptor::Qed,
            weight,
            desirability: Desirability::Higher { low, high },
        };
        for bad in [
            property(f64::NAN, 0.0, 1.0),
            property(-1.0, 0.0, 1.0),
            property(1.0, 1.0, 0.0),
        ] {
            assert!(PropertyReward::new(vec![bad], Combine::Product, 1e-4).is_err());
        }
        let none = PropertyReward::new(vec![property(0.0, 0.0, 1.0)], Combine::Product, 1e-4);
        assert!(matches!(none, Err(OracleError::NoProperty)));
        assert!(PropertyReward::new(vec![property(1.0, 0.0, 1.0)], Combine::Sum, 0.0).is_err());
    }

    #[test]
    fn a_product_has_exponents_and_a_sum_shares() {
        let molecule = Molecule::from_smiles("CC(=O)Oc1ccccc1C(=O)O").expect("aspirin");
        let properties = vec![
            Property {
                descriptor: Descriptor::Rings,
                weight: 1.0,
                desirability: Desirability::Higher {
                    low: 0.0,
                    high: 4.0,
                },
            },
            Property {
                descriptor: Descriptor::HeavyAtoms,
                weight: 3.0,
                desirability: Desirability::Higher {
                    low: 0.0,
                    high: 26.0,
                },
            },
        ];
        // One ring of four wanted: 0.25; 13 heavy atoms of 26: 0.5.
        let product =
            PropertyReward::new(properties.clone(), Combine::Product, 1e-4).expect("sound");
        let expected = 0.25 * 0.5_f64.powi(3);
        assert!((product.score(&molecule).expect("scores").reward - expected).abs() < 1e-12);
        let sum = PropertyReward::new(properties, Combine::Sum, 1e-4).expect("sound");
        assert!((sum.score(&molecule).expect("scores").reward - (0.25 + 1.5) / 4.0).abs() < 1e-12);
    }
}
