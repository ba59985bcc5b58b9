//! The peptides that are learned from.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::{AmpError, Peptide};

/// Where the peptides stand below the data folder.
pub const DATA: &str = "amp/amp_vs_uniprot.csv";

/// Distinct peptides with their class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// In the order of the file.
    pub peptides: Vec<(Peptide, bool)>,
    /// Peptides that came again with the same class; kept once.
    pub repeated: usize,
    /// Distinct peptides that stand in both classes; left out.
    pub contradictory: usize,
}

impl Labelled {
    /// Reads a file of lines `peptide, class` after a first line of counts.
    ///
    /// # Errors
    /// Where the file cannot be read or a line is something else.
    pub fn read(path: &Path) -> Result<Self, AmpError> {
        let text = std::fs::read_to_string(path).map_err(|source| AmpError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut all = Vec::new();
        for (i, line) in text.lines().enumerate().skip(1) {
            let bad = |problem: String| AmpError::Line {
                path: path.to_owned(),
                line: i + 1,
                problem,
            };
            if line.trim().is_empty() {
                continue;
            }
            let (peptide, class) = line
                .split_once(',')
                .ok_or_else(|| bad("there is no comma".to_owned()))?;
            let peptide =
                Peptide::from_text(peptide.trim()).map_err(|error| bad(error.to_string()))?;
            let class = match class.trim() {
                "1" => true,
                "0" => false,
                other => return Err(bad(format!("{other:?} is no class"))),
            };
            all.push((peptide, class));
        }
        Ok(Self::of(all))
    }

    /// Each peptide once, those of both classes left out.
    #[must_use]
    pub fn of(all: Vec<(Peptide, bool)>) -> Self {
        let mut classes: HashMap<&Peptide, [bool; 2]> = HashMap::new();
        for (peptide, class) in &all {
            classes.entry(peptide).or_default()[usize::from(*class)] = true;
        }
        let contradictory = classes.values().filter(|both| **both == [true; 2]).count();
        let mut seen = std::collections::HashSet::new();
        let kept: Vec<bool> = all
            .iter()
            .map(|(peptide, _)| classes[peptide] != [true; 2] && seen.insert(peptide))
            .collect();
        let distinct = classes.len();
        let total = all.len();
        let peptides: Vec<(Peptide, bool)> = all
            .into_iter()
            .zip(kept)
            .filter(|(_, kept)| *kept)
            .map(|(item, _)| item)
            .collect();
        Self {
            peptides,
            repeated: total - distinct,
            contradictory,
        }
    }

    /// Number of peptides of either class: antimicrobial, other.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let positives = self.peptides.iter().filter(|(_, class)| *class).count();
        (positives, self.peptides.len() - positives)
    }
}

/// Length of the words that two peptides are compared by.
const WORD: usize = 4;
/// Share of the shorter one's words at which two peptides are kin.
pub(super) const KIN: f64 = 0.3;

/// `[N]` the group of each peptide. Two peptides that share at least 30 % of the distinct 4-letter words
/// of the one with fewer are in one group, and so are those linked through others; one too short to have
/// a word is by itself.
#[must_use]
pub fn kinship(peptides: &[&Peptide]) -> Vec<usize> {
    let words: Vec<Vec<&[u8]>> = peptides
        .iter()
        .map(|peptide| {
            let mut words: Vec<&[u8]> = peptide.residues().windows(WORD).collect();
            words.sort_unstable();
            words.dedup();
            words
        })
        .collect();
    let mut holders: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
    for (i, words) in words.iter().enumerate() {
        for word in words {
            holders.entry(word).or_default().push(i);
        }
    }
    let mut roots: Vec<usize> = (0..peptides.len()).collect();
    let mut shared = vec![0_usize; peptides.len()];
    for (i, own) in words.iter().enumerate() {
        let others = || own.iter().flat_map(|word| &holders[word]).copied();
        for j in others() {
            shared[j] += 1;
        }
        for j in others() {
            let least = own.len().min(words[j].len());
            if j < i && shared[j] as f64 >= KIN * least as f64 {
                let (a, b) = (root(&mut roots, i), root(&mut roots, j));
                roots[a.max(b)] = a.min(b);
            }
        }
        for j in others() {
            shared[j] = 0;
        }
    }
    (0..peptides.len()).map(|i| root(&mut roots, i)).collect()
}

fn root(roots: &mut [usize], mut i: usize) -> usize {
    while roots[i] != i {
        roots[i] = roots[roots[i]];
        i = roots[i];
    }
    i
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peptide(text: &str) -> Peptide {
        Peptide::from_text(text).unwrap()
    }

    #[test]
    fn files_are_read_and_refused_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Labelled::read(&path)
        };
        let data = read("5,1,a,b\nGLK, 1\nGLK,1\nAAA, 0\nCCC, 0\nCCC, 1\n\n").unwrap();
        assert_eq!(data.counts(), (1, 1));
        assert_eq!((data.repeated, data.contradictory), (2, 1));
        for (text, part) in [
            ("h\nGLK\n", "line 2: there is no comma"),
            ("h\nGLK, 1\nGXK, 1\n", "line 3: 'X' at position 2"),
            ("h\nGLK, 2\n", "\"2\" is no class"),
            ("h\n, 1\n", "empty"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(Labelled::read(&folder.path().join("none.csv")).is_err());
    }

    #[test]
    fn kin_are_grouped_through_others() {
        let peptides = ["GLFDIVKKVV", "GLFDIVKKAA", "WWWWIVKKAA", "CCCCCHHHHH", "GL"].map(peptide);
        let groups = kinship(&peptides.iter().collect::<Vec<_>>());
        assert_eq!(groups, [0, 0, 0, 3, 4]);
    }
}
