//! Substructures.

use std::fmt;
use std::sync::Arc;

use crate::boundary::contain;
use crate::error::ChemError;
use crate::molecule::{MAX_SMILES_BYTES, Molecule, with_causes};

/// A substructure to look for, written as SMARTS. Cloning costs a reference count.
#[derive(Clone)]
pub struct Pattern {
    text: Arc<str>,
    query: Arc<cosmolkit::QueryGraph>,
}

impl Pattern {
    /// Reads a SMARTS as RDKit's `MolFromSmarts` does.
    ///
    /// # Errors
    /// [`ChemError::Smarts`] for whatever is not one, empty and overlong texts included.
    pub fn parse(smarts: &str) -> Result<Self, ChemError> {
        let unreadable = |reason: &str| ChemError::Smarts {
            smarts: smarts.chars().take(MAX_SMILES_BYTES).collect(),
            reason: reason.to_owned(),
        };
        if smarts.trim_ascii().is_empty() {
            return Err(unreadable("it is empty"));
        }
        if smarts.len() > MAX_SMILES_BYTES {
            return Err(unreadable("it has more than 2000 bytes"));
        }
        if !smarts.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(unreadable("it has characters outside printable ASCII"));
        }
        let query = contain(|| cosmolkit::parse_smarts(smarts))
            .map_err(|reason| unreadable(&reason))?
            .map_err(|error| unreadable(&with_causes(&error)))?;
        Ok(Self {
            text: smarts.into(),
            query: Arc::new(query),
        })
    }

    /// The SMARTS as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a molecule has the substructure.
    ///
    /// # Errors
    /// [`ChemError::Engine`] if the engine has no answer.
    pub fn is_in(&self, molecule: &Molecule) -> Result<bool, ChemError> {
        molecule.ask("substructure search", |engine| {
            engine.has_substruct_match(&self.query)
        })
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substructures_are_found_and_bad_ones_named() {
        let is_in = |smarts, smiles| {
            let molecule = Molecule::from_smiles(smiles).unwrap();
            Pattern::parse(smarts).unwrap().is_in(&molecule).unwrap()
        };
        assert!(is_in("C(=O)[OX2H1]", "CC(=O)Oc1ccccc1C(=O)O"));
        assert!(!is_in("C(=O)[OX2H1]", "CC(=O)OC"));
        assert!(is_in("[nH]", "c1cc[nH]c1"));
        assert!(!is_in("[#6]1~[#6]~[#6]~[#6]~[#6]~[#6]~1", "C1CCCC1"));
        assert!(is_in("[$([NX3]C=O)]", "CC(=O)NC"));
        for bad in ["", "C(", "[#", "C~~", "[$(C]", "c1cc"] {
            let error = Pattern::parse(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
        assert!(Pattern::parse(&"C".repeat(3000)).is_err());
    }
}
