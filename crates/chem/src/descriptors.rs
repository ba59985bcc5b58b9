//! Numbers of a molecule, each as RDKit 2026.9.1 computes it.

use std::error::Error;
use std::fmt;

use crate::error::ChemError;
use crate::isotope::without_unweighed;
use crate::molecule::Molecule;
use crate::sa_score::sa_score;

/// Average molecular weight with all hydrogens, in Da.
///
/// # Errors
/// [`ChemError::Engine`] if the engine has no answer.
pub fn mw(molecule: &Molecule) -> Result<f64, ChemError> {
    molecule.ask("mw", weigh)
}

/// Octanol-water partition coefficient (base-10 logarithm) by Crippen's atom contributions.
///
/// # Errors
/// [`ChemError::Engine`] if the engine has no answer.
pub fn logp(molecule: &Molecule) -> Result<f64, ChemError> {
    molecule.ask("logp", |engine| {
        engine.crippen_descriptors().map(|totals| totals.logp)
    })
}

/// Topological polar surface area by Ertl's fragments of N and O, in Å².
///
/// # Errors
/// [`ChemError::Engine`] if the engine has no answer.
pub fn tpsa(molecule: &Molecule) -> Result<f64, ChemError> {
    molecule.ask("tpsa", |engine| engine.tpsa())
}

/// Hydrogen-bond donors.
///
/// # Errors
/// [`ChemError::Engine`] if the engine has no answer.
pub fn hbd(molecule: &Molecule) -> Result<u32, ChemError> {
    molecule.ask("hbd", |engine| engine.num_hbd())
}

/// Hydrogen-bond acceptors.
///
/// # Errors
/// [`ChemError::Engine`] if the engine has no answer.
pub fn hba(molecule: &Molecule) -> Result<u32, ChemError> {
    molecule.ask("hba", |engine| engine.num_hba())
}

/// Rotatable bonds by the strict definition (amides, for one, do not count).
///
/// # Errors
/// [`ChemError::Engine`] if the engine has no answer.
pub fn rotatable_bonds(molecule: &Molecule) -> Result<u32, ChemError> {
    molecule.ask("rotatable_bonds", |engine| engine.num_rotatable_bonds())
}

/// Rings of the smallest set of smallest rings.
///
/// # Errors
/// [`ChemError::Engine`] if the engine has no answer.
pub fn rings(molecule: &Molecule) -> Result<u32, ChemError> {
    molecule.ask("rings", |engine| engine.num_rings())
}

/// Rings whose bonds are all aromatic.
///
/// # Errors
/// [`ChemError::Engine`] if the engine has no answer.
pub fn aromatic_rings(molecule: &Molecule) -> Result<u32, ChemError> {
    molecule.ask("aromatic_rings", |engine| engine.num_aromatic_rings())
}

/// Quantitative estimate of drug-likeness, 0 to 1, of Bickerton et al. (2012) with mean weights.
///
/// # Errors
/// [`ChemError::Engine`] if the engine has no answer.
pub fn qed(molecule: &Molecule) -> Result<f64, ChemError> {
    molecule.ask("qed", |engine| -> Result<f64, Box<dyn Error>> {
        let known = match engine.qed() {
            Ok(value) => return Ok(value),
            Err(error) => without_unweighed(engine)?.ok_or(error)?,
        };
        let mass = known.engine.molecular_weight()?;
        let change = mass_desirability(mass + known.extra_mass).ln() - mass_desirability(mass).ln();
        Ok(known.engine.qed()? * (QED_MASS_WEIGHT / QED_TOTAL_WEIGHT * change).exp())
    })
}

fn weigh(engine: &cosmolkit::Molecule) -> Result<f64, Box<dyn Error>> {
    match engine.molecular_weight() {
        Ok(mass) => Ok(mass),
        Err(error) => {
            let known = without_unweighed(engine)?.ok_or(error)?;
            Ok(known.engine.molecular_weight()? + known.extra_mass)
        }
    }
}

/// Weight of the molecular mass in QED, and the sum of all eight weights (`WEIGHT_MEAN`).
const QED_MASS_WEIGHT: f64 = 0.66;
const QED_TOTAL_WEIGHT: f64 = 0.66 + 0.46 + 0.05 + 0.61 + 0.06 + 0.65 + 0.48 + 0.95;

