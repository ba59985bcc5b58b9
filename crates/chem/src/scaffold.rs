//! Bemis-Murcko scaffolds.

use std::error::Error;

use crate::error::ChemError;
use crate::molecule::Molecule;

/// Canonical SMILES of the Murcko scaffold: rings, the links between them and the atoms bonded to
/// either by a double bond. Empty for a molecule without rings. As RDKit's `MurckoScaffold`, with
/// stereochemistry kept.
///
/// # Errors
/// [`ChemError::Engine`] if the engine has no answer.
pub fn scaffold(molecule: &Molecule) -> Result<String, ChemError> {
    molecule.ask("scaffold", |engine| {
        let text = engine.murcko_decompose()?.to_smiles()?;
        Ok::<_, Box<dyn Error>>(String::from_utf8(text.into_bytes())?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn side_chains_fall_off() {
        let read = |smiles| scaffold(&Molecule::from_smiles(smiles).unwrap()).unwrap();
        assert_eq!(read("CCO"), "");
        assert_eq!(read("CC(=O)Oc1ccccc1C(=O)O"), "c1ccccc1");
        assert_eq!(read("CN1CCC(CC1)C(=O)c1ccccc1C"), "O=C(c1ccccc1)C1CCNCC1");
    }
}
