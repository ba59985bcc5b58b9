//! A value in its own unit as a score: what is wanted of one property or one column of an oracle.

use serde::{Deserialize, Serialize};

use crate::error::OracleError;

/// Which side of a threshold is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The threshold itself and everything above it.
    Above,
    /// The threshold itself and everything below it.
    Below,
}

/// How a value becomes a score. Ends, midpoints and thresholds are in the value's unit; every score but
/// that of [`Raw`](Self::Raw) is from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "snake_case", deny_unknown_fields)]
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
    /// `1 / (1 + exp(-slope (value - midpoint)))`: 0.5 at the midpoint, where its derivative is `slope / 4`.
    Sigmoid {
        /// Worth 0.5.
        midpoint: f64,
        /// Per unit of the value; below 0 where small values are wanted.
        slope: f64,
    },
    /// The sigmoid through 0.1 at `low` and 0.9 at `high`; `low` above `high` makes it fall.
    SigmoidBetween {
        /// Worth 0.1.
        low: f64,
        /// Worth 0.9.
        high: f64,
    },
    /// 1 on the wanted side of the threshold, the threshold included, else 0.
    Step {
        /// Where it changes.
        threshold: f64,
        /// Which side is worth 1.
        side: Side,
    },
    /// The value itself, which must not be below 0.
    Raw,
}

/// Odds of 0.9: the sigmoid is 0.1 and 0.9 at `midpoint -+ ln 9 / slope`.
const LN_9: f64 = 2.197_224_577_336_219_6;

impl Desirability {
    /// The score of a finite value; what a NaN gives is not specified, so check it before or use
    /// [`Transform::apply`].
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
            Self::Sigmoid { midpoint, slope } => logistic(slope * (value - midpoint)),
            Self::SigmoidBetween { low, high } => {
                // Halves first: the sum of two large ends overflows.
                let midpoint = 0.5 * low + 0.5 * high;
                logistic(2.0 * LN_9 * ((value - midpoint) / (high - low)))
            }
            Self::Step { threshold, side } => {
                let wanted = match side {
                    Side::Above => value >= threshold,
                    Side::Below => value <= threshold,
                };
                f64::from(u8::from(wanted))
            }
            Self::Raw => value,
        }
    }

    /// Whether every score is from 0 to 1.
    pub fn is_bounded(&self) -> bool {
        !matches!(self, Self::Raw)
    }

    /// Checks ends, margin and slope.
    ///
    /// # Errors
    /// [`OracleError::Setting`] with the key of the setting below `name`, for example `reward.qed.high`.
    pub fn check(&self, name: &str) -> Result<(), OracleError> {
        let refuse = |key: &str, value: f64, expected| {
            Err(OracleError::Setting {
                name: format!("{name}.{key}"),
                value,
                expected,
            })
        };
        let finite = |key: &str, value: f64| {
            if value.is_finite() {
                Ok(())
            } else {
                refuse(key, value, "finite")
            }
        };
        match *self {
            Self::Higher { low, high } | Self::Lower { low, high } => {
                if !(low.is_finite() && high.is_finite() && low < high) {
                    return refuse("high", high, "above low, both finite");
                }
            }
            Self::Window { low, high, margin } => {
                if !(low.is_finite() && high.is_finite() && low <= high) {
                    return refuse("high", high, "above low, both finite");
                }
                if !(margin.is_finite() && margin >= 0.0) {
                    return refuse("margin", margin, "at least 0");
                }
            }
            Self::Sigmoid { midpoint, slope } => {
                finite("midpoint", midpoint)?;
                if !(slope.is_finite() && slope != 0.0) {
                    return refuse("slope", slope, "finite and not 0");
                }
            }
            Self::SigmoidBetween { low, high } => {
                if !(low.is_finite() && high.is_finite() && low != high) {
                    return refuse("high", high, "another value than low, both finite");
                }
            }
            Self::Step { threshold, .. } => finite("threshold", threshold)?,
            Self::Raw => {}
        }
        Ok(())
    }
}

/// The logistic function, without overflow on either side.
fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// A [`Desirability`] and the exponent that its score is raised to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// From value to score.
    pub desirability: Desirability,
    /// Exponent after it, above 0; 2 sharpens, 0.5 softens.
    #[serde(default = "one")]
    pub power: f64,
}

