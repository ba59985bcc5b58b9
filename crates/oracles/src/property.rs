//! Measures of a molecule as one reward.

use anabranch_chem::Molecule;

use crate::combine::Combine;
use crate::error::OracleError;
use crate::measure::Measure;
use crate::transform::Transform;

/// One property of a reward.
#[derive(Clone, Debug)]
pub struct Property {
    /// What is measured.
    pub measure: Measure,
    /// How much it counts; above 0.
    pub weight: f64,
    /// What is wanted of it.
    pub transform: Transform,
}

/// A reward from the floor to 1 for molecules; above 1 only where a property is taken raw.
#[derive(Clone, Debug)]
pub struct PropertyReward {
    properties: Vec<Property>,
    weights: Vec<f64>,
    combine: Combine,
    floor: f64,
    ceiling: f64,
}

/// The reward of one molecule and what it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// From the floor to 1.
    pub reward: f64,
    /// One for each property: the measured value in its own unit.
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
            let name = property.measure.name();
            if !(property.weight.is_finite() && property.weight >= 0.0) {
                return Err(setting(
                    format!("reward.{name}.weight"),
                    property.weight,
                    "at least 0",
                ));
            }
            property.transform.check(&format!("reward.{name}"))?;
        }
        let properties: Vec<Property> = properties.into_iter().filter(|p| p.weight > 0.0).collect();
        if properties.is_empty() {
            return Err(OracleError::NoProperty);
        }
        let raw = properties
            .iter()
            .find(|p| !p.transform.desirability.is_bounded());
        if let (Some(property), Combine::Tchebycheff) = (raw, combine) {
            return Err(OracleError::Text {
                name: format!("reward.{}.shape", property.measure.name()),
                value: "raw".into(),
                expected: "a range, sigmoid or step, since tchebycheff needs scores up to 1",
            });
        }
        let ceiling = if raw.is_none() { 1.0 } else { f64::MAX };
        Ok(Self {
            weights: properties.iter().map(|p| p.weight).collect(),
            properties,
            combine,
            floor,
            ceiling,
        })
    }

    /// The properties that count, in the order of [`Score::values`].
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// The reward of a molecule.
    ///
    /// # Errors
    /// Where a value cannot be computed.
    pub fn score(&self, molecule: &Molecule) -> Result<Score, OracleError> {
        let mut values = Vec::with_capacity(self.properties.len());
        let mut scores = Vec::with_capacity(self.properties.len());
        for property in &self.properties {
            let value = property.measure.of(molecule)?;
            let name = property.measure.name();
            let score = property.transform.apply(name, value)?;
            values.push(value);
            scores.push(match self.combine {
                // Before the logarithm, so that one score of 0 leaves differences in the others.
                Combine::Product | Combine::GeometricMean => score.max(self.floor),
                _ => score,
            });
        }
        let reward = self.combine.reward(&scores, &self.weights)?;
        Ok(Score {
            reward: reward.clamp(self.floor, self.ceiling),
            values,
        })
    }
}

#[cfg(test)]
mod tests {
    use anabranch_chem::Descriptor;

    use super::*;
    use crate::transform::Desirability;

    #[test]
    fn impossible_settings_are_refused() {
        let property = |weight, low, high| Property {
            measure: Descriptor::Qed.into(),
            weight,
            transform: Transform::new(Desirability::Higher { low, high }),
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
                measure: Descriptor::Rings.into(),
                weight: 1.0,
                transform: Transform::new(Desirability::Higher {
                    low: 0.0,
                    high: 4.0,
                }),
            },
            Property {
                measure: Descriptor::HeavyAtoms.into(),
                weight: 3.0,
                transform: Transform::new(Desirability::Higher {
                    low: 0.0,
                    high: 26.0,
                }),
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