/// QED's desirability of a molecular mass in Da: the asymmetric double sigmoid of Bickerton et al.
/// (2012), equation 2, with the parameters of RDKit's `QED.py`.
fn mass_desirability(mass: f64) -> f64 {
    const A: f64 = 2.817_065_973;
    const B: f64 = 392.575_495_3;
    const C: f64 = 290.748_976_4;
    const D: f64 = 2.419_764_353;
    const E: f64 = 49.223_256_77;
    const F: f64 = 65.370_517_07;
    const LARGEST: f64 = 104.980_556_1;
    let rise = 1.0 + (-(mass - C + D / 2.0) / E).exp();
    let fall = 1.0 + (-(mass - C - D / 2.0) / F).exp();
    (A + B / rise * (1.0 - 1.0 / fall)) / LARGEST
}

/// A descriptor that can be named in a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Descriptor {
    /// Average molecular weight, in Da.
    Mw,
    /// Crippen's octanol-water partition coefficient (base-10 logarithm).
    LogP,
    /// Topological polar surface area, in Å².
    Tpsa,
    /// Hydrogen-bond donors.
    Hbd,
    /// Hydrogen-bond acceptors.
    Hba,
    /// Rotatable bonds.
    RotatableBonds,
    /// Rings.
    Rings,
    /// Aromatic rings.
    AromaticRings,
    /// Atoms that are not hydrogen.
    HeavyAtoms,
    /// Quantitative estimate of drug-likeness, 0 to 1, more is better.
    Qed,
    /// Synthetic accessibility, 1 (easy) to 10 (hard).
    Sa,
}

impl Descriptor {
    /// Every descriptor, in the order of the fields of [`Descriptors`].
    pub const ALL: [Self; 11] = [
        Self::Mw,
        Self::LogP,
        Self::Tpsa,
        Self::Hbd,
        Self::Hba,
        Self::RotatableBonds,
        Self::Rings,
        Self::AromaticRings,
        Self::HeavyAtoms,
        Self::Qed,
        Self::Sa,
    ];

    /// The name used in configurations and as a column title.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mw => "mw",
            Self::LogP => "logp",
            Self::Tpsa => "tpsa",
            Self::Hbd => "hbd",
            Self::Hba => "hba",
            Self::RotatableBonds => "rotatable_bonds",
            Self::Rings => "rings",
            Self::AromaticRings => "aromatic_rings",
            Self::HeavyAtoms => "heavy_atoms",
            Self::Qed => "qed",
            Self::Sa => "sa",
        }
    }

    /// Finds a descriptor by its [`name`](Self::name).
    ///
    /// # Errors
    /// [`ChemError::UnknownDescriptor`], which lists the names there are.
    pub fn parse(name: &str) -> Result<Self, ChemError> {
        Self::ALL
            .into_iter()
            .find(|descriptor| descriptor.name() == name)
            .ok_or_else(|| ChemError::UnknownDescriptor {
                name: name.to_owned(),
                known: Self::ALL.map(Self::name).join(", "),
            })
    }

    /// Computes this descriptor and nothing else.
    ///
    /// # Errors
    /// [`ChemError::Engine`] if the engine has no answer, [`ChemError::Undefined`] where the
    /// descriptor has no value (SA of a molecule without atoms).
    pub fn of(self, molecule: &Molecule) -> Result<f64, ChemError> {
        match self {
            Self::Mw => mw(molecule),
            Self::LogP => logp(molecule),
            Self::Tpsa => tpsa(molecule),
            Self::Hbd => hbd(molecule).map(f64::from),
            Self::Hba => hba(molecule).map(f64::from),
            Self::RotatableBonds => rotatable_bonds(molecule).map(f64::from),
            Self::Rings => rings(molecule).map(f64::from),
            Self::AromaticRings => aromatic_rings(molecule).map(f64::from),
            Self::HeavyAtoms => Ok(molecule.num_heavy_atoms() as f64),
            Self::Qed => qed(molecule),
            Self::Sa => sa_score(molecule),
        }
    }
}

