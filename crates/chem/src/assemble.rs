//! Fragments into a molecule: the step every fragment sampler ends with.

use cosmolkit::{
    AtomId, Bond, BondId, BondOrder, BondSpec, CoordinateBlock, MoleculeProperties, TopologyBlock,
};

use crate::boundary::contain;
use crate::error::ChemError;
use crate::fragment::Vocabulary;
use crate::molecule::{Molecule, with_causes};

/// One edge: `(node a, node b, stem index at a, stem index at b)`; a stem index counts the stems of
/// the node's fragment, it is not an atom number.
pub type Join = (usize, usize, usize, usize);

/// Joins fragments by single bonds between the chosen stems and sanitises the result.
///
/// `nodes` gives the fragment of each node. Each bonded atom gives up one explicit hydrogen if it
/// has any (`[nH]`, `[NH3+]`); implicit hydrogens adjust themselves. This is the assembly of
/// Recursion's `frag_mol_env.graph_to_mol`, atom for atom and bond for bond.
///
/// # Errors
/// Numbers out of range, a stem used twice, fragments left unconnected, and
/// [`ChemError::BadAssembly`] when the result breaks the rules of valence.
///
/// # Complexity
/// Linear in the atoms, apart from the engine's sanitisation. The canonical SMILES is not computed.
pub fn assemble(
    vocabulary: &Vocabulary,
    nodes: &[usize],
    edges: &[Join],
) -> Result<Molecule, ChemError> {
    let offsets = offsets(vocabulary, nodes)?;
    let bonded = bonded_atoms(vocabulary, nodes, edges, &offsets)?;
    check_connected(nodes.len(), edges)?;
    let topology = topology(vocabulary, nodes, &offsets, &bonded);
    let bad = |reason: String| ChemError::BadAssembly {
        nodes: nodes.to_vec(),
        edges: edges.to_vec(),
        reason,
    };
    let engine = contain(|| -> Result<cosmolkit::Molecule, String> {
        let mut molecule = cosmolkit::Molecule::from_parts(
            topology?,
            CoordinateBlock::default(),
            MoleculeProperties::default(),
        )
        .map_err(|error| with_causes(&error))?;
        molecule.sanitize_().map_err(|error| with_causes(&error))?;
        Ok(molecule)
    })
    .map_err(|reason| ChemError::Panicked {
        operation: "assembly",
        molecule: format!("fragments {nodes:?} joined by {edges:?}"),
        reason,
    })?
    .map_err(bad)?;
    Molecule::from_engine(engine)
}

/// First atom of each node, and after the last the number of atoms.
fn offsets(vocabulary: &Vocabulary, nodes: &[usize]) -> Result<Vec<usize>, ChemError> {
    if nodes.is_empty() {
        return Err(ChemError::EmptyAssembly);
    }
    let mut offsets = Vec::with_capacity(nodes.len() + 1);
    let mut atoms = 0;
    offsets.push(0);
    for (node, &fragment) in nodes.iter().enumerate() {
        let part = vocabulary
            .part(fragment)
            .ok_or(ChemError::FragmentOutOfRange {
                node,
                fragment,
                size: vocabulary.len(),
            })?;
        atoms += part.atoms.len();
        offsets.push(atoms);
    }
    Ok(offsets)
}

/// The two atoms of each edge, checked.
fn bonded_atoms(
    vocabulary: &Vocabulary,
    nodes: &[usize],
    edges: &[Join],
    offsets: &[usize],
) -> Result<Vec<[usize; 2]>, ChemError> {
    let mut taken = vec![0_u8; nodes.len()];
    let mut bonded = Vec::with_capacity(edges.len());
    for (edge, &(a, b, stem_a, stem_b)) in edges.iter().enumerate() {
        if a >= nodes.len() || b >= nodes.len() || a == b {
            return Err(ChemError::BadEdge {
                edge,
                a,
                b,
                nodes: nodes.len(),
            });
        }
        let mut atom = |node: usize, stem: usize| {
            let stems = vocabulary.stems(nodes[node]);
            let &atom = stems.get(stem).ok_or(ChemError::StemOutOfRange {
                edge,
                node,
                stem,
                stems: stems.len(),
            })?;
            if taken[node] & (1 << stem) != 0 {
                return Err(ChemError::StemTaken { edge, node, stem });
            }
            taken[node] |= 1 << stem;
            Ok(offsets[node] + atom)
        };
        bonded.push([atom(a, stem_a)?, atom(b, stem_b)?]);
    }
    Ok(bonded)
}

