//! Sequence logos: how much each position tells, and by which letters.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sequences::{Alphabet, Kind};

/// A logo, ready to be drawn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Logo {
    /// What it shows.
    pub name: String,
    /// How it was made: numbers of sequences, alignment.
    pub note: String,
    /// What the letters are; decides on colours.
    pub kind: Kind,
    /// log2 of the number of letters: the most that a position can tell, in bits.
    pub most: f64,
    /// The positions from the left.
    pub positions: Vec<Position>,
}

/// One position of a logo.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Position {
    /// Information in bits, corrected for the number of sequences, at least 0.
    pub information: f64,
    /// Letters that occur with their share of the sequences, most frequent first.
    pub letters: Vec<(String, f64)>,
}

/// Share of sequences that a position needs to be shown.
const REACHED: f64 = 0.5;

/// Information of a position in bits: log2 K - (H + e(n)), at least 0, with H the entropy of the
/// `counts` `[K]` and e(n) = (K - 1) / (2 n ln 2) for n sequences (Schneider et al., J. Mol. Biol.
/// 188:415, 1986; Schneider and Stephens, Nucleic Acids Res. 18:6097, 1990).
#[must_use]
pub fn information(counts: &[usize]) -> f64 {
    let n = counts.iter().sum::<usize>() as f64;
    if n == 0.0 {
        return 0.0;
    }
    let shares = counts.iter().filter(|&&c| c > 0).map(|&c| c as f64 / n);
    let entropy: f64 = shares.map(|p| -p * p.log2()).sum();
    let kinds = counts.len() as f64;
    let correction = (kinds - 1.0) / (2.0 * n * std::f64::consts::LN_2);
    (kinds.log2() - entropy - correction).max(0.0)
}

/// The logo of texts, aligned at their left ends; positions that fewer than half of them reach are left
/// out. `None` without sequences of the alphabet.
#[must_use]
pub fn logo(name: &str, alphabet: &Alphabet, texts: &[&str]) -> Option<Logo> {
    let rows: Vec<Vec<u8>> = texts
        .iter()
        .filter_map(|text| alphabet.split(text))
        .filter(|row| !row.is_empty())
        .collect();
    let (shortest, longest) = (
        rows.iter().map(Vec::len).min()?,
        rows.iter().map(Vec::len).max()?,
    );
    let mut positions = Vec::new();
    for place in 0..longest {
        let mut counts = vec![0; alphabet.tokens().len()];
        let here = rows.iter().filter_map(|row| row.get(place));
        here.for_each(|&letter| counts[usize::from(letter)] += 1);
        let n: usize = counts.iter().sum();
        if (n as f64) < REACHED * rows.len() as f64 {
            break;
        }
        let mut letters: Vec<(String, f64)> = alphabet
            .tokens()
            .iter()
            .zip(&counts)
            .filter(|(_, count)| **count > 0)
            .map(|(token, count)| (token.clone(), *count as f64 / n as f64))
            .collect();
        // Stable: letters of one share stay in the order of the alphabet.
        letters.sort_by(|a, b| b.1.total_cmp(&a.1));
        positions.push(Position {
            information: information(&counts),
            letters,
        });
    }
    let count = rows.len();
    let note = if shortest == longest {
        format!("{count} sequences of {longest} letters")
    } else {
        format!(
            "{count} sequences of {shortest} to {longest} letters, aligned at the left; shown are the {} \
             positions that at least half of them have",
            positions.len()
        )
    };
    Some(Logo {
        name: name.to_owned(),
        note,
        kind: alphabet.kind(),
        most: (alphabet.tokens().len() as f64).log2(),
        positions,
    })
}

/// Edit distance of two texts by the length of the longer, up to which they belong to one cluster.
pub const ALIKE: f64 = 0.3;

/// Clusters of texts that come best first: each text joins the first cluster whose first member is
/// within [`ALIKE`], or begins one. Places in `texts`.
#[must_use]
pub fn clusters(texts: &[&str]) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let alike =
            |first: usize| 1.0 - strsim::normalized_levenshtein(texts[first], text) <= ALIKE;
        match all.iter_mut().find(|members| alike(members[0])) {
            Some(members) => members.push(i),
            None => all.push(vec![i]),
        }
    }
    all
}

