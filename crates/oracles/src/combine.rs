//! Several scores as one reward.

use serde::{Deserialize, Serialize};

use crate::error::OracleError;
use crate::transform::Transform;

/// How several scores become one. Weights w are at least 0 and not all 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Combine {
    /// `prod s_i^w_i`: one bad score spoils the object.
    Product,
    /// `sum w_i s_i / sum w_i`, the weighted arithmetic mean: a good score makes up for a bad one.
    Sum,
    /// `prod s_i^(w_i / sum w)`: as the product, but of the scores' own size however many there are.
    GeometricMean,
    /// `1 - max_i v_i (1 - s_i)` with `v = w / max w`: the score that lacks most decides alone. The weighted
    /// Chebyshev distance from the ideal (Miettinen, Nonlinear Multiobjective Optimization, 1998, 3.4),
    /// turned so that 1 is best. Scores must not be above 1.
    Tchebycheff,
}

impl Combine {
    /// One reward of `[K]` scores with `[K]` weights; a score whose weight is 0 counts nothing.
    ///
    /// From 0 to 1 where all scores are; it never falls where one of them rises.
    ///
    /// # Errors
    /// Where the lists differ in length, a weight is below 0 or none above it, a score is below 0 or not
    /// finite, above 1 for [`Tchebycheff`](Self::Tchebycheff), or the product overflows.
    pub fn reward(self, scores: &[f64], weights: &[f64]) -> Result<f64, OracleError> {
        if scores.len() != weights.len() {
            return Err(OracleError::WrongLength {
                name: "weights",
                got: weights.len(),
                expected: scores.len(),
            });
        }
        check_weights(weights)?;
        for (i, &score) in scores.iter().enumerate() {
            let name = || format!("score {i}");
            if !score.is_finite() {
                return Err(OracleError::NotFinite {
                    name: name(),
                    value: score,
                });
            }
            if score < 0.0 {
                return Err(OracleError::Negative {
                    name: name(),
                    value: score,
                });
            }
            if self == Self::Tchebycheff && score > 1.0 {
                return Err(OracleError::Setting {
                    name: name(),
                    value: score,
                    expected: "at most 1 for tchebycheff: give the column a range, sigmoid or step",
                });
            }
        }
        let reward = self.combine(scores, weights);
        if reward.is_finite() {
            Ok(reward)
        } else {
            Err(OracleError::NotFinite {
                name: "reward".into(),
                value: reward,
            })
        }
    }

    /// The formula, for numbers that were checked.
    pub(crate) fn combine(self, scores: &[f64], weights: &[f64]) -> f64 {
        let counting = || {
            let pairs = scores.iter().zip(weights);
            pairs.filter(|(_, w)| **w > 0.0).map(|(s, w)| (*s, *w))
        };
        let total: f64 = counting().map(|(_, w)| w).sum();
        match self {
            Self::Product => {
                let log: f64 = counting().map(|(s, w)| w * s.ln()).sum();
                log.exp()
            }
            Self::Sum => {
                let sum: f64 = counting().map(|(s, w)| w * s).sum();
                sum / total
            }
            Self::GeometricMean => {
                let log: f64 = counting().map(|(s, w)| w * s.ln()).sum();
                (log / total).exp()
            }
            Self::Tchebycheff => {
                let largest = weights.iter().copied().fold(0.0, f64::max);
                1.0 - counting()
                    .map(|(s, w)| w / largest * (1.0 - s))
                    .fold(0.0, f64::max)
            }
        }
    }
}

fn check_weights(weights: &[f64]) -> Result<(), OracleError> {
    for (i, &weight) in weights.iter().enumerate() {
        if !(weight.is_finite() && weight >= 0.0) {
            return Err(OracleError::Setting {
                name: format!("weight {i}"),
                value: weight,
                expected: "at least 0 and finite",
            });
        }
    }
    if weights.iter().any(|w| *w > 0.0) {
        Ok(())
    } else {
        Err(OracleError::NoProperty)
    }
}

/// One column of an oracle in a reward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// The column's name.
    pub column: String,
    /// How much it counts; at least 0.
    pub weight: f64,
    /// From its value to its score.
    pub transform: Transform,
}

/// From the columns of an oracle to one reward.
#[derive(Clone, Debug, PartialEq)]
pub struct Combination {
    objectives: Vec<Objective>,
    weights: Vec<f64>,
    combine: Combine,
}

/// A reward and what it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Combined {
    /// At least 0; at most 1 unless a raw column is.
    pub reward: f64,
    /// `[K]` scores of the objectives, before weights.
    pub scores: Vec<f64>,
}

