//! How far one distribution is from another, both given as logs over the same states.
//!
//! A NaN in either gives NaN.

/// The floor of [`kl`]: log 1e-40. A state without probability costs as if it had 1e-40.
pub const LOG_FLOOR: f64 = -92.103_403_719_761_83;

/// Sum over states of |p - q|, in 0 ..= 2. Some code reports the *mean* over states under this name.
///
/// `log_p` and `log_q` are `[N]`, in nats.
///
/// # Panics
/// If the lengths differ.
pub fn l1(log_p: &[f64], log_q: &[f64]) -> f64 {
    pairs(log_p, log_q)
        .map(|(p, q)| (p.exp() - q.exp()).abs())
        .sum()
}

/// Total variation: half the sum over states of |p - q|, in 0 ..= 1.
///
/// `log_p` and `log_q` are `[N]`, in nats. A perfect sampler's histogram is not at 0: with `n` draws it
/// stands near half the sum of sqrt(2 p (1 - p) / (pi n)).
///
/// # Panics
/// If the lengths differ.
pub fn total_variation(log_p: &[f64], log_q: &[f64]) -> f64 {
    0.5 * l1(log_p, log_q)
}

/// KL(p || q) in nats, with log q raised to [`LOG_FLOOR`] where it is below; swap the arguments for the
/// other direction.
///
/// `log_p` and `log_q` are `[N]`, in nats. Where p is 0 nothing is added; p itself is not floored.
///
/// # Panics
/// If the lengths differ.
pub fn kl(log_p: &[f64], log_q: &[f64]) -> f64 {
    // Not f64::max, which would hide a NaN.
    let floored = |q: f64| if q < LOG_FLOOR { LOG_FLOOR } else { q };
    pairs(log_p, log_q)
        .map(|(p, q)| relative(p, floored(q)))
        .sum()
}

/// Jensen-Shannon divergence in nats, in 0 ..= log 2: the mean of KL(p || m) and KL(q || m) with
/// m = (p + q) / 2. Needs no floor.
///
/// `log_p` and `log_q` are `[N]`, in nats.
///
/// # Panics
/// If the lengths differ.
pub fn jensen_shannon(log_p: &[f64], log_q: &[f64]) -> f64 {
    let halves = pairs(log_p, log_q).map(|(p, q)| {
        let middle = crate::logspace::log_add_exp(p, q) - std::f64::consts::LN_2;
        relative(p, middle) + relative(q, middle)
    });
    0.5 * halves.sum::<f64>()
}

/// Jeffreys divergence in nats: KL(p || q) + KL(q || p), each with the floor of [`kl`].
///
/// `log_p` and `log_q` are `[N]`, in nats.
///
/// # Panics
/// If the lengths differ.
pub fn jeffreys(log_p: &[f64], log_q: &[f64]) -> f64 {
    kl(log_p, log_q) + kl(log_q, log_p)
}

/// Mean over the states with `log_q` above negative infinity of |log p - log q|, with log p raised to
/// [`LOG_FLOOR`] where it is below. Unlike a divergence it weighs rare objects as frequent ones. NaN
/// where there is no such state.
///
/// `log_p` and `log_q` are `[N]`, in nats; the target is `log_q`.
///
/// # Panics
/// If the lengths differ.
pub fn mean_absolute_log_error(log_p: &[f64], log_q: &[f64]) -> f64 {
    let kept = pairs(log_p, log_q).filter(|(_, q)| *q != f64::NEG_INFINITY);
    let (count, sum) = kept.fold((0.0, 0.0), |(count, sum), (p, q)| {
        let p = if p < LOG_FLOOR { LOG_FLOOR } else { p };
        (count + 1.0, sum + (p - q).abs())
    });
    sum / count
}

/// p (log p - log q), which is 0 where p is.
fn relative(log_p: f64, log_q: f64) -> f64 {
    if log_p == f64::NEG_INFINITY && !log_q.is_nan() {
        return 0.0;
    }
    log_p.exp() * (log_p - log_q)
}

fn pairs(log_p: &[f64], log_q: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    assert_eq!(
        log_p.len(),
        log_q.len(),
        "two distributions over the same states"
    );
    log_p.iter().copied().zip(log_q.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: f64 = f64::NEG_INFINITY;

    fn logs(p: &[f64]) -> Vec<f64> {
        p.iter().map(|p| p.ln()).collect()
    }

    #[test]
    fn equal_distributions_are_at_no_distance() {
        let p = [0.25_f64.ln(), 0.75_f64.ln(), NOWHERE];
        for distance in [l1, total_variation, kl, jensen_shannon] {
            assert!(distance(&p, &p).abs() < 1e-15);
        }
    }

    #[test]
    fn disjoint_distributions_are_as_far_as_can_be() {
        let (p, q) = ([0.0, NOWHERE], [NOWHERE, 0.0]);
        assert_eq!(l1(&p, &q), 2.0);
        assert_eq!(total_variation(&p, &q), 1.0);
        assert!((jensen_shannon(&p, &q) - std::f64::consts::LN_2).abs() < 1e-15);
        assert!((kl(&p, &q) - 40.0 * 10.0_f64.ln()).abs() < 1e-12);
    }

    /// By hand: p = (1/2, 1/2), q = (1/4, 3/4); KL(p||q) = 1/2 log(4/3), KL(q||p) = 3/4 log 3 - log 2.
    #[test]
    fn two_coins() {
        let (p, q) = (logs(&[0.5, 0.5]), logs(&[0.25, 0.75]));
        assert!((total_variation(&p, &q) - 0.25).abs() < 1e-15);
        assert!((kl(&p, &q) - 0.5 * (4.0_f64 / 3.0).ln()).abs() < 1e-15);
        assert!((kl(&q, &p) - (0.75 * 3.0_f64.ln() - 2.0_f64.ln())).abs() < 1e-15);
        assert!((jensen_shannon(&p, &q) - jensen_shannon(&q, &p)).abs() < 1e-15);
    }

    #[test]
    fn the_floor_is_1e_minus_40() {
        assert!((LOG_FLOOR - 1e-40_f64.ln()).abs() < 1e-12);
    }

    /// By hand, from the two coins: |log 2| and |log(2/3)|.
    #[test]
    fn logs_of_two_coins() {
        let (p, q) = (logs(&[0.5, 0.5]), logs(&[0.25, 0.75]));
        let expected = 0.5 * (2.0_f64.ln() + 1.5_f64.ln());
        assert!((mean_absolute_log_error(&p, &q) - expected).abs() < 1e-15);
        assert!((jeffreys(&p, &q) - 0.25 * 3.0_f64.ln()).abs() < 1e-15);
        // What the target does not have is not asked for; what only it has is at the floor.
        let (p, q) = ([NOWHERE, 0.0], [0.0, NOWHERE]);
        assert_eq!(mean_absolute_log_error(&p, &q), -LOG_FLOOR);
        assert!(mean_absolute_log_error(&[], &[]).is_nan());
    }

    #[test]
    fn nan_is_not_hidden() {
        let (p, q) = ([0.0, NOWHERE], [0.0, f64::NAN]);
        for distance in [l1, total_variation, kl, jensen_shannon, jeffreys] {
            assert!(distance(&p, &q).is_nan() && distance(&q, &p).is_nan());
        }
    }
}
