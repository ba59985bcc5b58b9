//! What a model sees of a molecule.

use anabranch_chem::{ChemError, CountFingerprint, Descriptor, Fingerprint, Molecule};
use serde_json::{Value, json};

use crate::error::OracleError;

/// How fingerprints are computed; changes whenever the same molecule may give other features.
const COMPUTATION: u32 = 1;

/// What a model sees of a molecule.
#[derive(Clone, Debug, PartialEq)]
pub enum Features {
    /// A Morgan fingerprint, as RDKit's `GetMorganGenerator(radius, fpSize = bits)`.
    Morgan {
        /// Bonds from the middle of an environment to its rim.
        radius: u32,
        /// Length.
        bits: u32,
        /// How often an environment is there, rather than whether.
        counts: bool,
    },
    /// Descriptors, in the order in which the model wants them.
    Descriptors(Vec<Descriptor>),
}

impl Default for Features {
    /// Radius 2 and 2048 bits: what the papers call ECFP4.
    fn default() -> Self {
        Self::Morgan {
            radius: 2,
            bits: 2048,
            counts: false,
        }
    }
}

impl Features {
    /// Checks every number.
    pub(super) fn check(&self) -> Result<(), OracleError> {
        let number = |name: &str, value: f64, expected| OracleError::Setting {
            name: name.into(),
            value,
            expected,
        };
        match self {
            Self::Morgan { radius, .. } if *radius > 16 => {
                Err(number("onnx.radius", f64::from(*radius), "from 0 to 16"))
            }
            Self::Morgan { bits, .. } if !(1..=1 << 20).contains(bits) => {
                Err(number("onnx.bits", f64::from(*bits), "from 1 to 1048576"))
            }
            Self::Descriptors(list) if list.is_empty() => {
                Err(number("the number of onnx.descriptors", 0.0, "at least 1"))
            }
            _ => Ok(()),
        }
    }

    /// `F`, the number of features.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Morgan { bits, .. } => *bits as usize,
            Self::Descriptors(list) => list.len(),
        }
    }

    /// Writes the features of `molecule` over `out`, `[F]`, which holds zeros.
    ///
    /// # Errors
    /// Where the molecule has none.
    ///
    /// # Panics
    /// If `out` has another length than [`count`](Self::count).
    pub fn write(&self, molecule: &Molecule, out: &mut [f64]) -> Result<(), ChemError> {
        assert_eq!(out.len(), self.count(), "one place for each feature");
        match self {
            Self::Morgan {
                radius,
                bits,
                counts: false,
            } => {
                for bit in Fingerprint::morgan(molecule, *radius, *bits)?.on_bits() {
                    out[bit as usize] = 1.0;
                }
            }
            Self::Morgan {
                radius,
                bits,
                counts: true,
            } => {
                for (bit, count) in CountFingerprint::morgan(molecule, *radius, *bits)?.counts() {
                    out[*bit as usize] = f64::from(*count);
                }
            }
            Self::Descriptors(list) => {
                for (out, descriptor) in out.iter_mut().zip(list) {
                    *out = descriptor.of(molecule)?;
                }
            }
        }
        Ok(())
    }

    /// As a part of an oracle's source.
    pub(super) fn source(&self) -> Value {
        match self {
            Self::Morgan {
                radius,
                bits,
                counts,
            } => json!({
                "morgan": {"radius": radius, "bits": bits, "counts": counts},
                "computation": COMPUTATION,
            }),
            Self::Descriptors(list) => {
                let names: Vec<&str> = list.iter().map(|descriptor| descriptor.name()).collect();
                json!({"descriptors": names, "computation": COMPUTATION})
            }
        }
    }
}
