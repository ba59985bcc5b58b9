//! What can be measured of a molecule here and now, without asking anybody.

use std::sync::Arc;

use anabranch_chem::{Descriptor, Fingerprint, Molecule, Pattern, tanimoto};

use crate::error::OracleError;
use crate::seh::SehProxy;

/// A number of a molecule.
#[derive(Clone, Debug)]
pub enum Measure {
    /// A descriptor.
    Descriptor(Descriptor),
    /// The sEH proxy's prediction y, most of it from 0 to 8; greater binds better.
    Seh(Arc<SehProxy>),
    /// Greatest Tanimoto similarity to any of these, 0 to 1.
    Similarity(Arc<[Fingerprint]>),
    /// Share of these that the molecule has, 0 to 1.
    Substructure(Arc<[Pattern]>),
}

/// Morgan fingerprints of similarity: radius and bits, what the papers call ECFP4.
const MORGAN: (u32, u32) = (2, 2048);

impl Measure {
    /// Names of the measures that are no descriptors.
    pub const OTHERS: [&'static str; 3] = ["seh", "similarity", "substructure"];

    /// Similarity to target molecules, at least one, each a SMILES.
    ///
    /// # Errors
    /// Where a SMILES cannot be read, or there is none.
    pub fn similarity(targets: &[String]) -> Result<Self, OracleError> {
        some(
            "reward.target",
            targets.len(),
            "the SMILES of at least one molecule",
        )?;
        let prints = targets
            .iter()
            .map(|smiles| fingerprint(&Molecule::from_smiles(smiles)?));
        let prints: Result<Vec<Fingerprint>, OracleError> = prints.collect();
        Ok(Self::Similarity(prints?.into()))
    }

    /// Presence of substructures, at least one, each a SMARTS.
    ///
    /// # Errors
    /// Where a SMARTS cannot be read, or there is none.
    pub fn substructure(smarts: &[String]) -> Result<Self, OracleError> {
        some("reward.smarts", smarts.len(), "at least one SMARTS")?;
        let patterns: Result<Vec<Pattern>, _> = smarts.iter().map(|s| Pattern::parse(s)).collect();
        Ok(Self::Substructure(patterns?.into()))
    }

    /// The sEH proxy with the weights of the data folder.
    ///
    /// # Errors
    /// Where the weights are not there or cannot be read.
    pub fn seh() -> Result<Self, OracleError> {
        Ok(Self::Seh(Arc::new(SehProxy::load()?)))
    }

    /// The name in settings and as a column title.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Descriptor(descriptor) => descriptor.name(),
            Self::Seh(_) => Self::OTHERS[0],
            Self::Similarity(_) => Self::OTHERS[1],
            Self::Substructure(_) => Self::OTHERS[2],
        }
    }

    /// The value of a molecule.
    ///
    /// # Errors
    /// Where it has none: the chemistry failed, or the proxy does not know one of the elements.
    pub fn of(&self, molecule: &Molecule) -> Result<f64, OracleError> {
        match self {
            Self::Descriptor(descriptor) => Ok(descriptor.of(molecule)?),
            Self::Seh(proxy) => Ok(proxy.predict_one(molecule)?),
            Self::Similarity(targets) => {
                let print = fingerprint(molecule)?;
                let alike = targets.iter().map(|target| tanimoto(&print, target));
                Ok(alike.fold(0.0, f64::max))
            }
            Self::Substructure(patterns) => {
                let mut found = 0;
                for pattern in patterns.iter() {
                    found += u32::from(pattern.is_in(molecule)?);
                }
                Ok(f64::from(found) / patterns.len() as f64)
            }
        }
    }
}

impl From<Descriptor> for Measure {
    fn from(descriptor: Descriptor) -> Self {
        Self::Descriptor(descriptor)
    }
}

fn fingerprint(molecule: &Molecule) -> Result<Fingerprint, OracleError> {
    Ok(Fingerprint::morgan(molecule, MORGAN.0, MORGAN.1)?)
}

fn some(name: &str, count: usize, expected: &'static str) -> Result<(), OracleError> {
    if count > 0 {
        return Ok(());
    }
    Err(OracleError::Text {
        name: name.into(),
        value: String::new(),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(measure: &Measure, smiles: &str) -> f64 {
        let molecule = Molecule::from_smiles(smiles).unwrap();
        measure.of(&molecule).unwrap()
    }

    #[test]
    fn similarity_is_that_to_the_nearest_target() {
        let texts = ["CC(=O)Oc1ccccc1C(=O)O".to_owned(), "CCO".to_owned()];
        let measure = Measure::similarity(&texts).unwrap();
        assert_eq!(of(&measure, "OC(=O)c1ccccc1OC(C)=O"), 1.0);
        assert_eq!(of(&measure, "OCC"), 1.0);
        // RDKit 2026.9.1: TanimotoSimilarity of the Morgan fingerprints of salicylic acid and aspirin.
        let alone = Measure::similarity(&texts[..1]).unwrap();
        let value = of(&alone, "O=C(O)c1ccccc1O");
        assert!((value - 13.0 / 29.0).abs() < 1e-12, "{value}");
        let error = Measure::similarity(&["C(C".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("\"C(C\""));
        assert!(Measure::similarity(&[]).is_err());
    }

    #[test]
    fn substructures_count_by_their_share() {
        let texts = ["C(=O)[OH]".to_owned(), "[#7]".to_owned()];
        let measure = Measure::substructure(&texts).unwrap();
        assert_eq!(of(&measure, "NCC(=O)O"), 1.0);
        assert_eq!(of(&measure, "CC(=O)O"), 0.5);
        assert_eq!(of(&measure, "CCO"), 0.0);
        let error = Measure::substructure(&["[#".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("\"[#\""));
    }
}
