//! Settings of a model in an ONNX file.

use anabranch_chem::Descriptor;
use anabranch_oracles::OnnxSettings;
use anabranch_oracles::onnx::Features;
use serde::{Deserialize, Serialize};

use super::oracle::OracleConfig;

/// What a model sees of a molecule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeaturesName {
    /// A Morgan fingerprint.
    Morgan,
    /// Descriptors.
    Descriptors,
}

/// How the model of `reward.onnx` is asked. The names of its values are `oracle.columns`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnnxConfig {
    /// Which output is the score; empty for the only one, or the first of numbers.
    pub output: String,
    /// morgan or descriptors.
    pub features: FeaturesName,
    /// Of the fingerprint, in bonds.
    pub radius: u32,
    /// Of the fingerprint.
    pub bits: u32,
    /// Whether the fingerprint counts.
    pub counts: bool,
    /// Names of descriptors, in the order of the model.
    pub descriptors: Vec<String>,
}

impl Default for OnnxConfig {
    fn default() -> Self {
        let Features::Morgan {
            radius,
            bits,
            counts,
        } = Features::default()
        else {
            unreachable!("a fingerprint is what is taken by itself")
        };
        Self {
            output: String::new(),
            features: FeaturesName::Morgan,
            radius,
            bits,
            counts,
            descriptors: Vec::new(),
        }
    }
}

impl OnnxConfig {
    /// Settings of the oracle; a name that is no descriptor is left out, which the rules refuse before.
    #[must_use]
    pub fn settings(&self, model: &str, oracle: &OracleConfig) -> OnnxSettings {
        let names = self.descriptors.iter();
        OnnxSettings {
            output: self.output.clone(),
            features: match self.features {
                FeaturesName::Morgan => Features::Morgan {
                    radius: self.radius,
                    bits: self.bits,
                    counts: self.counts,
                },
                FeaturesName::Descriptors => Features::Descriptors(
                    names
                        .filter_map(|name| Descriptor::parse(name).ok())
                        .collect(),
                ),
            },
            columns: oracle.columns.clone(),
            version: (!oracle.version.is_empty()).then(|| oracle.version.clone()),
            ..OnnxSettings::new(model)
        }
    }

    /// What the model sees, for people.
    #[must_use]
    pub fn described(&self) -> String {
        match self.features {
            FeaturesName::Morgan => format!(
                "Morgan {} of radius {} in {} bits",
                if self.counts {
                    "counts"
                } else {
                    "fingerprints"
                },
                self.radius,
                self.bits
            ),
            FeaturesName::Descriptors => self.descriptors.join(", "),
        }
    }
}
