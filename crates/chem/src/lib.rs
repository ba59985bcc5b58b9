//! Molecules for Anabranch: a thin, checked face over a pure-Rust chemistry engine.
//!
//! What is here: reading and writing molecules ([`Molecule`], [`sdf_record`], [`svg`]), numbers of
//! a molecule ([`Descriptor`], [`Descriptors`], [`sa_score`], [`Fingerprint`], [`scaffold`]), substructures
//! ([`Pattern`]), its atoms and bonds ([`MolecularGraph`]), its shape in space ([`Conformer`]) and joining fragments into molecules ([`Vocabulary`], [`assemble`]). Every value agrees with RDKit
//! 2026.9.1, and golden files in `tests/` hold it there.
//!
//! What is not here: GFlowNets, rewards, tensors. The engine's own types never appear in a public
//! signature, so it can be replaced.
//!
//! No function panics on a molecule, however odd: the engine runs behind guards (length, size,
//! characters) and a panic inside it comes back as [`ChemError::Panicked`].
//!
//! ```
//! use anabranch_chem::{assemble, Descriptor, Molecule, Vocabulary};
//!
//! let aspirin = Molecule::from_smiles("OC(=O)c1ccccc1OC(C)=O")?;
//! assert_eq!(aspirin.smiles()?, "CC(=O)Oc1ccccc1C(=O)O");
//! assert!((Descriptor::Qed.of(&aspirin)? - 0.5501).abs() < 1e-4);
//!
//! // Benzene (fragment 65) joined through its stem 0 to the oxygen of methanol (31, stem 1).
//! let fragments = Vocabulary::rp72();
//! let anisole = assemble(&fragments, &[65, 31], &[(0, 1, 0, 1)])?;
//! assert_eq!(anisole.smiles()?, "COc1ccccc1");
//! # Ok::<(), anabranch_chem::ChemError>(())
//! ```

mod assemble;
mod boundary;
mod conformer;
mod depict;
mod descriptors;
mod dialect;
mod error;
mod fingerprint;
mod fragment;
mod graph;
mod isotope;
mod molecule;
mod sa_score;
mod scaffold;
mod sdf;
mod smarts;

pub use assemble::{Join, assemble};
pub use conformer::{Conformer, ForceField, sdf_record_3d};
pub use depict::svg;
pub use descriptors::{
    Descriptor, Descriptors, aromatic_rings, hba, hbd, logp, mw, qed, rings, rotatable_bonds, tpsa,
};
pub use error::ChemError;
pub use fingerprint::{CountFingerprint, Fingerprint, tanimoto};
pub use fragment::{Fragment, MAX_STEMS, Vocabulary};
pub use graph::{Atom, Bond, BondOrder, Hybridization, MolecularGraph};
pub use molecule::{MAX_HEAVY_ATOMS, MAX_SMILES_BYTES, Molecule};
pub use sa_score::sa_score;
pub use scaffold::scaffold;
pub use sdf::sdf_record;
pub use smarts::Pattern;
