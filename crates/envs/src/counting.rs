//! Numbers of things, held at `usize::MAX` where they would be larger.

use crate::EnvError;

/// Ways to choose `k` of `n`.
pub(crate) fn binomial(n: usize, k: usize) -> usize {
    if k > n {
        return 0;
    }
    let ways = (0..k.min(n - k)).try_fold(1_u128, |ways, i| {
        // The product of i + 1 successive numbers can be divided by (i + 1)!, so nothing is lost.
        Some(ways.checked_mul((n - i) as u128)? / (i as u128 + 1))
    });
    ways.and_then(|ways| usize::try_from(ways).ok())
        .unwrap_or(usize::MAX)
}

/// `base`^`power`.
pub(crate) fn power(base: usize, power: usize) -> usize {
    base.saturating_pow(u32::try_from(power).unwrap_or(u32::MAX))
}

/// Strings of `letters` letters that are shorter than `length`.
pub(crate) fn shorter_strings(letters: usize, length: usize) -> usize {
    (0..length).fold(0, |sum, n| sum.saturating_add(power(letters, n)))
}

/// Refuses a `value` outside `range`, naming it.
pub(crate) fn in_range(
    name: &'static str,
    value: usize,
    range: std::ops::RangeInclusive<usize>,
) -> Result<(), EnvError> {
    if range.contains(&value) {
        return Ok(());
    }
    let expected = format!("{} to {}", range.start(), range.end());
    Err(EnvError::out_of_range(name, value, expected))
}

/// Refuses a `value` that is not positive and finite, naming it.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<(), EnvError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(EnvError::out_of_range(name, value, "positive and finite"))
}

/// Refuses a `value` that is not finite, naming it.
pub(crate) fn finite(name: &'static str, value: f64) -> Result<(), EnvError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(EnvError::out_of_range(name, value, "finite"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_saturate() {
        assert_eq!(binomial(19, 6), 27_132);
        assert_eq!(binomial(20, 7), 77_520);
        assert_eq!(binomial(5, 0), 1);
        assert_eq!(binomial(3, 4), 0);
        assert_eq!(binomial(64, 32), 1_832_624_140_942_590_534);
        assert_eq!(binomial(300, 150), usize::MAX);
        assert_eq!(shorter_strings(4, 3), 21);
        assert_eq!(shorter_strings(1, 3), 3);
        assert_eq!(shorter_strings(4, 100), usize::MAX);
    }
}
