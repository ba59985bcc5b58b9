//! From the numbers of all seeds to a verdict.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::lab::table::number;

/// Whether a claim holds, and what was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the criterion is met.
    pub holds: bool,
    /// The numbers in words.
    pub measured: String,
}

/// The numbers of one claim: under each key, one value for each seed, in the order of the seeds.
///
/// A criterion reads like its sentence:
///
/// ```
/// use anabranch_recipes::Measurements;
/// let measured = Measurements::from([("tv", vec![0.04, 0.07, 0.05]), ("mcmc", vec![0.2, 0.3, 0.2])]);
/// let verdict = measured.verdict(
///     measured.every("tv", |v| v < 0.12) && measured.every_pair("tv", "mcmc", |tv, mcmc| mcmc > 2.0 * tv),
/// );
/// assert!(verdict.holds);
/// assert_eq!(measured.at_least(2, "tv", |v| v <= 0.05), true);
/// assert_eq!(measured.median("tv"), 0.05);
/// ```
#[derive(Debug, Default)]
pub struct Measurements {
    values: BTreeMap<String, Vec<f64>>,
    /// Keys that a criterion asked for and nobody recorded: misspelt, most likely.
    unknown: RefCell<BTreeSet<String>>,
}

impl Measurements {
    /// From the values of each key, one for each seed.
    pub fn new(values: BTreeMap<String, Vec<f64>>) -> Self {
        Self {
            values,
            unknown: RefCell::default(),
        }
    }

    /// Every key with its values.
    pub fn all(&self) -> &BTreeMap<String, Vec<f64>> {
        &self.values
    }

    /// The values of `key`, one for each seed; none where it was not recorded.
    pub fn values(&self, key: &str) -> &[f64] {
        match self.values.get(key) {
            Some(values) => values,
            None => {
                self.unknown.borrow_mut().insert(key.to_owned());
                &[]
            }
        }
    }

    /// Whether each seed's `key` satisfies `condition`; false without any.
    pub fn every(&self, key: &str, condition: impl Fn(f64) -> bool) -> bool {
        let values = self.values(key);
        !values.is_empty() && values.iter().all(|&v| condition(v))
    }

    /// Whether `key` satisfies `condition` with `count` seeds or more.
    pub fn at_least(&self, count: usize, key: &str, condition: impl Fn(f64) -> bool) -> bool {
        let values = self.values(key);
        !values.is_empty() && values.iter().filter(|&&v| condition(v)).count() >= count
    }

    /// Whether the values of `a` and `b` satisfy `condition` with each seed; false without any.
    pub fn every_pair(&self, a: &str, b: &str, condition: impl Fn(f64, f64) -> bool) -> bool {
        let (a, b) = (self.values(a), self.values(b));
        !a.is_empty() && a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| condition(a, b))
    }

    /// Whether the keys that begin with `prefix` satisfy `condition`, each with each seed; false without
    /// any.
    pub fn every_under(&self, prefix: &str, condition: impl Fn(f64) -> bool + Copy) -> bool {
        let keys: Vec<&String> = self
            .values
            .keys()
            .filter(|k| k.starts_with(prefix))
            .collect();
        !keys.is_empty() && keys.iter().all(|key| self.every(key, condition))
    }

    /// Mean of `key` over the seeds; NaN without any, which satisfies no comparison.
    pub fn mean(&self, key: &str) -> f64 {
        let values = self.values(key);
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// Median of `key` over the seeds; NaN without any.
    pub fn median(&self, key: &str) -> f64 {
        median(self.values(key))
    }

    /// Smallest value of `key`; NaN without any.
    pub fn min(&self, key: &str) -> f64 {
        self.values(key).iter().copied().fold(f64::NAN, f64::min)
    }

    /// Largest value of `key`; NaN without any.
    pub fn max(&self, key: &str) -> f64 {
        self.values(key).iter().copied().fold(f64::NAN, f64::max)
    }

    /// The verdict `holds` with every number of the claim beside it. A criterion that asked for a key
    /// that nobody recorded does not hold.
    pub fn verdict(&self, holds: bool) -> Verdict {
        let mut parts: Vec<String> = self
            .values
            .iter()
            .map(|(key, values)| format!("{key} {}", summary(values)))
            .collect();
        let unknown = self.unknown.borrow();
        parts.extend(unknown.iter().map(|key| format!("{key} was not recorded")));
        Verdict {
            holds: holds && unknown.is_empty(),
            measured: parts.join("; "),
        }
    }
}

impl<const N: usize> From<[(&str, Vec<f64>); N]> for Measurements {
    fn from(values: [(&str, Vec<f64>); N]) -> Self {
        Self::new(
            values
                .into_iter()
                .map(|(key, values)| (key.to_owned(), values))
                .collect(),
        )
    }
}

/// Median of `values`; the mean of the middle two of an even number, NaN of none or of a NaN.
pub fn median(values: &[f64]) -> f64 {
    if values.is_empty() || values.iter().any(|v| v.is_nan()) {
        return f64::NAN;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    }
}

/// The values of all seeds, with their median and spread (largest less smallest) where they differ.
pub fn summary(values: &[f64]) -> String {
    let each: Vec<String> = values.iter().map(|&v| number(v)).collect();
    let all = each.join(" / ");
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.iter().all(|v| v.is_finite()) && low < high {
        let (middle, spread) = (number(median(values)), number(high - low));
        return format!("{all} (median {middle}, spread {spread})");
    }
    match each.first() {
        Some(first) if each.iter().all(|v| v == first) => first.clone(),
        _ => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Measurements {
        Measurements::from([("a", vec![1.0, 3.0, 2.0]), ("b", vec![2.0, 6.0, 4.0])])
    }

    #[test]
    fn every_and_at_least_count_seeds() {
        let m = three();
        assert!(m.every("a", |v| v <= 3.0) && !m.every("a", |v| v < 3.0));
        assert!(m.at_least(2, "a", |v| v < 3.0) && !m.at_least(3, "a", |v| v < 3.0));
        assert!(m.every_pair("a", "b", |a, b| b == 2.0 * a));
        assert!(!m.every_pair("a", "b", |a, b| a + b < 9.0));
        assert!(m.every_under("", |v| v > 0.0) && !m.every_under("", |v| v < 4.0));
        assert!(!m.every_under("c", |_| true), "no key, no verdict");
    }

    #[test]
    fn averages_are_over_seeds() {
        let m = three();
        assert_eq!(
            (m.mean("a"), m.median("a"), m.min("a"), m.max("a")),
            (2.0, 2.0, 1.0, 3.0)
        );
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan() && median(&[1.0, f64::NAN]).is_nan());
    }

    #[test]
    fn a_misspelt_key_holds_nothing() {
        let m = three();
        assert!(!m.every("tvv", |_| true) && !m.at_least(0, "tvv", |_| true));
        assert!(m.mean("tvv").is_nan() && m.min("tvv").is_nan() && m.max("tvv").is_nan());
        let verdict = m.verdict(true);
        assert!(!verdict.holds && verdict.measured.ends_with("tvv was not recorded"));
    }

    #[test]
    fn the_summary_shows_every_seed() {
        assert_eq!(
            summary(&[0.05, 0.03, 0.04]),
            "0.05 / 0.03 / 0.04 (median 0.04, spread 0.02)"
        );
        assert_eq!(summary(&[16.0, 16.0]), "16");
        assert_eq!(summary(&[1.0, f64::NAN]), "1 / NaN");
        assert_eq!(summary(&[f64::NAN, f64::NAN]), "NaN");
        assert_eq!(summary(&[]), "");
    }
}
