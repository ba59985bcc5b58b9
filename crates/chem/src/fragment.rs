//! Fragments with their places of attachment.

use std::collections::BTreeMap;

use cosmolkit::{Atom, BondOrder};

use crate::error::ChemError;
use crate::molecule::Molecule;

/// Most stems a fragment may have; the head of a policy has this many slots for each edge end.
pub const MAX_STEMS: usize = 6;

/// A fragment and the atoms at which it can be joined.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fragment {
    /// SMILES; its atoms are counted from 0 in the order they are written.
    pub smiles: String,
    /// Atom index of each stem. Two stems may share an atom; a stem joins once.
    pub stems: Vec<usize>,
}

/// Fragments in a fixed order, parsed and ready to be joined by [`assemble`](crate::assemble).
#[derive(Debug, Clone)]
pub struct Vocabulary {
    fragments: Vec<Fragment>,
    parts: Vec<Part>,
}

/// What joining needs of a fragment: its atoms as perceived, its bonds, no derived state.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) atoms: Vec<Atom>,
    pub(crate) bonds: Vec<(usize, usize, BondOrder, bool)>,
}

impl Vocabulary {
    /// Parses and checks fragments; a fragment's number is its place in the list.
    ///
    /// # Errors
    /// An empty list, a SMILES that cannot be read, a stem at an atom that is not there, a
    /// fragment without stems or with more than [`MAX_STEMS`].
    pub fn new(fragments: Vec<Fragment>) -> Result<Self, ChemError> {
        if fragments.is_empty() {
            return Err(ChemError::EmptyVocabulary);
        }
        let parts = fragments
            .iter()
            .enumerate()
            .map(|(number, fragment)| part(number, fragment))
            .collect::<Result<_, _>>()?;
        Ok(Self { fragments, parts })
    }

    /// The 72 fragments with 127 stems in use since Recursion's `gflownet` (`bengio2021flow.py`),
    /// in their order: the PDB-105 blocks of Bengio et al. (arXiv 2106.04399), one per SMILES.
    #[must_use]
    pub fn rp72() -> Self {
        let fragments = RP72
            .iter()
            .map(|(smiles, stems)| Fragment {
                smiles: (*smiles).to_owned(),
                stems: stems.to_vec(),
            })
            .collect();
        Self::new(fragments).expect("a test reads every fragment of the built-in table")
    }

    /// The fragments in order.
    #[must_use]
    pub fn fragments(&self) -> &[Fragment] {
        &self.fragments
    }

    /// Number of fragments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fragments.len()
    }

    /// Never true: a vocabulary has at least one fragment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fragments.is_empty()
    }

    /// Stems of a fragment, as atom indices; none if there is no such fragment.
    #[must_use]
    pub fn stems(&self, fragment: usize) -> &[usize] {
        self.fragments
            .get(fragment)
            .map_or(&[], |fragment| &fragment.stems)
    }

    /// Number of stems of a fragment; 0 if there is no such fragment.
    #[must_use]
    pub fn num_stems(&self, fragment: usize) -> usize {
        self.stems(fragment).len()
    }

    /// Heavy atoms of a fragment; 0 if there is no such fragment.
    #[must_use]
    pub fn num_atoms(&self, fragment: usize) -> usize {
        self.parts.get(fragment).map_or(0, |part| part.atoms.len())
    }

    /// How often each SMILES occurs, for callers that must know whether two numbers are one
    /// fragment (the same SMILES with different stems).
    #[must_use]
    pub fn multiplicity(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for fragment in &self.fragments {
            *counts.entry(fragment.smiles.as_str()).or_insert(0) += 1;
        }
        counts
    }

    pub(crate) fn part(&self, fragment: usize) -> Option<&Part> {
        self.parts.get(fragment)
    }
}

fn part(number: usize, fragment: &Fragment) -> Result<Part, ChemError> {
    let molecule =
        Molecule::from_smiles(&fragment.smiles).map_err(|source| ChemError::BadFragment {
            fragment: number,
            smiles: fragment.smiles.clone(),
            source: Box::new(source),
        })?;
    if fragment.stems.is_empty() || fragment.stems.len() > MAX_STEMS {
        return Err(ChemError::StemCount {
            fragment: number,
            smiles: fragment.smiles.clone(),
            stems: fragment.stems.len(),
            limit: MAX_STEMS,
        });
    }
    let topology = molecule.engine().topology();
    let atoms = topology.atoms.len();
    if let Some(&stem) = fragment.stems.iter().find(|&&stem| stem >= atoms) {
        return Err(ChemError::StemAtomOutOfRange {
            fragment: number,
            smiles: fragment.smiles.clone(),
            stem,
            atoms,
        });
    }
    Ok(Part {
        atoms: topology.atoms.clone(),
        bonds: topology
            .bonds
            .iter()
            .map(|bond| {
                (
                    bond.begin().index(),
                    bond.end().index(),
                    bond.order(),
                    bond.is_aromatic(),
                )
            })
            .collect(),
    })
}

