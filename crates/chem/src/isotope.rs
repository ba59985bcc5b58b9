//! Isotopes nobody has weighed.
//!
//! The engine refuses the mass of an isotope that is in no table (`[1000C]`); RDKit takes its mass
//! number for its mass in Da, and lets a labelled dummy atom weigh nothing. Here the molecule is weighed with such labels left out, and the
//! differences are added.

use std::error::Error;

use cosmolkit::{CoordinateBlock, MoleculeProperties};

/// A molecule with its unweighed labels left out, and the mass in Da these add to it.
pub(crate) struct Unlabelled {
    pub(crate) engine: cosmolkit::Molecule,
    pub(crate) extra_mass: f64,
}

/// Leaves out the labels of isotopes without a known mass; `None` if there are none.
pub(crate) fn without_unweighed(
    engine: &cosmolkit::Molecule,
) -> Result<Option<Unlabelled>, Box<dyn Error>> {
    let mut topology = engine.topology().clone();
    let mut extra_mass = 0.0;
    let mut changed = false;
    for atom in &mut topology.atoms {
        let Some(isotope) = atom.isotope() else {
            continue;
        };
        let symbol = atom.element().symbol();
        if weigh(&format!("[{isotope}{symbol}]")).is_ok() {
            continue;
        }
        // A labelled dummy (`[1*]`) weighs nothing, whatever its label.
        if atom.atomic_number() != 0 {
            extra_mass += f64::from(isotope) - weigh(&format!("[{symbol}]"))?;
        }
        atom.set_isotope(None);
        changed = true;
    }
    if !changed {
        return Ok(None);
    }
    let mut engine = cosmolkit::Molecule::from_parts(
        topology,
        CoordinateBlock::default(),
        MoleculeProperties::default(),
    )?;
    engine.sanitize_()?;
    Ok(Some(Unlabelled { engine, extra_mass }))
}

fn weigh(smiles: &str) -> Result<f64, Box<dyn Error>> {
    Ok(cosmolkit::Molecule::from_smiles(smiles)?.molecular_weight()?)
}
