//! Sums and softmaxes of logarithms.

/// log of the sum of exponentials; -inf for nothing.
pub fn log_sum_exp(values: &[f64]) -> f64 {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY || max.is_nan() || max == f64::INFINITY {
        return if values.iter().any(|v| v.is_nan()) {
            f64::NAN
        } else {
            max
        };
    }
    max + values.iter().map(|v| (v - max).exp()).sum::<f64>().ln()
}

/// log(e^a + e^b); -inf where both are.
pub fn log_add_exp(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    // The difference of two equal infinities would be NaN; a NaN fails the comparison and stays one.
    if low == high && low.is_infinite() {
        return low;
    }
    high + (low - high).exp().ln_1p()
}

/// `[n]` log-softmax of `values`, written over them.
pub fn log_softmax(values: &mut [f64]) {
    let total = log_sum_exp(values);
    values.iter_mut().for_each(|v| *v -= total);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_missing_values() {
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[f64::NEG_INFINITY; 2]), f64::NEG_INFINITY);
        assert!((log_sum_exp(&[1000.0, 1000.0]) - (1000.0 + 2.0_f64.ln())).abs() < 1e-12);
        assert!(log_sum_exp(&[f64::NAN, 0.0]).is_nan());
        for (a, b) in [
            (0.3, -2.0),
            (-2.0, 0.3),
            (1000.0, 1000.0),
            (f64::NEG_INFINITY, 1.0),
        ] {
            assert!((log_add_exp(a, b) - log_sum_exp(&[a, b])).abs() < 1e-12);
        }
        assert_eq!(
            log_add_exp(f64::NEG_INFINITY, f64::NEG_INFINITY),
            f64::NEG_INFINITY
        );
        for other in [0.0, f64::NEG_INFINITY, f64::INFINITY] {
            assert!(log_add_exp(f64::NAN, other).is_nan() && log_add_exp(other, f64::NAN).is_nan());
        }
    }
}
