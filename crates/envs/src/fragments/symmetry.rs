//! The symmetries of a fragment, as permutations of its stems.

use std::collections::HashMap;

use anabranch_chem::{ChemError, Fragment, MAX_STEMS, Vocabulary, assemble};

use crate::EnvError;

/// What the environment needs to know about a fragment.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    stems: usize,
    /// `[order][label]` stem that gets each label; a group, the identity first.
    stem_of: Vec<[u8; MAX_STEMS]>,
    /// `[order][stem]` label of each stem: the inverses of `stem_of`.
    label_of: Vec<[u8; MAX_STEMS]>,
}

impl Piece {
    /// A fragment with `stems` stems whose symmetry is the group `perms`.
    fn new(stems: usize, perms: Vec<[u8; MAX_STEMS]>) -> Self {
        let inverse = |perm: &[u8; MAX_STEMS]| {
            let mut out = [0; MAX_STEMS];
            for (label, &stem) in (0_u8..).zip(&perm[..stems]) {
                out[usize::from(stem)] = label;
            }
            out
        };
        Self {
            stems,
            label_of: perms.iter().map(inverse).collect(),
            stem_of: perms,
        }
    }

    /// Number of stems.
    pub(crate) fn num_stems(&self) -> usize {
        self.stems
    }

    /// Number of permutations.
    pub(crate) fn order(&self) -> usize {
        self.stem_of.len()
    }

    /// `[order][label]` stem that gets each label.
    pub(crate) fn stem_of(&self) -> &[[u8; MAX_STEMS]] {
        &self.stem_of
    }

    /// The label of `stem` under permutation `perm`.
    pub(crate) fn label(&self, perm: usize, stem: u8) -> u8 {
        self.label_of[perm][usize::from(stem)]
    }
}

/// The symmetries of all fragments.
pub(crate) fn pieces(vocabulary: &Vocabulary) -> Result<Vec<Piece>, EnvError> {
    vocabulary
        .fragments()
        .iter()
        .enumerate()
        .map(|(number, fragment)| {
            piece(fragment).map_err(|source| EnvError::Oversubscribed {
                fragment: number,
                smiles: fragment.smiles.clone(),
                source,
            })
        })
        .collect()
}

/// Finds the permutations by asking the chemistry itself: join a different isotope to every stem; a
/// permutation is a symmetry iff moving the isotopes along gives the same canonical SMILES.
///
/// So "symmetry" means what it must mean here, that the assembled molecules cannot be told apart, with
/// charges, hydrogens and aromaticity as perceived. Pairs of isotopes rule out nearly all permutations
/// before the full test.
fn piece(fragment: &Fragment) -> Result<Piece, ChemError> {
    let stems = fragment.stems.len();
    let tagged = Tagged::new(fragment)?;
    let identity: [u8; MAX_STEMS] = std::array::from_fn(|i| i as u8);
    let whole = tagged.smiles(&identity[..stems])?;
    if stems == 1 {
        return Ok(Piece::new(1, vec![identity]));
    }
    let mut names = HashMap::new();
    let mut pair = [[0_usize; MAX_STEMS]; MAX_STEMS];
    for (i, row) in pair.iter_mut().enumerate().take(stems) {
        for (j, class) in row
            .iter_mut()
            .enumerate()
            .take(stems)
            .filter(|(j, _)| *j != i)
        {
            let smiles = tagged.smiles(&[i as u8, j as u8])?;
            let next = names.len();
            *class = *names.entry(smiles).or_insert(next);
        }
    }
    let mut candidates = vec![Vec::with_capacity(stems)];
    for label in 0..stems {
        candidates = candidates
            .iter()
            .flat_map(|head: &Vec<u8>| {
                let fits = |stem: &u8| {
                    !head.contains(stem)
                        && head.iter().enumerate().all(|(earlier, &image)| {
                            pair[earlier][label] == pair[usize::from(image)][usize::from(*stem)]
                        })
                };
                let longer: Vec<Vec<u8>> = (0..stems as u8)
                    .filter(fits)
                    .map(|stem| head.iter().copied().chain([stem]).collect())
                    .collect();
                longer
            })
            .collect();
    }
    let mut perms = Vec::new();
    for candidate in candidates {
        if tagged.smiles(&candidate)? == whole {
            let mut perm = identity;
            perm[..stems].copy_from_slice(&candidate);
            perms.push(perm);
        }
    }
    Ok(Piece::new(stems, perms))
}

/// A fragment next to isotopes that tell its stems apart.
struct Tagged(Vocabulary);

impl Tagged {
    fn new(fragment: &Fragment) -> Result<Self, ChemError> {
        // Dummy atoms with an isotope number: no element of a vocabulary, and no hydrogens to count.
        let tags = (1..=MAX_STEMS).map(|number| Fragment {
            smiles: format!("[{number}*]"),
            stems: vec![0],
        });
        let all = std::iter::once(fragment.clone()).chain(tags).collect();
        Ok(Self(Vocabulary::new(all)?))
    }

    /// SMILES of the fragment with tag `i` at stem `stems[i]`.
    fn smiles(&self, stems: &[u8]) -> Result<String, ChemError> {
        let nodes: Vec<usize> = (0..=stems.len()).collect();
        let edges: Vec<_> = (1..)
            .zip(stems)
            .map(|(tag, &stem)| (0, tag, usize::from(stem), 0))
            .collect();
        Ok(assemble(&self.0, &nodes, &edges)?.smiles()?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(smiles: &str, stems: &[usize]) -> usize {
        let fragment = Fragment {
            smiles: smiles.to_owned(),
            stems: stems.to_vec(),
        };
        piece(&fragment).unwrap().order()
    }

    /// Orders of symmetry groups, counted by hand on paper.
    #[test]
    fn known_groups() {
        assert_eq!(order("c1ccccc1", &[0, 1, 2, 3, 4, 5]), 12); // D6
        assert_eq!(order("C1CCCCC1", &[0, 1, 2, 3, 4, 5]), 12);
        assert_eq!(order("c1ccccc1", &[0, 2]), 2);
        assert_eq!(order("c1ccccc1", &[0, 1, 3]), 1); // no symmetry keeps 1, 2, 4
        assert_eq!(order("c1ccncc1", &[0, 1, 2, 4, 5]), 2);
        assert_eq!(order("C1CNCCN1", &[2, 5]), 2);
        assert_eq!(order("CC", &[0, 1]), 2);
        assert_eq!(order("CO", &[0, 1]), 1);
        assert_eq!(order("C", &[0, 0, 0, 0]), 24); // stems of one atom are alike
        assert_eq!(order("CC", &[0, 0, 0, 1, 1, 1]), 72);
        assert_eq!(order("NC=O", &[0, 1]), 1);
        assert_eq!(order("C1CNCCN1", &[2]), 1);
    }

    #[test]
    fn the_permutations_are_a_group() {
        for fragment in Vocabulary::rp72().fragments() {
            let piece = piece(fragment).unwrap();
            let n = piece.num_stems();
            let perms = piece.stem_of();
            assert!(
                (0..n).all(|i| usize::from(perms[0][i]) == i),
                "the identity first"
            );
            for p in perms {
                for q in perms {
                    let product: Vec<u8> = (0..n).map(|i| p[usize::from(q[i])]).collect();
                    assert!(
                        perms.iter().any(|r| r[..n] == product[..]),
                        "{}",
                        fragment.smiles
                    );
                }
            }
        }
    }
}
