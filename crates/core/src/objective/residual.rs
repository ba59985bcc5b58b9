//! What a residual costs.

use serde::{Deserialize, Serialize};

use crate::error::CoreError;

/// Exponents above this are continued by a straight line.
const MAX_EXPONENT: f64 = 80.0;

/// The cost g(d) of a residual d in nats, where d is forward minus backward: positive where the policy
/// puts more flow on a trajectory than the reward asks for.
///
/// All have g(0) = 0 and slope 0 there but [`Absolute`](Self::Absolute). What each makes of a flow that
/// cannot fit everywhere: Hu et al. 2024, arXiv 2410.02596. Exponents stop at 80 and the cost goes on
/// as the straight line from there, so value and slope are finite and agree; clamping the residual
/// instead (torchgfn) would give the worst residuals no slope at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Residual {
    /// d^2: zero-forcing, the reverse KL.
    #[default]
    Squared,
    /// d^2 / 2.
    HalfSquared,
    /// |d|, with slope 0 at 0.
    Absolute,
    /// d^2 / 2 up to `delta`, delta (|d| - delta / 2) beyond. Huber's own function: it is half of d^2
    /// inside. recursionpharma/gflownet's "HUB" has its threshold at 1 whatever `delta` is and divides
    /// by `delta`.
    Huber {
        /// Where the straight line begins; above 0.
        #[serde(default = "one")]
        delta: f64,
    },
    /// 2 (cosh d - 1) = e^d + e^-d - 2: zero-forcing and zero-avoiding.
    ShiftedCosh,
    /// (e^(a d) - a d - 1) / a^2, about d^2 / 2 near 0: zero-avoiding with a = 1, the forward KL.
    Linex {
        /// Steepness, not 0; its sign is the side that costs exponentially.
        #[serde(default = "one")]
        a: f64,
    },
}

fn one() -> f64 {
    1.0
}

impl Residual {
    /// g(d).
    pub fn value(self, d: f64) -> f64 {
        match self {
            Self::Squared => d * d,
            Self::HalfSquared => 0.5 * d * d,
            Self::Absolute => d.abs(),
            Self::Huber { delta } if d.abs() <= delta => 0.5 * d * d,
            Self::Huber { delta } => delta * (d.abs() - 0.5 * delta),
            Self::ShiftedCosh => {
                let beyond = (d.abs() - MAX_EXPONENT).max(0.0);
                let inside = d.clamp(-MAX_EXPONENT, MAX_EXPONENT);
                // 4 sinh^2(d/2) keeps its digits near 0, where cosh d - 1 loses them.
                4.0 * (0.5 * inside).sinh().powi(2) + 2.0 * MAX_EXPONENT.sinh() * beyond
            }
            Self::Linex { a } => {
                let exponent = a * d;
                let beyond = (exponent - MAX_EXPONENT).max(0.0);
                let inside = exponent.min(MAX_EXPONENT);
                (inside.exp_m1() - exponent + MAX_EXPONENT.exp() * beyond) / (a * a)
            }
        }
    }

    /// g'(d).
    pub fn slope(self, d: f64) -> f64 {
        match self {
            Self::Squared => 2.0 * d,
            Self::HalfSquared => d,
            Self::Absolute if d == 0.0 => 0.0,
            Self::Absolute => d.signum(),
            Self::Huber { delta } => d.clamp(-delta, delta),
            Self::ShiftedCosh => 2.0 * d.clamp(-MAX_EXPONENT, MAX_EXPONENT).sinh(),
            Self::Linex { a } => (a * d).min(MAX_EXPONENT).exp_m1() / a,
        }
    }

    /// `Some(c)` where g(d) = c d^2: sums over pairs of states then have a closed form.
    pub(super) fn square_factor(self) -> Option<f64> {
        match self {
            Self::Squared => Some(1.0),
            Self::HalfSquared => Some(0.5),
            _ => None,
        }
    }

    /// # Errors
    /// [`CoreError::BadConstant`] where `delta` is not positive or `a` is 0, or one is not finite.
    pub fn check(self) -> Result<(), CoreError> {
        match self {
            Self::Huber { delta } if !(delta.is_finite() && delta > 0.0) => {
                Err(CoreError::BadConstant {
                    name: "delta",
                    value: delta,
                    expected: "a number above 0",
                })
            }
            Self::Linex { a } if !(a.is_finite() && a != 0.0) => Err(CoreError::BadConstant {
                name: "a",
                value: a,
                expected: "a number other than 0",
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Residual; 8] = [
        Residual::Squared,
        Residual::HalfSquared,
        Residual::Absolute,
        Residual::Huber { delta: 1.0 },
        Residual::Huber { delta: 0.3 },
        Residual::ShiftedCosh,
        Residual::Linex { a: 1.0 },
        Residual::Linex { a: -0.5 },
    ];

    #[test]
    fn slopes_are_those_of_the_values() {
        for g in ALL {
            assert_eq!((g.value(0.0), g.slope(0.0)), (0.0, 0.0), "{g:?}");
            for d in [
                -200.0, -79.0, -3.0, -0.7, -0.01, 0.02, 0.4, 2.5, 70.0, 300.0,
            ] {
                let step = 1e-5;
                let expected = (g.value(d + step) - g.value(d - step)) / (2.0 * step);
                let error = (g.slope(d) - expected).abs() / expected.abs().max(1e-3);
                assert!(error < 1e-6, "{g:?} at {d}: {} for {expected}", g.slope(d));
                assert!(g.value(d) > 0.0);
            }
        }
    }

    /// By hand.
    #[test]
    fn literal_values() {
        assert_eq!(Residual::Huber { delta: 0.5 }.value(2.0), 0.875);
        assert_eq!(Residual::Huber { delta: 3.0 }.value(2.0), 2.0);
        let e = std::f64::consts::E;
        assert!((Residual::ShiftedCosh.value(1.0) - (e + 1.0 / e - 2.0)).abs() < 1e-15);
        assert!((Residual::Linex { a: 2.0 }.value(0.5) - (e - 2.0) / 4.0).abs() < 1e-15);
    }

    #[test]
    fn no_residual_overflows() {
        for g in ALL {
            for d in [-1e6, 1e6] {
                assert!(g.value(d).is_finite() && g.slope(d).is_finite(), "{g:?}");
            }
        }
    }

    #[test]
    fn impossible_constants_are_refused() {
        for bad in [
            Residual::Huber { delta: 0.0 },
            Residual::Huber { delta: f64::NAN },
            Residual::Linex { a: 0.0 },
        ] {
            assert!(matches!(bad.check(), Err(CoreError::BadConstant { .. })));
        }
    }

    #[test]
    fn a_configuration_names_them() {
        let read = |text| serde_json::from_str::<Residual>(text).unwrap();
        assert_eq!(read("\"shifted_cosh\""), Residual::ShiftedCosh);
        assert_eq!(read("{\"linex\":{}}"), Residual::Linex { a: 1.0 });
        assert_eq!(
            read("{\"huber\":{\"delta\":2}}"),
            Residual::Huber { delta: 2.0 }
        );
    }
}
