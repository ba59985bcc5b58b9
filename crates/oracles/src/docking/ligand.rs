//! A molecule as AutoDock Vina takes it.

use std::collections::BTreeMap;
use std::fmt::Write;

use anabranch_chem::{Conformer, Molecule, sdf_record_3d};
use sha2::{Digest, Sha256};

use super::atom_types::{atom_type, neighbours};
use super::error::DockingError;
use super::torsions::{Groups, groups, turning};

/// A molecule in space with AutoDock's types of atoms and its torsion tree.
///
/// Hydrogens are added, the molecule embedded and relaxed ([`Molecule::conformer`]), and hydrogens on carbon
/// merged into it. Protonation, tautomer and stereochemistry are those of the SMILES. Rings are rigid, large
/// ones too. Partial charges are written as 0: the chemistry engine has none of Gasteiger's, and Vina's
/// scoring function uses none.
#[derive(Clone, Debug)]
pub struct Ligand {
    molecule: Molecule,
    conformer: Conformer,
    /// `[atoms]` none for what is merged.
    types: Vec<Option<&'static str>>,
    groups: Groups,
    pdbqt: String,
    /// `[atoms of the PDBQT]` their places in the conformer.
    order: Vec<usize>,
}

impl Ligand {
    /// Prepares a molecule. The same molecule, however written, and the same seed give the same text.
    ///
    /// # Errors
    /// Where it is several molecules, has an element that Vina does not know or no coordinates are found.
    pub fn prepare(molecule: &Molecule, seed: u64) -> Result<Self, DockingError> {
        let smiles = molecule.smiles()?.to_owned();
        let pieces = smiles.split('.').count();
        if pieces > 1 {
            return Err(DockingError::Pieces {
                molecule: smiles,
                pieces,
            });
        }
        // In the order of the canonical SMILES, whatever order the atoms came in.
        let molecule = Molecule::from_smiles(&smiles)?;
        // Before the costly part.
        for (index, atom) in molecule.graph()?.atoms.iter().enumerate() {
            if !matches!(atom.atomic_number, 1 | 6..=9 | 14..=17 | 35 | 53) {
                return Err(DockingError::Element {
                    symbol: atom.symbol,
                    index,
                    molecule: smiles,
                });
            }
        }
        if molecule.num_heavy_atoms() == 0 {
            return Err(DockingError::NoHeavyAtom { molecule: smiles });
        }
        let conformer = molecule.conformer(conformer_seed(&smiles, seed))?;
        let graph = &conformer.graph;
        let neighbours = neighbours(graph);
        let types: Result<Vec<Option<&str>>, DockingError> = (0..graph.atoms.len())
            .map(|index| {
                atom_type(graph, &neighbours, index).map_err(|()| DockingError::Element {
                    symbol: graph.atoms[index].symbol,
                    index,
                    molecule: smiles.clone(),
                })
            })
            .collect();
        let types = types?;
        let kept: Vec<bool> = types.iter().map(Option::is_some).collect();
        let turning = turning(&kept, graph, &neighbours, &conformer.in_ring);
        let groups = groups(&kept, graph, &turning);
        let mut ligand = Self {
            molecule,
            conformer,
            types,
            groups,
            pdbqt: String::new(),
            order: Vec::new(),
        };
        ligand.write(&smiles);
        Ok(ligand)
    }

    /// The text that Vina reads.
    #[must_use]
    pub fn pdbqt(&self) -> &str {
        &self.pdbqt
    }

    /// Bonds that turn: the number that stands after TORSDOF.
    #[must_use]
    pub fn torsions(&self) -> usize {
        self.groups.members.len() - 1
    }

    /// How many atoms have each of AutoDock's types.
    #[must_use]
    pub fn atom_types(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for name in self.types.iter().flatten() {
            *counts.entry(*name).or_default() += 1;
        }
        counts
    }

    /// A pose of this ligand, in the PDBQT that Vina wrote, as a record of an SD file; hydrogens are left
    /// implicit.
    ///
    /// # Errors
    /// Where the text is not a pose of this ligand.
    pub fn sdf_of(&self, pose: &str, properties: &[(&str, &str)]) -> Result<String, String> {
        let mut positions = vec![[f64::NAN; 3]; self.molecule.num_atoms()];
        let lines = pose.lines().filter(|line| is_atom(line));
        let mut read = 0;
        for (line, &place) in lines.zip(&self.order) {
            let coordinate = |start: usize| {
                let text = line.get(start..start + 8).map(str::trim);
                text.and_then(|text| text.parse::<f64>().ok())
            };
            let xyz = (coordinate(30), coordinate(38), coordinate(46));
            let (Some(x), Some(y), Some(z)) = xyz else {
                return Err(format!("{line:?} has no coordinates"));
            };
            if let Some(position) = positions.get_mut(place) {
                *position = [x, y, z];
            }
            read += 1;
        }
        if read != self.order.len() || positions.iter().flatten().any(|x| !x.is_finite()) {
            return Err(format!(
                "the pose has {read} atoms, the ligand {}",
                self.order.len()
            ));
        }
        let title = self.molecule.smiles().map_err(|e| e.to_string())?;
        sdf_record_3d(&self.molecule, &positions, title, properties).map_err(|e| e.to_string())
    }

    fn write(&mut self, smiles: &str) {
        let root = self.groups.root();
        let mut text = format!("REMARK SMILES {smiles}\nROOT\n");
        let mut serials = vec![0; self.types.len()];
        let members = self.groups.members[root].clone();
        self.atoms(&mut text, &mut serials, &members);
        text.push_str("ENDROOT\n");
        self.branches(&mut text, &mut serials, root, usize::MAX);
        // Writing to a string does not fail.
        let _ = writeln!(text, "TORSDOF {}", self.torsions());
        self.pdbqt = text;
    }

    fn branches(&mut self, text: &mut String, serials: &mut [usize], group: usize, from: usize) {
        for (here, there, next) in self.groups.bonds[group].clone() {
            if next == from {
                continue;
            }
            let mut members = self.groups.members[next].clone();
            // The atom at the end of the bond comes first.
            members.sort_by_key(|&atom| (atom != there, atom));
            let number = self.order.len() + 1;
            let _ = writeln!(text, "BRANCH {:>3} {number:>3}", serials[here]);
            self.atoms(text, serials, &members);
            self.branches(text, serials, next, group);
            let _ = writeln!(text, "ENDBRANCH {:>3} {number:>3}", serials[here]);
        }
    }

    fn atoms(&mut self, text: &mut String, serials: &mut [usize], members: &[usize]) {
        for &atom in members {
            self.order.push(atom);
            serials[atom] = self.order.len();
            let symbol = self.conformer.graph.atoms[atom].symbol;
            let [x, y, z] = self.conformer.positions[atom];
            let _ = writeln!(
                text,
                "ATOM  {:>5}  {symbol:<3} UNL     1    {x:8.3}{y:8.3}{z:8.3}  1.00  0.00    +0.000 {:<2}",
                serials[atom],
                self.types[atom].unwrap_or_default(),
            );
        }
    }
}

/// Whether a line of a PDBQT is an atom.
pub(super) fn is_atom(line: &str) -> bool {
    line.starts_with("ATOM") || line.starts_with("HETATM")
}

/// One for each molecule and seed of the settings.
fn conformer_seed(smiles: &str, seed: u64) -> u32 {
    let digest = Sha256::new()
        .chain_update(seed.to_le_bytes())
        .chain_update(smiles.as_bytes())
        .finalize();
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]) >> 1
}