impl Combination {
    /// A combination of at least one column with a weight.
    ///
    /// # Errors
    /// Where no objective counts, two are of the same column, a setting is impossible, or a raw column meets
    /// [`Combine::Tchebycheff`], which needs scores up to 1.
    pub fn new(objectives: Vec<Objective>, combine: Combine) -> Result<Self, OracleError> {
        for (i, objective) in objectives.iter().enumerate() {
            objective.transform.check(&objective.column)?;
            if !(objective.weight.is_finite() && objective.weight >= 0.0) {
                return Err(OracleError::Setting {
                    name: format!("{}.weight", objective.column),
                    value: objective.weight,
                    expected: "at least 0 and finite",
                });
            }
            if objectives[..i].iter().any(|o| o.column == objective.column) {
                return Err(OracleError::Text {
                    name: "column".into(),
                    value: objective.column.clone(),
                    expected: "named once",
                });
            }
            if combine == Combine::Tchebycheff && !objective.transform.desirability.is_bounded() {
                return Err(OracleError::Text {
                    name: format!("{}.shape", objective.column),
                    value: "raw".into(),
                    expected: "a range, sigmoid or step, since tchebycheff needs scores up to 1",
                });
            }
        }
        let weights: Vec<f64> = objectives.iter().map(|o| o.weight).collect();
        check_weights(&weights)?;
        Ok(Self {
            objectives,
            weights,
            combine,
        })
    }

    /// The objectives, in the order of the values that [`reward`](Self::reward) takes.
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// The names of the columns, in the same order.
    pub fn columns(&self) -> Vec<String> {
        self.objectives.iter().map(|o| o.column.clone()).collect()
    }

    /// The reward of `[K]` values, one for each objective.
    ///
    /// # Errors
    /// Where there are not K of them, or a value is a NaN, an infinity, or raw and below 0.
    pub fn reward(&self, values: &[f64]) -> Result<Combined, OracleError> {
        if values.len() != self.objectives.len() {
            return Err(OracleError::WrongLength {
                name: "values",
                got: values.len(),
                expected: self.objectives.len(),
            });
        }
        let pairs = self.objectives.iter().zip(values);
        let scores = pairs
            .map(|(o, value)| o.transform.apply(&o.column, *value))
            .collect::<Result<Vec<f64>, _>>()?;
        let reward = self.combine.reward(&scores, &self.weights)?;
        Ok(Combined { reward, scores })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::Desirability;

    #[test]
    fn formulas_by_hand() {
        let (scores, weights) = ([0.25, 0.5], [1.0, 3.0]);
        let of = |combine: Combine| combine.reward(&scores, &weights).unwrap();
        assert!((of(Combine::Product) - 0.25 * 0.125).abs() < 1e-15);
        assert!((of(Combine::Sum) - (0.25 + 1.5) / 4.0).abs() < 1e-15);
        // The fourth root of 0.25 * 0.125.
        assert!((of(Combine::GeometricMean) - 0.420_448_207_626_857_3).abs() < 1e-15);
        // Weights 1/3 and 1: the larger of 0.75 / 3 and 0.5.
        assert!((of(Combine::Tchebycheff) - 0.5).abs() < 1e-15);
    }

    #[test]
    fn a_zero_spoils_products_unless_it_counts_nothing() {
        assert_eq!(
            Combine::Product.reward(&[0.0, 1.0], &[1.0, 1.0]).ok(),
            Some(0.0)
        );
        assert_eq!(
            Combine::GeometricMean.reward(&[0.0, 1.0], &[0.0, 1.0]).ok(),
            Some(1.0)
        );
    }

    #[test]
    fn impossible_combinations_are_refused() {
        let objective = |column: &str, desirability| Objective {
            column: column.into(),
            weight: 1.0,
            transform: Transform::new(desirability),
        };
        let twice = vec![
            objective("a", Desirability::Raw),
            objective("a", Desirability::Raw),
        ];
        assert!(Combination::new(twice, Combine::Sum).is_err());
        let raw = vec![objective("a", Desirability::Raw)];
        assert!(Combination::new(raw, Combine::Tchebycheff).is_err());
        assert!(matches!(
            Combination::new(Vec::new(), Combine::Sum),
            Err(OracleError::NoProperty)
        ));
        assert!(Combine::Sum.reward(&[0.5], &[-1.0]).is_err());
        assert!(Combine::Sum.reward(&[f64::NAN], &[1.0]).is_err());
        assert!(Combine::Sum.reward(&[0.5, 0.5], &[1.0]).is_err());
        assert!(Combine::Tchebycheff.reward(&[1.5], &[1.0]).is_err());
    }
}
