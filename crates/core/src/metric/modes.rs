//! Modes: high-reward objects that are unlike each other.

use super::top_k::ranked;
use crate::error::CoreError;

/// Greedy cover: goes through the distinct objects with a reward of at least `min_reward`, highest
/// first and ties by name, and keeps each that is like none kept before; stops at `max_modes`.
///
/// `names` (canonical strings) and `rewards` are `[n]`; the result is indices into them, best first.
/// `alike(kept, candidate)` says whether two are one mode, for instance Tanimoto similarity above 0.7;
/// report the threshold and the fingerprint with the count. It is asked from the best kept one on and
/// not again after the first yes.
///
/// Bengio et al. 2021, arXiv 2106.04399 (modes at Tanimoto 0.7), with the order of visiting fixed
/// so that one set of objects has one count.
///
/// # Errors
/// [`CoreError::RewardNotFinite`] names the first object without a finite reward.
///
/// # Panics
/// If the lengths differ.
///
/// # Complexity
/// At most candidates times modes comparisons.
pub fn greedy_modes<S: AsRef<str>>(
    names: &[S],
    rewards: &[f64],
    min_reward: f64,
    max_modes: usize,
    mut alike: impl FnMut(usize, usize) -> bool,
) -> Result<Vec<usize>, CoreError> {
    let mut modes: Vec<usize> = Vec::new();
    for candidate in ranked(names, rewards)? {
        if modes.len() == max_modes || rewards[candidate] < min_reward {
            break;
        }
        if !modes.iter().any(|&mode| alike(mode, candidate)) {
            modes.push(candidate);
        }
    }
    Ok(modes)
}

/// Indices of the sequences that are local optima: reward of at least `min_reward` and no sequence within
/// `radius` substitutions has a higher one.
///
/// `reward` is asked of every neighbour of the same length over letters 0 .. `letters`, seen or not; the
/// reward of a sequence itself is asked first. Equal neighbours do not spoil a mode, so a plateau counts
/// as often as it is listed. Kim et al. 2023, arXiv 2310.02710, count with radius 1 or 2.
///
/// # Complexity
/// Up to the sum over r <= radius of C(length, r) (letters - 1)^r rewards a sequence.
pub fn hamming_modes(
    sequences: &[Vec<usize>],
    letters: usize,
    radius: usize,
    min_reward: f64,
    mut reward: impl FnMut(&[usize]) -> f64,
) -> Vec<usize> {
    let mut out = Vec::new();
    for (index, sequence) in sequences.iter().enumerate() {
        let own = reward(sequence);
        let mut scratch = sequence.clone();
        if own >= min_reward && !is_beaten(&mut scratch, 0, letters, radius, own, &mut reward) {
            out.push(index);
        }
    }
    out
}

/// Whether changing up to `radius` letters from place `from` on gives more than `own`.
fn is_beaten(
    sequence: &mut [usize],
    from: usize,
    letters: usize,
    radius: usize,
    own: f64,
    reward: &mut impl FnMut(&[usize]) -> f64,
) -> bool {
    if radius == 0 {
        return false;
    }
    for place in from..sequence.len() {
        let kept = sequence[place];
        for letter in (0..letters).filter(|&letter| letter != kept) {
            sequence[place] = letter;
            let higher = reward(sequence) > own
                || is_beaten(sequence, place + 1, letters, radius - 1, own, reward);
            sequence[place] = kept;
            if higher {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "a"];
    const PLACES: [i32; 6] = [0, 1, 5, 6, 9, 0];
    const REWARDS: [f64; 6] = [1.0, 2.0, 3.0, 3.0, 0.5, 1.0];

    fn near(a: usize, b: usize) -> bool {
        PLACES[a].abs_diff(PLACES[b]) <= 1
    }

    /// By hand: c before d by name; d is near c; b; a is near b; e.
    #[test]
    fn the_best_stands_for_its_neighbours() {
        let modes = |min, max| greedy_modes(&NAMES, &REWARDS, min, max, near).unwrap();
        assert_eq!(modes(f64::NEG_INFINITY, usize::MAX), [2, 1, 4]);
        assert_eq!(modes(1.0, usize::MAX), [2, 1]);
        assert_eq!(modes(2.0, usize::MAX), [2, 1]);
        assert_eq!(modes(0.0, 1), [2]);
        assert!(modes(0.0, 0).is_empty() && modes(4.0, 9).is_empty());
    }

    #[test]
    fn modes_are_unlike_and_cover_the_rest() {
        let modes = greedy_modes(&NAMES, &REWARDS, 0.0, usize::MAX, near).unwrap();
        for (place, &a) in modes.iter().enumerate() {
            assert!(modes[..place].iter().all(|&b| !near(a, b)));
        }
        assert!((0..NAMES.len()).all(|x| modes.iter().any(|&mode| near(mode, x))));
    }

    #[test]
    fn a_yes_ends_the_comparisons() {
        let mut asked = Vec::new();
        let all_alike = |mode, candidate| {
            asked.push((mode, candidate));
            true
        };
        greedy_modes(&NAMES, &REWARDS, 0.0, usize::MAX, all_alike).unwrap();
        // One question for each distinct object after the first.
        assert_eq!(asked, [(2, 3), (2, 1), (2, 0), (2, 4)]);
    }

    #[test]
    fn the_best_mode_is_asked_first() {
        let mut asked = Vec::new();
        let none_alike = |mode, candidate| {
            asked.push((mode, candidate));
            false
        };
        greedy_modes(&NAMES, &REWARDS, 1.0, 3, none_alike).unwrap();
        assert_eq!(asked, [(2, 3), (2, 1), (3, 1)]);
    }

    /// By hand: rewards of 000 to 111 with two peaks, 000 (5) and 111 (7), and 2 for one letter set,
    /// 3 for two. From 000 the other peak is three substitutions away.
    #[test]
    fn peaks_of_a_cube() {
        let all: Vec<Vec<usize>> = (0..8_usize)
            .map(|n| (0..3).map(|bit| n >> bit & 1).collect())
            .collect();
        let reward = |s: &[usize]| [5.0, 2.0, 3.0, 7.0][s.iter().sum::<usize>()];
        let modes = |radius, least| hamming_modes(&all, 2, radius, least, reward);
        assert_eq!(modes(1, 0.0), [0, 7]);
        assert_eq!(modes(2, 0.0), [0, 7]);
        assert_eq!(modes(3, 0.0), [7]);
        assert_eq!(modes(1, 6.0), [7]);
        assert_eq!(modes(0, 3.0), [0, 3, 5, 6, 7]);
        assert_eq!(hamming_modes(&all, 2, 1, 0.0, |_| 1.0).len(), 8);
    }
}
