//! Coordinates in space.

use std::error::Error;

use cosmolkit::{EmbedParams, MmffOptimizationParams, MmffVariant, UffOptimizationParams};

use crate::error::ChemError;
use crate::graph::MolecularGraph;
use crate::molecule::Molecule;
use crate::sdf::with_items;

/// A molecule in space, hydrogens as atoms of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Conformer {
    /// Atoms and bonds: those of [`Molecule::graph`], then the hydrogens that were implicit there.
    pub graph: MolecularGraph,
    /// `[bonds of graph]` whether each is part of a ring.
    pub in_ring: Vec<bool>,
    /// `[atoms of graph]` x, y, z in Å.
    pub positions: Vec<[f64; 3]>,
    /// What the coordinates were relaxed with.
    pub force_field: ForceField,
}

/// Force fields that relax a conformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForceField {
    /// MMFF94.
    Mmff94,
    /// UFF, where MMFF94 lacks the type of an atom.
    Uff,
}

/// Steps of a relaxation; one that has not converged by then is taken as it is.
const STEPS: i32 = 2000;
/// Seconds for one try to embed a molecule; ordinary ones take milliseconds.
const PATIENCE: u32 = 60;

impl Molecule {
    /// A conformer by RDKit's ETKDGv3, relaxed with MMFF94, or UFF where that lacks a type. The same seed
    /// gives the same coordinates; what the SMILES leaves open of the stereochemistry is chosen by it.
    ///
    /// # Errors
    /// [`ChemError::Engine`] where no coordinates are found, or both force fields lack a type.
    pub fn conformer(&self, seed: u32) -> Result<Conformer, ChemError> {
        let (hydrogenated, positions, in_ring, force_field) =
            self.ask("finding a conformer", |engine| {
                let hydrogenated = engine.with_hydrogens()?.sanitize()?;
                let mut params = EmbedParams::etkdg_v3();
                // From 0: a negative one would draw another each time.
                params.random_seed = (seed & 0x7fff_ffff) as i32;
                params.num_threads = 1;
                params.timeout = PATIENCE;
                let mut embedded = hydrogenated.with_3d_conformer_with_params(&params)?;
                if embedded.conformers_3d().is_empty() {
                    // RDKit's own advice where the eigenvectors of the distances lead nowhere.
                    params.use_random_coords = true;
                    embedded = hydrogenated.with_3d_conformer_with_params(&params)?;
                }
                if embedded.conformers_3d().is_empty() {
                    return Err("no coordinates meet its distances and stereocentres".into());
                }
                let (relaxed, force_field) = relaxed(&embedded)?;
                let mut in_ring = vec![false; relaxed.num_bonds()];
                for ring in relaxed.symmetrized_sssr()?.bond_rings() {
                    for bond in ring {
                        in_ring[bond.index()] = true;
                    }
                }
                let found = relaxed.conformers_3d().first();
                let positions = found.map(|c| c.coordinates().to_vec());
                let positions = positions.ok_or("its coordinates were lost")?;
                Ok::<_, Box<dyn Error>>((hydrogenated, positions, in_ring, force_field))
            })?;
        Ok(Conformer {
            // Of the one without coordinates: putting them in makes the engine forget valences.
            graph: Self::from_engine(hydrogenated)?.graph()?,
            in_ring,
            positions,
            force_field,
        })
    }
}

fn relaxed(
    embedded: &cosmolkit::Molecule,
) -> Result<(cosmolkit::Molecule, ForceField), Box<dyn Error>> {
    if embedded.mmff_has_all_molecule_params()? {
        let relaxed = embedded.with_mmff_optimized_with_params(&MmffOptimizationParams {
            mmff_variant: MmffVariant::Mmff94,
            max_iterations: STEPS,
            non_bonded_threshold: 100.0,
            conformer_id: None,
            ignore_interfragment_interactions: true,
        })?;
        return Ok((relaxed.molecule, ForceField::Mmff94));
    }
    if embedded.uff_has_all_molecule_params()? {
        let relaxed = embedded.with_uff_optimized_with_params(&UffOptimizationParams {
            max_iterations: STEPS,
            vdw_threshold: 10.0,
            conformer_id: None,
            ignore_interfragment_interactions: true,
        })?;
        return Ok((relaxed.molecule, ForceField::Uff));
    }
    Err("MMFF94 and UFF have no type for some of its atoms".into())
}

/// Writes a molecule as one record of an SD file with the coordinates given, `[atoms]` in Å in the order of
/// [`Molecule::graph`]; hydrogens stay implicit. Titles and `properties` as in
/// [`sdf_record`](crate::sdf_record).
///
/// # Errors
/// [`ChemError::Engine`] if the number of coordinates is not that of the atoms, or the engine cannot write it.
pub fn sdf_record_3d(
    molecule: &Molecule,
    positions: &[[f64; 3]],
    title: &str,
    properties: &[(&str, &str)],
) -> Result<String, ChemError> {
    let block = molecule.ask("writing SDF", |engine| {
        let placed = engine.with_added_3d_conformer(positions.to_vec())?;
        Ok::<_, Box<dyn Error>>(placed.to_sdf_3d()?)
    })?;
    with_items(molecule, &block, "3D", title, properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
        let square: f64 = (0..3).map(|i| (a[i] - b[i]).powi(2)).sum();
        square.sqrt()
    }

    #[test]
    fn a_conformer_has_hydrogens_lengths_and_its_seed() {
        let benzamide = Molecule::from_smiles("NC(=O)c1ccccc1").unwrap();
        let found = benzamide.conformer(7).unwrap();
        assert_eq!(found, benzamide.conformer(7).unwrap());
        assert_ne!(found.positions, benzamide.conformer(8).unwrap().positions);
        assert_eq!(found.graph.atoms.len(), 9 + 7);
        assert_eq!(found.positions.len(), 16);
        assert_eq!(found.force_field, ForceField::Mmff94);
        assert_eq!(found.in_ring.iter().filter(|ring| **ring).count(), 6);
        for bond in &found.graph.bonds {
            let [a, b] = bond.atoms.map(|atom| found.positions[atom]);
            // From N-H to C-C.
            assert!((0.95..1.6).contains(&distance(a, b)));
        }
    }

    #[test]
    fn stereocentres_are_kept() {
        for (smiles, sign) in [("C[C@H](N)O", 1.0), ("C[C@@H](N)O", -1.0)] {
            let found = Molecule::from_smiles(smiles).unwrap().conformer(1).unwrap();
            let p = &found.positions;
            let [a, b, c] = [0, 2, 3].map(|i| [0, 1, 2].map(|k| p[i][k] - p[1][k]));
            let volume = a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
                + a[2] * (b[0] * c[1] - b[1] * c[0]);
            // As in RDKit: seen from the first neighbour, @ goes round against the clock.
            assert!(volume * sign > 0.0, "{smiles} {volume}");
        }
    }

    #[test]
    fn a_record_holds_the_coordinates() {
        let methanol = Molecule::from_smiles("CO").unwrap();
        let record = sdf_record_3d(
            &methanol,
            &[[0.0, 0.0, 0.0], [1.43, 0.0, -2.5]],
            "methanol",
            &[("affinity", "-2.1")],
        )
        .unwrap();
        assert!(record.starts_with("methanol\n  Anabran           3D\n"));
        assert!(
            record.contains("    1.4300    0.0000   -2.5000 O "),
            "{record}"
        );
        assert!(record.ends_with(">  <affinity>\n-2.1\n\n$$$$\n"));
        assert!(sdf_record_3d(&methanol, &[[0.0; 3]], "", &[]).is_err());
    }
}
