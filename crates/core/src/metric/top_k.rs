//! The best distinct objects, and how different they are from each other.
//!
//! Objects are known by their names, as a canonical string; two entries with one name are one object,
//! and the better reward counts. `names` and `rewards` are `[n]`; any increasing function of the reward
//! ranks alike.

use std::collections::BTreeSet;

use crate::error::CoreError;

/// Indices of the (at most) `k` best distinct objects: highest reward first, ties by name.
///
/// # Errors
/// [`CoreError::RewardNotFinite`] names the first object without a finite reward.
///
/// # Panics
/// If the lengths differ.
pub fn top_k<S: AsRef<str>>(
    names: &[S],
    rewards: &[f64],
    k: usize,
) -> Result<Vec<usize>, CoreError> {
    let mut ranked = ranked(names, rewards)?;
    ranked.truncate(k);
    Ok(ranked)
}

/// Mean reward of the `k` best distinct objects, or of all where there are fewer; `None` without any.
///
/// # Errors
/// Those of [`top_k`].
///
/// # Panics
/// If the lengths differ.
pub fn mean_top_k<S: AsRef<str>>(
    names: &[S],
    rewards: &[f64],
    k: usize,
) -> Result<Option<f64>, CoreError> {
    let best = top_k(names, rewards, k)?;
    let sum: f64 = best.iter().map(|&index| rewards[index]).sum();
    Ok((!best.is_empty()).then(|| sum / best.len() as f64))
}

/// Mean of `distance` over the n(n - 1) / 2 unordered pairs of `objects` (indices, as [`top_k`] gives
/// them); `None` with fewer than two.
///
/// One public helper divides the unordered sum by n(n - 1) and reports half of this.
pub fn diversity(objects: &[usize], mut distance: impl FnMut(usize, usize) -> f64) -> Option<f64> {
    let mut sum = 0.0;
    for (place, &a) in objects.iter().enumerate() {
        for &b in &objects[place + 1..] {
            sum += distance(a, b);
        }
    }
    let pairs = objects.len() * objects.len().saturating_sub(1) / 2;
    (pairs > 0).then(|| sum / pairs as f64)
}

/// Mean of `distance` over the unordered pairs of `count` objects numbered from 0: [`diversity`] of all.
pub fn mean_pairwise_distance(
    count: usize,
    distance: impl FnMut(usize, usize) -> f64,
) -> Option<f64> {
    diversity(&(0..count).collect::<Vec<_>>(), distance)
}

/// Fraction of `names` that are first of their name, in 0 ..= 1; `None` without names.
pub fn unique_fraction<S: AsRef<str>>(names: &[S]) -> Option<f64> {
    let distinct: BTreeSet<&str> = names.iter().map(S::as_ref).collect();
    (!names.is_empty()).then(|| distinct.len() as f64 / names.len() as f64)
}

/// Indices of all distinct objects, best first.
pub(super) fn ranked<S: AsRef<str>>(names: &[S], rewards: &[f64]) -> Result<Vec<usize>, CoreError> {
    assert_eq!(names.len(), rewards.len(), "one reward an object");
    if let Some(index) = rewards.iter().position(|r| !r.is_finite()) {
        return Err(CoreError::RewardNotFinite {
            object: names[index].as_ref().to_owned(),
            value: rewards[index],
        });
    }
    let name = |index: usize| names[index].as_ref();
    let mut order: Vec<usize> = (0..names.len()).collect();
    // partial_cmp, so that 0.0 and -0.0 are a tie; all are finite.
    order.sort_by(|&a, &b| {
        let better = rewards[b]
            .partial_cmp(&rewards[a])
            .expect("rewards are finite");
        better.then_with(|| name(a).cmp(name(b)))
    });
    let mut seen = BTreeSet::new();
    order.retain(|&index| seen.insert(name(index)));
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = ["CC", "O", "CC", "N", "C", "O"];
    const REWARDS: [f64; 6] = [0.5, 0.2, 0.7, 0.5, 0.9, 0.2];

    #[test]
    fn duplicates_count_once_with_their_better_reward() {
        assert_eq!(top_k(&NAMES, &REWARDS, 3).unwrap(), [4, 2, 3]);
        assert_eq!(
            mean_top_k(&NAMES, &REWARDS, 3).unwrap(),
            Some((0.9 + 0.7 + 0.5) / 3.0)
        );
        assert_eq!(top_k(&NAMES, &REWARDS, 9).unwrap(), [4, 2, 3, 1]);
        assert_eq!(unique_fraction(&NAMES), Some(4.0 / 6.0));
    }

    #[test]
    fn ties_are_broken_by_name_whatever_the_order() {
        for (names, expected) in [(["b", "a", "c"], ["a", "b"]), (["c", "b", "a"], ["a", "b"])] {
            let best = top_k(&names, &[0.0, -0.0, 0.0], 2).unwrap();
            assert_eq!(best.iter().map(|&i| names[i]).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn diversity_is_a_mean_over_unordered_pairs() {
        let line = |a: usize, b: usize| a.abs_diff(b) as f64;
        assert_eq!(diversity(&[0, 1, 3], line), Some(2.0));
        assert_eq!(diversity(&[4, 9], line), Some(5.0));
        assert_eq!(diversity(&[4], line), None);
        assert_eq!(diversity(&[], line), None);
        assert_eq!(mean_pairwise_distance(3, line), Some(4.0 / 3.0));
        assert_eq!(mean_pairwise_distance(1, line), None);
    }

    #[test]
    fn nothing_and_nonsense() {
        let none: [&str; 0] = [];
        assert_eq!(mean_top_k(&none, &[], 3).unwrap(), None);
        assert_eq!(mean_top_k(&NAMES, &REWARDS, 0).unwrap(), None);
        assert_eq!(unique_fraction(&none), None);
        let refused = top_k(&["C", "N"], &[0.0, f64::NAN], 1).unwrap_err();
        assert!(refused.to_string().contains("the reward of N is NaN"));
    }
}
