//! The probability that a policy ends in a given object, estimated from ways to build it.

use crate::error::CoreError;
use crate::logspace::log_sum_exp;

/// An estimate of log p(x) in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogProbability {
    /// log of the mean weight: unbiased for p(x), so too low for log p(x) on average.
    pub estimate: f64,
    /// Standard error of `estimate` by the delta method: the standard error of the mean weight divided
    /// by the mean weight. `None` with one trajectory or where all weights are zero.
    pub standard_error: Option<f64>,
}

/// log p(x) from `K` trajectories drawn backward from x with P_B: the log-mean-exp of
/// `sum log P_F - sum log P_B`.
///
/// `sum_log_pf` and `sum_log_pb` are `[K]`, as [`Terms::sum_log_pf`](crate::Terms::sum_log_pf) gives
/// them; stopping is included. At an optimum of trajectory balance with the same P_B all weights are
/// equal and one trajectory is exact; elsewhere use 10 to 1000. Never estimate from the trajectory that
/// was sampled forward: its weight is not an average over P_B.
///
/// Zhang et al. 2022, arXiv 2202.01361 (backward importance sampling).
///
/// # Errors
/// [`CoreError::EmptyBatch`] without trajectories; [`CoreError::NotFinite`] where a weight is NaN or
/// positive infinity, as when P_B of a drawn trajectory is 0.
///
/// # Panics
/// If the lengths differ.
pub fn log_probability(
    sum_log_pf: &[f64],
    sum_log_pb: &[f64],
) -> Result<LogProbability, CoreError> {
    assert_eq!(
        sum_log_pf.len(),
        sum_log_pb.len(),
        "one pair of sums a trajectory"
    );
    if sum_log_pf.is_empty() {
        return Err(CoreError::EmptyBatch);
    }
    let pairs = sum_log_pf.iter().zip(sum_log_pb);
    let log_weights: Vec<f64> = pairs.map(|(pf, pb)| pf - pb).collect();
    if let Some(trajectory) = log_weights
        .iter()
        .position(|w| w.is_nan() || *w == f64::INFINITY)
    {
        return Err(CoreError::NotFinite {
            name: "sum log_pf - sum log_pb",
            value: log_weights[trajectory],
            trajectory,
        });
    }
    let count = log_weights.len() as f64;
    let estimate = log_sum_exp(&log_weights) - count.ln();
    let defined = log_weights.len() > 1 && estimate.is_finite();
    // Weights relative to their mean average to one.
    let squares = log_weights
        .iter()
        .map(|w| ((w - estimate).exp() - 1.0).powi(2));
    let standard_error = defined.then(|| (squares.sum::<f64>() / (count - 1.0) / count).sqrt());
    Ok(LogProbability {
        estimate,
        standard_error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: weights 0.1 and 0.3, mean 0.2, standard deviation sqrt(0.02), error of the mean 0.1.
    #[test]
    fn two_weights() {
        let got = log_probability(&[0.05_f64.ln(), 0.15_f64.ln()], &[0.5_f64.ln(); 2]).unwrap();
        assert!((got.estimate - 0.2_f64.ln()).abs() < 1e-14);
        assert!((got.standard_error.unwrap() - 0.5).abs() < 1e-14);
    }

    #[test]
    fn equal_weights_are_exact_however_small() {
        let got = log_probability(&[-2000.0; 5], &[-3.0; 5]).unwrap();
        assert!((got.estimate + 1997.0).abs() < 1e-9);
        assert!(got.standard_error.unwrap() < 1e-9);
    }

    #[test]
    fn what_cannot_be_said_is_not_said() {
        assert!(matches!(
            log_probability(&[], &[]),
            Err(CoreError::EmptyBatch)
        ));
        assert_eq!(
            log_probability(&[-1.0], &[0.0]).unwrap().standard_error,
            None
        );
        let never = log_probability(&[f64::NEG_INFINITY; 3], &[0.0; 3]).unwrap();
        assert_eq!(never.estimate, f64::NEG_INFINITY);
        assert_eq!(never.standard_error, None);
        for (pf, pb) in [(f64::NAN, 0.0), (0.0, f64::NEG_INFINITY)] {
            let refused = log_probability(&[0.0, pf], &[0.0, pb]);
            assert!(matches!(
                refused,
                Err(CoreError::NotFinite { trajectory: 1, .. })
            ));
        }
    }
}
