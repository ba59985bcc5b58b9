//! What sampled sequences are like.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::Serialize;

use crate::logo::{best_first, clusters};

/// Figures of sampled sequences.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SequenceStats {
    /// Clusters among the 1000 best distinct sequences of a high reward: no two of their first members
    /// are within [`ALIKE`](crate::logo::ALIKE).
    pub modes: usize,
    /// Where sequences were known before.
    pub novelty: Option<Novelty>,
}

/// How far the best 100 distinct sequences are from known ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Novelty {
    /// Share that is not among them.
    pub novel: f64,
    /// Mean edit distance to the nearest known one, divided by the length of the longer.
    pub distance: f64,
}

/// Sequences compared with known ones.
const TOP: usize = 100;
/// Most sequences that modes are sought among; the search is quadratic.
const SOUGHT: usize = 1000;

/// Figures of `texts` `[N]` with their `rewards` `[N]`, repeats included; a high reward is at least
/// `mode_reward`.
#[must_use]
pub fn sequence_stats(
    texts: &[&str],
    rewards: &[f64],
    mode_reward: f64,
    known: Option<&BTreeSet<String>>,
) -> SequenceStats {
    let best = best_first(texts, rewards);
    let high: Vec<&str> = best
        .iter()
        .take_while(|(_, reward)| *reward >= mode_reward)
        .take(SOUGHT)
        .map(|(text, _)| *text)
        .collect();
    let top: Vec<&str> = best.iter().take(TOP).map(|(text, _)| *text).collect();
    SequenceStats {
        modes: clusters(&high).len(),
        novelty: known
            .filter(|known| !known.is_empty() && !top.is_empty())
            .map(|known| novelty(&top, known)),
    }
}

fn novelty(top: &[&str], known: &BTreeSet<String>) -> Novelty {
    let new = top.iter().filter(|text| !known.contains(**text)).count();
    // Collected, then summed in order: the sum does not depend on threads.
    let distances: Vec<f64> = top
        .par_iter()
        .map(|text| {
            let all = known.iter();
            all.map(|other| 1.0 - strsim::normalized_levenshtein(text, other))
                .fold(1.0, f64::min)
        })
        .collect();
    Novelty {
        novel: new as f64 / top.len() as f64,
        distance: distances.iter().sum::<f64>() / top.len() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_novelty_by_hand() {
        let known: BTreeSet<String> = ["AAAA", "CCCC"].map(String::from).into();
        let texts = ["AAAA", "AAAC", "GGGG", "AAAA", "TTTT"];
        let stats = sequence_stats(&texts, &[4.0, 3.0, 2.0, 4.0, 0.1], 1.0, Some(&known));
        assert_eq!(stats.modes, 2);
        let novelty = stats.novelty.unwrap();
        assert_eq!(novelty.novel, 0.75);
        // 0, 1/4, 1, 1.
        assert_eq!(novelty.distance, 0.5625);
        let none = sequence_stats(&texts, &[0.0; 5], 1.0, None);
        assert_eq!((none.modes, none.novelty), (0, None));
    }
}