/// The distinct texts with their rewards, best first; equal rewards in the order of the texts.
#[must_use]
pub fn best_first<'a>(texts: &[&'a str], rewards: &[f64]) -> Vec<(&'a str, f64)> {
    let distinct: BTreeMap<&str, f64> =
        texts.iter().copied().zip(rewards.iter().copied()).collect();
    let mut best: Vec<(&str, f64)> = distinct.into_iter().collect();
    best.sort_by(|a, b| b.1.total_cmp(&a.1));
    best
}

/// Sequences of the best among which clusters are sought.
const POOL: usize = 300;
/// Fewest members of a cluster that is shown, and most clusters.
const MEMBERS: usize = 5;
const CLUSTERS: usize = 4;

/// The logos of a report: all samples, the 100 best distinct ones, and the best clusters of the 300 best.
#[must_use]
pub fn logos(alphabet: &Alphabet, texts: &[&str], rewards: &[f64]) -> Vec<Logo> {
    let best = best_first(texts, rewards);
    let top: Vec<&str> = best.iter().take(100).map(|b| b.0).collect();
    let pool: Vec<&str> = best.iter().take(POOL).map(|b| b.0).collect();
    let mut out = Vec::new();
    out.extend(logo("All samples", alphabet, texts));
    let mut large = clusters(&pool);
    large.retain(|members| members.len() >= MEMBERS);
    let mut of_top = logo(&format!("Top {} by reward", top.len()), alphabet, &top);
    if let Some(logo) = of_top.as_mut().filter(|_| large.is_empty()) {
        logo.note = format!(
            "{}; no cluster has a logo, for no {MEMBERS} of the {} best are within edit distance {ALIKE} of \
             one of them",
            logo.note,
            pool.len()
        );
    }
    out.extend(of_top);
    for (i, members) in large.iter().take(CLUSTERS).enumerate() {
        let own: Vec<&str> = members.iter().map(|&m| pool[m]).collect();
        let Some(mut logo) = logo(&format!("Cluster {}", i + 1), alphabet, &own) else {
            continue;
        };
        logo.note = format!(
            "{}; of the {} best, within edit distance {ALIKE} of {}, whose reward is {:.3}",
            logo.note,
            pool.len(),
            own[0],
            best[members[0]].1
        );
        out.push(logo);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, four letters: eight A tell 2 - 3 / (16 ln 2) = 1.7295 bits; four A and four C
    /// 2 - 1 - 0.2705; of two sequences A and C, 1 - 1.0820 is held at 0; twenty letters of which one
    /// alone in 100: log2 20 - 19 / (200 ln 2) = 4.1849.
    #[test]
    fn information_by_hand() {
        let close = |counts: &[usize], bits: f64| {
            let found = information(counts);
            assert!((found - bits).abs() < 1e-4, "{counts:?}: {found}");
        };
        close(&[8, 0, 0, 0], 1.729_5);
        close(&[4, 4, 0, 0], 0.729_5);
        close(&[1, 1, 0, 0], 0.0);
        close(&[0, 0, 0, 0], 0.0);
        let mut protein = vec![0; 20];
        protein[3] = 100;
        close(&protein, 4.184_9);
    }

    #[test]
    fn columns_count_letters_and_short_texts_end() {
        let alphabet = Alphabet::parse("dna").unwrap();
        let logo = logo("x", &alphabet, &["ACG", "ACT", "AC", "AGTT"]).unwrap();
        let letters = |place: usize| logo.positions[place].letters.clone();
        assert_eq!(logo.positions.len(), 3);
        assert_eq!(letters(0), [("A".to_owned(), 1.0)]);
        assert_eq!(letters(1), [("C".to_owned(), 0.75), ("G".to_owned(), 0.25)]);
        assert_eq!(letters(2)[0].0, "T");
        assert!(logo.note.contains("2 to 4 letters, aligned at the left"));
        assert!(super::logo("x", &alphabet, &["XX"]).is_none());
        assert!(super::logo("x", &alphabet, &[]).is_none());
    }

    #[test]
    fn clusters_gather_around_the_best() {
        let texts = ["AAAAAAAA", "CCCCCCCC", "AAAAAAAC", "CCCCCCGG", "GGGGGGGG"];
        assert_eq!(clusters(&texts), [vec![0, 2], vec![1, 3], vec![4]]);
        let best = best_first(&["b", "a", "c", "a"], &[1.0, 1.0, 3.0, 1.0]);
        assert_eq!(best, [("c", 3.0), ("a", 1.0), ("b", 1.0)]);
    }
}