impl fmt::Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// All descriptors of one molecule.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Descriptors {
    /// Average molecular weight, in Da.
    pub mw: f64,
    /// Crippen's octanol-water partition coefficient (base-10 logarithm).
    pub logp: f64,
    /// Topological polar surface area, in Å².
    pub tpsa: f64,
    /// Hydrogen-bond donors.
    pub hbd: u32,
    /// Hydrogen-bond acceptors.
    pub hba: u32,
    /// Rotatable bonds.
    pub rotatable_bonds: u32,
    /// Rings.
    pub rings: u32,
    /// Aromatic rings.
    pub aromatic_rings: u32,
    /// Atoms that are not hydrogen.
    pub heavy_atoms: u32,
    /// Quantitative estimate of drug-likeness, 0 to 1.
    pub qed: f64,
    /// Synthetic accessibility, 1 (easy) to 10 (hard).
    pub sa: f64,
}

impl Descriptors {
    /// Computes all descriptors.
    ///
    /// # Errors
    /// The first error of [`Descriptor::of`].
    pub fn of(molecule: &Molecule) -> Result<Self, ChemError> {
        Ok(Self {
            mw: mw(molecule)?,
            logp: logp(molecule)?,
            tpsa: tpsa(molecule)?,
            hbd: hbd(molecule)?,
            hba: hba(molecule)?,
            rotatable_bonds: rotatable_bonds(molecule)?,
            rings: rings(molecule)?,
            aromatic_rings: aromatic_rings(molecule)?,
            heavy_atoms: molecule.num_heavy_atoms() as u32,
            qed: qed(molecule)?,
            sa: sa_score(molecule)?,
        })
    }

    /// The value of one descriptor.
    #[must_use]
    pub fn value(&self, descriptor: Descriptor) -> f64 {
        match descriptor {
            Descriptor::Mw => self.mw,
            Descriptor::LogP => self.logp,
            Descriptor::Tpsa => self.tpsa,
            Descriptor::Hbd => f64::from(self.hbd),
            Descriptor::Hba => f64::from(self.hba),
            Descriptor::RotatableBonds => f64::from(self.rotatable_bonds),
            Descriptor::Rings => f64::from(self.rings),
            Descriptor::AromaticRings => f64::from(self.aromatic_rings),
            Descriptor::HeavyAtoms => f64::from(self.heavy_atoms),
            Descriptor::Qed => self.qed,
            Descriptor::Sa => self.sa,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Values by RDKit 2026.9.1.
    #[test]
    fn isotopes_without_a_mass_count_by_their_number() {
        for (smiles, mass, drug_likeness) in [
            ("[1000C]", 1000.0, 0.32352683307445385),
            (
                "C[2Si](C)(C)c1ccc(O)cc1[13CH3]",
                155.22935483999998,
                0.4868571294500882,
            ),
            ("[99CH3]c1ccc([60NH2])cc1", 240.138, 0.684350753588868),
        ] {
            let molecule = Molecule::from_smiles(smiles).unwrap();
            let (found_mass, found) = (mw(&molecule).unwrap(), qed(&molecule).unwrap());
            assert!((found_mass - mass).abs() < 1e-6, "{smiles} {found_mass}");
            assert!((found - drug_likeness).abs() < 1e-6, "{smiles} {found}");
        }
    }

    #[test]
    fn names_find_their_descriptors() {
        for descriptor in Descriptor::ALL {
            assert_eq!(Descriptor::parse(descriptor.name()), Ok(descriptor));
        }
        let error = Descriptor::parse("QED").unwrap_err().to_string();
        assert!(
            error.contains("\"QED\"") && error.contains("rotatable_bonds"),
            "{error}"
        );
    }

    #[test]
    fn one_at_a_time_is_the_same_as_all_at_once() {
        let molecule = Molecule::from_smiles("CN1CCC(CC1)c1ccc(cc1)C(=O)NC").unwrap();
        let all = Descriptors::of(&molecule).unwrap();
        for descriptor in Descriptor::ALL {
            assert_eq!(all.value(descriptor), descriptor.of(&molecule).unwrap());
        }
    }
}