const RP72: [(&str, &[usize]); 72] = [
    ("Br", &[0]),
    ("C", &[0]),
    ("C#N", &[0]),
    ("C1=CCCCC1", &[0, 2, 3]),
    ("C1=CNC=CC1", &[0, 2]),
    ("C1CC1", &[0]),
    ("C1CCCC1", &[0]),
    ("C1CCCCC1", &[0, 1, 2, 3, 4, 5]),
    ("C1CCNC1", &[0, 2, 3, 4]),
    ("C1CCNCC1", &[0, 1, 3]),
    ("C1CCOC1", &[0, 1, 2, 4]),
    ("C1CCOCC1", &[0, 1, 2, 4, 5]),
    ("C1CNCCN1", &[2, 5]),
    ("C1COCCN1", &[5]),
    ("C1COCC[NH2+]1", &[5]),
    ("C=C", &[0, 1]),
    ("C=C(C)C", &[0]),
    ("C=CC", &[0, 1]),
    ("C=N", &[0]),
    ("C=O", &[0]),
    ("CC", &[0, 1]),
    ("CC(C)C", &[1]),
    ("CC(C)O", &[1]),
    ("CC(N)=O", &[2]),
    ("CC=O", &[1]),
    ("CCC", &[1]),
    ("CCO", &[1]),
    ("CN", &[0, 1]),
    ("CNC", &[1]),
    ("CNC(C)=O", &[0]),
    ("CNC=O", &[0, 2]),
    ("CO", &[0, 1]),
    ("CS", &[0]),
    ("C[NH3+]", &[0]),
    ("C[SH2+]", &[1]),
    ("Cl", &[0]),
    ("F", &[0]),
    ("FC(F)F", &[1]),
    ("I", &[0]),
    ("N", &[0]),
    ("N=CN", &[1]),
    ("NC=O", &[0, 1]),
    ("N[SH](=O)=O", &[1]),
    ("O", &[0]),
    ("O=CNO", &[1]),
    ("O=CO", &[1]),
    ("O=C[O-]", &[1]),
    ("O=PO", &[1]),
    ("O=P[O-]", &[1]),
    ("O=S=O", &[1]),
    ("O=[NH+][O-]", &[1]),
    ("O=[PH](O)O", &[1]),
    ("O=[PH]([O-])O", &[1]),
    ("O=[SH](=O)O", &[1]),
    ("O=[SH](=O)[O-]", &[1]),
    ("O=c1[nH]cnc2[nH]cnc12", &[3, 6]),
    ("O=c1[nH]cnc2c1NCCN2", &[8, 3]),
    ("O=c1cc[nH]c(=O)[nH]1", &[2, 4]),
    ("O=c1nc2[nH]c3ccccc3nc-2c(=O)[nH]1", &[8, 4, 7]),
    ("O=c1nccc[nH]1", &[3, 6]),
    ("S", &[0]),
    ("c1cc[nH+]cc1", &[1, 3]),
    ("c1cc[nH]c1", &[0, 2]),
    ("c1ccc2[nH]ccc2c1", &[6]),
    ("c1ccc2ccccc2c1", &[0, 2]),
    ("c1ccccc1", &[0, 1, 2, 3, 4, 5]),
    ("c1ccncc1", &[0, 1, 2, 4, 5]),
    ("c1ccsc1", &[2, 4]),
    ("c1cn[nH]c1", &[0, 1, 3, 4]),
    ("c1cncnc1", &[0, 1, 3, 5]),
    ("c1cscn1", &[0, 3]),
    ("c1ncc2nc[nH]c2n1", &[2, 6]),
];

#[cfg(test)]
mod tests {
    use super::*;

    // 72 fragments, 127 stems, 42 fragments with one stem: counts of the published list.
    #[test]
    fn the_built_in_table_is_the_published_one() {
        let vocabulary = Vocabulary::rp72();
        assert_eq!(vocabulary.len(), 72);
        let stems: Vec<usize> = (0..72).map(|i| vocabulary.num_stems(i)).collect();
        assert_eq!(stems.iter().sum::<usize>(), 127);
        assert_eq!(stems.iter().filter(|&&n| n == 1).count(), 42);
        assert_eq!(stems.iter().max(), Some(&6));
        assert_eq!(vocabulary.fragments()[65].smiles, "c1ccccc1");
        assert_eq!(vocabulary.multiplicity().len(), 72);
    }

    #[test]
    fn unusable_fragments_are_named() {
        let one = |smiles: &str, stems: &[usize]| {
            Vocabulary::new(vec![Fragment {
                smiles: smiles.to_owned(),
                stems: stems.to_vec(),
            }])
            .unwrap_err()
        };
        assert!(matches!(
            one("CX", &[0]),
            ChemError::BadFragment { fragment: 0, .. }
        ));
        assert!(matches!(
            one("CC", &[2]),
            ChemError::StemAtomOutOfRange {
                stem: 2,
                atoms: 2,
                ..
            }
        ));
        assert!(matches!(
            one("CC", &[]),
            ChemError::StemCount { stems: 0, .. }
        ));
        assert!(matches!(
            one("CC", &[0; 7]),
            ChemError::StemCount { stems: 7, .. }
        ));
        assert!(matches!(
            Vocabulary::new(vec![]),
            Err(ChemError::EmptyVocabulary)
        ));
    }
}
