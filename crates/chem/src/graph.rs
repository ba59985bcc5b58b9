//! A molecule as plain atoms and bonds, for whoever computes on the graph itself.

use crate::error::ChemError;
use crate::molecule::Molecule;

/// Atoms and bonds in the order of the molecule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MolecularGraph {
    /// Hydrogens count only where they stand as atoms of their own.
    pub atoms: Vec<Atom>,
    /// Each bond once.
    pub bonds: Vec<Bond>,
}

/// An atom as the toolkit perceives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Atom {
    /// `C`, `Cl`, ...; `*` for a dummy.
    pub symbol: &'static str,
    /// 0 for a dummy.
    pub atomic_number: u8,
    /// In units of the elementary charge.
    pub formal_charge: i8,
    /// Part of an aromatic ring system.
    pub aromatic: bool,
    /// As RDKit assigns it, conjugation considered.
    pub hybridization: Hybridization,
    /// All hydrogens on it, those that are atoms of their own among them.
    pub hydrogens: u32,
}

/// Mixing of orbitals, as far as it concerns organic atoms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hybridization {
    /// Linear.
    Sp,
    /// Planar.
    Sp2,
    /// Tetrahedral.
    Sp3,
    /// Hydrogen's, metals' and all others.
    Other,
}

/// A bond between two atoms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bond {
    /// Indices of its atoms.
    pub atoms: [usize; 2],
    /// Its kind.
    pub order: BondOrder,
}

/// Kinds of bonds, aromatic ones not reduced to single and double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BondOrder {
    /// A single bond.
    Single,
    /// A double bond.
    Double,
    /// A triple bond.
    Triple,
    /// A bond of an aromatic ring.
    Aromatic,
    /// Dative, quadruple, of order zero.
    Other,
}

impl Molecule {
    /// The atoms and bonds.
    ///
    /// # Errors
    /// [`ChemError::Engine`] if the engine cannot count the hydrogens.
    pub fn graph(&self) -> Result<MolecularGraph, ChemError> {
        self.ask("graph", |engine| {
            let topology = engine.topology();
            let mut hydrogen_atoms = vec![0; topology.atoms.len()];
            let mut bonds = Vec::with_capacity(topology.bonds.len());
            for bond in &topology.bonds {
                let atoms = [bond.begin().index(), bond.end().index()];
                for (this, other) in [(0, 1), (1, 0)] {
                    let hydrogen = topology.atoms[atoms[other]].atomic_number() == 1;
                    hydrogen_atoms[atoms[this]] += u32::from(hydrogen);
                }
                bonds.push(Bond {
                    atoms,
                    order: match bond.order() {
                        cosmolkit::BondOrder::Single => BondOrder::Single,
                        cosmolkit::BondOrder::Double => BondOrder::Double,
                        cosmolkit::BondOrder::Triple => BondOrder::Triple,
                        cosmolkit::BondOrder::Aromatic => BondOrder::Aromatic,
                        _ => BondOrder::Other,
                    },
                });
            }
            let atoms = engine.atoms().into_iter().zip(hydrogen_atoms);
            let atoms: Result<Vec<Atom>, cosmolkit::ValenceError> = atoms
                .map(|(atom, hydrogen_atoms)| {
                    let attached = u32::try_from(atom.total_hydrogens()?).unwrap_or(0);
                    Ok(Atom {
                        symbol: atom.element().symbol(),
                        atomic_number: atom.atomic_number(),
                        formal_charge: atom.formal_charge(),
                        aromatic: atom.is_aromatic(),
                        hybridization: match atom.hybridization() {
                            cosmolkit::Hybridization::Sp => Hybridization::Sp,
                            cosmolkit::Hybridization::Sp2 => Hybridization::Sp2,
                            cosmolkit::Hybridization::Sp3 => Hybridization::Sp3,
                            _ => Hybridization::Other,
                        },
                        hydrogens: attached + hydrogen_atoms,
                    })
                })
                .collect();
            atoms.map(|atoms| MolecularGraph { atoms, bonds })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(smiles: &str) -> MolecularGraph {
        Molecule::from_smiles(smiles).unwrap().graph().unwrap()
    }

    #[test]
    fn atoms_and_bonds_are_as_perceived() {
        let graph = graph("C#CC(=O)Nc1ccccc1");
        let bonds: Vec<BondOrder> = graph.bonds.iter().map(|bond| bond.order).collect();
        use BondOrder::{Aromatic, Double, Single, Triple};
        assert_eq!(bonds[..5], [Triple, Single, Double, Single, Single]);
        assert!(bonds[5..].iter().all(|&order| order == Aromatic));
        let kinds: Vec<_> = graph.atoms.iter().map(|atom| atom.hybridization).collect();
        use Hybridization::{Sp, Sp2};
        // The nitrogen of an amide is planar.
        assert_eq!(kinds[..5], [Sp, Sp, Sp2, Sp2, Sp2]);
        let hydrogens: Vec<u32> = graph.atoms.iter().map(|atom| atom.hydrogens).collect();
        assert_eq!(hydrogens, [1, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn hydrogens_count_wherever_they_stand() {
        let graph = graph("[2H]C([2H])[NH3+]");
        let carbon = &graph.atoms[1];
        assert_eq!((carbon.symbol, carbon.hydrogens), ("C", 3));
        let nitrogen = &graph.atoms[3];
        assert_eq!((nitrogen.hydrogens, nitrogen.formal_charge), (3, 1));
        assert_eq!(graph.atoms[0].hybridization, Hybridization::Other);
    }
}