fn one() -> f64 {
    1.0
}

impl Transform {
    /// A desirability without an exponent.
    pub fn new(desirability: Desirability) -> Self {
        Self {
            desirability,
            power: 1.0,
        }
    }

    /// With another exponent.
    #[must_use]
    pub fn with_power(self, power: f64) -> Self {
        Self { power, ..self }
    }

    /// Checks the settings; `name` is what they are below.
    ///
    /// # Errors
    /// [`OracleError::Setting`].
    pub fn check(&self, name: &str) -> Result<(), OracleError> {
        self.desirability.check(name)?;
        if self.power.is_finite() && self.power > 0.0 {
            Ok(())
        } else {
            Err(OracleError::Setting {
                name: format!("{name}.power"),
                value: self.power,
                expected: "above 0 and finite",
            })
        }
    }

    /// The score of a value: from 0 to 1, or at least 0 where the value is taken as it is.
    ///
    /// # Errors
    /// [`OracleError::NotFinite`] for a NaN, an infinity or a score that overflows, [`OracleError::Negative`]
    /// for a raw value below 0; `name` is what the value is of.
    pub fn apply(&self, name: &str, value: f64) -> Result<f64, OracleError> {
        let not_finite = |value| OracleError::NotFinite {
            name: name.to_owned(),
            value,
        };
        if !value.is_finite() {
            return Err(not_finite(value));
        }
        let score = self.desirability.of(value);
        if score < 0.0 {
            return Err(OracleError::Negative {
                name: name.to_owned(),
                value,
            });
        }
        // Raising to the power 1 is not the identity in every libm.
        let score = if self.power == 1.0 {
            score
        } else {
            score.powf(self.power)
        };
        if score.is_finite() {
            Ok(score)
        } else {
            Err(not_finite(score))
        }
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
    fn sigmoids_go_through_what_names_them() {
        let rising = Desirability::SigmoidBetween {
            low: 5.0,
            high: 8.0,
        };
        assert!((rising.of(5.0) - 0.1).abs() < 1e-12);
        assert!((rising.of(6.5) - 0.5).abs() < 1e-12);
        assert!((rising.of(8.0) - 0.9).abs() < 1e-12);
        let falling = Desirability::SigmoidBetween {
            low: -5.0,
            high: -9.0,
        };
        assert!((falling.of(-9.0) - 0.9).abs() < 1e-12);
        let plain = Desirability::Sigmoid {
            midpoint: 1.0,
            slope: 2.0,
        };
        // 1 / (1 + e^-2) by hand.
        assert!((plain.of(2.0) - 0.880_797_077_977_882_4).abs() < 1e-15);
        assert_eq!(plain.of(-1e308), 0.0);
        assert_eq!(plain.of(1e308), 1.0);
    }

    #[test]
    fn the_threshold_of_a_step_is_wanted() {
        let step = |side| Desirability::Step {
            threshold: 3.0,
            side,
        };
        assert_eq!(
            [2.9, 3.0, 3.1].map(|v| step(Side::Above).of(v)),
            [0.0, 1.0, 1.0]
        );
        assert_eq!(
            [2.9, 3.0, 3.1].map(|v| step(Side::Below).of(v)),
            [1.0, 1.0, 0.0]
        );
    }

    #[test]
    fn what_is_no_score_is_refused() {
        let raw = Transform::new(Desirability::Raw);
        assert!(matches!(
            raw.apply("docking", -1.0),
            Err(OracleError::Negative { .. })
        ));
        assert!(matches!(
            raw.with_power(2.0).apply("docking", 1e200),
            Err(OracleError::NotFinite { .. })
        ));
        assert_eq!(raw.with_power(2.0).apply("x", 3.0).ok(), Some(9.0));
        assert!(raw.with_power(0.0).check("x").is_err());
        assert!(raw.with_power(f64::NAN).check("x").is_err());
    }

    #[test]
    fn settings_are_written_by_name() {
        let transform: Transform = serde_json::from_str(
            r#"{"desirability": {"shape": "sigmoid_between", "low": 5, "high": 8}}"#,
        )
        .unwrap();
        assert_eq!(
            transform,
            Transform::new(Desirability::SigmoidBetween {
                low: 5.0,
                high: 8.0
            })
        );
    }
}