fn check_connected(nodes: usize, edges: &[Join]) -> Result<(), ChemError> {
    let mut root: Vec<usize> = (0..nodes).collect();
    let find = |root: &[usize], mut node: usize| {
        while root[node] != node {
            node = root[node];
        }
        node
    };
    let mut pieces = nodes;
    for &(a, b, ..) in edges {
        let (a, b) = (find(&root, a), find(&root, b));
        if a != b {
            root[a] = b;
            pieces -= 1;
        }
    }
    if pieces == 1 {
        Ok(())
    } else {
        Err(ChemError::Disconnected { nodes, pieces })
    }
}

fn topology(
    vocabulary: &Vocabulary,
    nodes: &[usize],
    offsets: &[usize],
    bonded: &[[usize; 2]],
) -> Result<TopologyBlock, String> {
    let mut atoms = Vec::with_capacity(offsets[nodes.len()]);
    let mut bonds = Vec::with_capacity(offsets[nodes.len()] + bonded.len() + nodes.len());
    let mut bond = |begin: usize, end: usize, order: BondOrder, aromatic: bool| {
        let spec = BondSpec::new(AtomId::new(begin), AtomId::new(end), order);
        let id = BondId::new(bonds.len());
        bonds.push(Bond::from_spec(id, spec.with_aromatic(aromatic)));
    };
    for (&fragment, &offset) in nodes.iter().zip(offsets) {
        let Some(part) = vocabulary.part(fragment) else {
            continue;
        };
        for atom in &part.atoms {
            atoms.push(atom.clone().with_id(AtomId::new(atoms.len())));
        }
        for &(begin, end, order, aromatic) in &part.bonds {
            bond(offset + begin, offset + end, order, aromatic);
        }
    }
    for &[begin, end] in bonded {
        bond(begin, end, BondOrder::Single, false);
        for atom in [begin, end] {
            let hydrogens = atoms[atom].explicit_hydrogens();
            atoms[atom].set_explicit_hydrogens(hydrogens.saturating_sub(1));
        }
    }
    TopologyBlock::try_from_parts(atoms, bonds, Vec::new(), Vec::new())
        .map_err(|error| with_causes(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smiles(nodes: &[usize], edges: &[Join]) -> String {
        let molecule = assemble(&Vocabulary::rp72(), nodes, edges).unwrap();
        molecule.smiles().unwrap().to_owned()
    }

    #[test]
    fn explicit_hydrogens_give_way() {
        // Pyrazole through its [nH] (fragment 68, stem 2 = atom 3) to methyl.
        assert_eq!(smiles(&[68, 1], &[(0, 1, 2, 0)]), "Cn1cccn1");
        // Methylammonium twice: [NH3+] twice would leave [NH2+]-[NH2+].
        assert_eq!(
            smiles(&[33, 1], &[(0, 1, 0, 0)]),
            "C[NH3+]".replace("C", "CC")
        );
        assert_eq!(smiles(&[65], &[]), "c1ccccc1");
    }

    #[test]
    fn wrong_numbers_are_named() {
        let vocabulary = Vocabulary::rp72();
        let error =
            |nodes: &[usize], edges: &[Join]| assemble(&vocabulary, nodes, edges).unwrap_err();
        assert_eq!(error(&[], &[]), ChemError::EmptyAssembly);
        assert!(matches!(
            error(&[72], &[]),
            ChemError::FragmentOutOfRange { fragment: 72, .. }
        ));
        assert!(matches!(
            error(&[65, 1], &[(0, 0, 0, 1)]),
            ChemError::BadEdge { .. }
        ));
        assert!(matches!(
            error(&[65, 1], &[(0, 2, 0, 0)]),
            ChemError::BadEdge { b: 2, .. }
        ));
        assert!(matches!(
            error(&[65, 1], &[(0, 1, 6, 0)]),
            ChemError::StemOutOfRange { stem: 6, .. }
        ));
        assert!(matches!(
            error(&[65, 1, 1], &[(0, 1, 0, 0), (0, 2, 0, 0)]),
            ChemError::StemTaken {
                edge: 1,
                node: 0,
                stem: 0
            }
        ));
        assert!(matches!(
            error(&[65, 1, 1], &[(0, 1, 0, 0)]),
            ChemError::Disconnected { pieces: 2, .. }
        ));
    }

    #[test]
    fn an_impossible_valence_is_an_error() {
        // Fluorine (36) has one stem at its only atom; joined on a carbon-carbon pair it is fine,
        // while a vocabulary with two stems on fluorine asks for a divalent one.
        let vocabulary = Vocabulary::new(vec![crate::Fragment {
            smiles: "F".to_owned(),
            stems: vec![0, 0],
        }])
        .unwrap();
        assert!(matches!(
            assemble(&vocabulary, &[0, 0, 0], &[(0, 1, 0, 0), (0, 2, 1, 0)]),
            Err(ChemError::BadAssembly { .. })
        ));
    }
}
