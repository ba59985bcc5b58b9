//! The mean reward of a perfect sampler, and how near a sampler's is.

use crate::logspace::log_sum_exp;

/// `E*[R] = sum R^2 / sum R`: the mean reward of objects drawn in proportion to R, from the log-rewards
/// `[n]` of all objects in nats; negative infinity is a reward of 0. NaN where no object has a reward.
pub fn target_mean_reward(log_reward: &[f64]) -> f64 {
    let doubled: Vec<f64> = log_reward.iter().map(|r| 2.0 * r).collect();
    (log_sum_exp(&doubled) - log_sum_exp(log_reward)).exp()
}

/// |E - E*| / E*, where `mean` is a sampler's mean reward and `target` is [`target_mean_reward`].
pub fn relative_error(mean: f64, target: f64) -> f64 {
    (mean - target).abs() / target
}

/// 100 min(1, E / E*): the "accuracy" of Shen et al. 2023, arXiv 2305.07170, in percent. Blind to
/// collapse: one mode of several equal ones has the right mean.
pub fn mean_reward_accuracy(mean: f64, target: f64) -> f64 {
    let ratio = mean / target;
    // Not f64::min, which would hide a NaN.
    100.0 * if ratio > 1.0 { 1.0 } else { ratio }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: (1 + 4 + 9 + 16) / 10.
    #[test]
    fn four_rewards() {
        let logs = [
            1.0_f64.ln(),
            2.0_f64.ln(),
            3.0_f64.ln(),
            4.0_f64.ln(),
            f64::NEG_INFINITY,
        ];
        assert!((target_mean_reward(&logs) - 3.0).abs() < 1e-14);
        let large: Vec<f64> = logs.iter().map(|r| r + 600.0).collect();
        assert!((target_mean_reward(&large).ln() - 600.0 - 3.0_f64.ln()).abs() < 1e-12);
        assert!((relative_error(2.4, 3.0) - 0.2).abs() < 1e-14);
        assert!((mean_reward_accuracy(2.4, 3.0) - 80.0).abs() < 1e-12);
        assert_eq!(mean_reward_accuracy(3.5, 3.0), 100.0);
        assert!(mean_reward_accuracy(f64::NAN, 3.0).is_nan());
        assert!(target_mean_reward(&[]).is_nan());
    }
}
