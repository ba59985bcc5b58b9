//! What the network sees of a molecule.

use anabranch_chem::{BondOrder, Hybridization, MolecularGraph, Molecule};

use super::error::SehError;

/// Features of an atom.
pub(super) const ATOM_FEATURES: usize = 71;
/// Types of bonds: single, double, triple, aromatic; each a feature of an edge.
pub(super) const BOND_TYPES: usize = 4;
/// The type of the edge from an atom to itself that a molecule without bonds has: no feature is set.
const NO_BOND: usize = BOND_TYPES;
/// Types of edges, that of a molecule without bonds among them.
pub(super) const EDGE_TYPES: usize = BOND_TYPES + 1;
/// Barium; the features for elements end there.
const LAST_ELEMENT: u8 = 56;

/// Several molecules as one graph, an edge being one direction of a bond.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// `[M + 1]` where the atoms of each molecule begin.
    pub(super) offsets: Vec<usize>,
    /// The features of all atoms that are not 0, atom by atom: (column, value).
    pub(super) features: Vec<(usize, f32)>,
    /// `[N + 1]` where the features of each atom begin.
    pub(super) feature_offsets: Vec<usize>,
    /// `[EDGE_TYPES]` lists of (atom, neighbour), atoms in ascending order.
    pub(super) edges: [Vec<(usize, usize)>; EDGE_TYPES],
    /// `[N]` one over the number of neighbours; 0 for an atom without.
    pub(super) scale: Vec<f32>,
}

impl Batch {
    /// A batch without molecules.
    pub(super) fn new() -> Self {
        Self {
            offsets: vec![0],
            feature_offsets: vec![0],
            ..Self::default()
        }
    }

    /// Number of atoms.
    pub(super) fn atoms(&self) -> usize {
        self.scale.len()
    }

    /// Adds a molecule; the batch stays as it is where that fails.
    pub(super) fn push(&mut self, molecule: &Molecule) -> Result<(), SehError> {
        let graph = molecule.graph()?;
        let types = check(&graph, molecule)?;
        let first = self.atoms();
        for atom in &graph.atoms {
            let mut set = |column, value| self.features.push((column, value));
            set(kind(atom.atomic_number), 1.0);
            if atom.aromatic {
                set(9, 1.0);
            }
            match atom.hybridization {
                Hybridization::Sp => set(10, 1.0),
                Hybridization::Sp2 => set(11, 1.0),
                Hybridization::Sp3 => set(12, 1.0),
                Hybridization::Other => {}
            }
            if atom.hydrogens > 0 {
                set(13, atom.hydrogens as f32);
            }
            set(13 + usize::from(atom.atomic_number), 1.0);
            self.feature_offsets.push(self.features.len());
        }
        let mut neighbours = vec![0_u32; graph.atoms.len()];
        let mut edges: [Vec<(usize, usize)>; EDGE_TYPES] = Default::default();
        for (bond, &kind) in graph.bonds.iter().zip(&types) {
            let [a, b] = bond.atoms;
            neighbours[a] += 1;
            neighbours[b] += 1;
            edges[kind].extend([(first + a, first + b), (first + b, first + a)]);
        }
        if graph.bonds.is_empty() && !graph.atoms.is_empty() {
            // The original puts a single edge here, on the first atom even of several.
            neighbours[0] = 1;
            edges[NO_BOND].push((first, first));
        }
        for (all, mut new) in self.edges.iter_mut().zip(edges) {
            new.sort_unstable();
            all.extend(new);
        }
        self.scale.extend(
            neighbours
                .iter()
                .map(|&n| if n == 0 { 0.0 } else { 1.0 / n as f32 }),
        );
        self.offsets.push(self.atoms());
        Ok(())
    }
}

/// The column of an element: one each for H, C, N, O, F and one for all others.
fn kind(atomic_number: u8) -> usize {
    match atomic_number {
        1 => 0,
        6 => 1,
        7 => 2,
        8 => 3,
        9 => 4,
        _ => 5,
    }
}

/// The types of the bonds, if all atoms and bonds are what the network knows.
fn check(graph: &MolecularGraph, molecule: &Molecule) -> Result<Vec<usize>, SehError> {
    let name = || molecule.smiles().unwrap_or("a molecule").to_owned();
    for (index, atom) in graph.atoms.iter().enumerate() {
        if !(1..=LAST_ELEMENT).contains(&atom.atomic_number) {
            return Err(SehError::Element {
                symbol: atom.symbol,
                index,
                molecule: name(),
            });
        }
    }
    graph
        .bonds
        .iter()
        .map(|bond| match bond.order {
            BondOrder::Single => Ok(0),
            BondOrder::Double => Ok(1),
            BondOrder::Triple => Ok(2),
            BondOrder::Aromatic => Ok(3),
            BondOrder::Other => Err(SehError::Bond {
                atoms: bond.atoms,
                molecule: name(),
            }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(smiles: &[&str]) -> Batch {
        let mut batch = Batch::new();
        for smiles in smiles {
            batch.push(&Molecule::from_smiles(smiles).unwrap()).unwrap();
        }
        batch
    }

    #[test]
    fn features_are_those_of_the_original() {
        let batch = batch(&["C", "c1ccccc1Br"]);
        assert_eq!(batch.offsets, [0, 1, 8]);
        // Methane: carbon, sp3, four hydrogens, element 6; one edge to itself.
        assert_eq!(
            batch.features[..4],
            [(1, 1.0), (12, 1.0), (13, 4.0), (19, 1.0)]
        );
        assert_eq!(batch.edges[NO_BOND], [(0, 0)]);
        assert_eq!(batch.edges[3].len(), 12);
        assert_eq!(batch.edges[0], [(6, 7), (7, 6)]);
        let last = &batch.features[batch.feature_offsets[7]..];
        assert_eq!(last, [(5, 1.0), (12, 1.0), (48, 1.0)]);
        assert_eq!(batch.scale[6], 1.0 / 3.0);
    }

    #[test]
    fn what_the_network_does_not_know_is_named() {
        let mut batch = Batch::new();
        let refused = |batch: &mut Batch, smiles| {
            let molecule = Molecule::from_smiles(smiles).unwrap();
            batch.push(&molecule).unwrap_err().to_string()
        };
        let error = refused(&mut batch, "CC[Pb]");
        assert!(error.contains("atom 2 of C[CH2][Pb] is Pb"), "{error}");
        let error = refused(&mut batch, "*CC");
        assert!(error.contains("atom 0 of *CC is *"), "{error}");
        let error = refused(&mut batch, "[NH3]->[Fe]");
        assert!(error.contains("atoms 0 and 1"), "{error}");
        assert_eq!(batch.atoms(), 0);
    }
}
