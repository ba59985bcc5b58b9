//! A model in an ONNX file as an oracle: SMILES in, what the model says out.
//!
//! Features are computed here ([`Features`]), the model runs on [tract](https://github.com/sonos/tract)
//! (docs/adr/0010), ensembles of trees by code of our own. Nothing is started and nothing downloaded.

mod attributes;
mod error;
mod features;
mod file;
mod model;
mod tree_operator;
mod trees;

use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use anabranch_chem::Molecule;
use rayon::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::command::{check_columns, hex};
use crate::error::OracleError;
use crate::oracle::{Answer, FailureKind, Heard, Listener, Oracle};
use model::{Model, Read};

pub use error::OnnxError;
pub use features::Features;

/// Molecules that a model is run on at once.
const BATCH: usize = 64;
/// How models are run; changes whenever the same model may give other values.
const ENGINE: u32 = 1;

/// How a model is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct OnnxSettings {
    /// The model.
    pub model: PathBuf,
    /// Which of its outputs is the score; empty for the only one, or the first of numbers.
    pub output: String,
    /// What it sees of a molecule.
    pub features: Features,
    /// `[K]` names of its values.
    pub columns: Vec<String>,
    /// Stands for the model and its features where stored scores are looked up. Default: the SHA-256 of the
    /// file, and the settings of the features.
    pub version: Option<String>,
}

impl OnnxSettings {
    /// The defaults for a model.
    #[must_use]
    pub fn new(model: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            output: String::new(),
            features: Features::default(),
            columns: vec!["score".into()],
            version: None,
        }
    }
}

/// A model from features of a molecule to values.
///
/// What is no molecule, or has no such features, is an error of that object alone.
pub struct OnnxOracle {
    settings: OnnxSettings,
    model: Model,
    source: String,
}

impl fmt::Debug for OnnxOracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxOracle")
            .field("settings", &self.settings)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl OnnxOracle {
    /// Reads the model and tries it.
    ///
    /// # Errors
    /// Where a setting is impossible, or the file no model that takes these features and gives a value for
    /// each column.
    pub fn new(settings: OnnxSettings) -> Result<Self, OracleError> {
        check_columns(&settings.columns)?;
        settings.features.check()?;
        let file = &settings.model;
        let bytes = std::fs::read(file).map_err(|source| OnnxError::Read {
            file: file.clone(),
            source,
        })?;
        let fault = |problem| OnnxError::Model {
            file: file.clone(),
            problem,
        };
        let read = Read::new(&bytes, &settings.output).map_err(fault)?;
        let made = settings.features.count();
        if let Some(wanted) = read.input.features
            && usize::try_from(wanted) != Ok(made)
        {
            return Err(OnnxError::Features {
                file: file.clone(),
                wanted,
                made,
                remedy: match settings.features {
                    Features::Morgan { .. } => format!("onnx.bits={wanted}"),
                    Features::Descriptors(_) => format!("onnx.descriptors to {wanted} names"),
                },
            }
            .into());
        }
        let model = read.ready(made).map_err(fault)?;
        if model.values != settings.columns.len() {
            let names = (0..model.values).map(|i| format!("value_{i}"));
            let names: Vec<String> = names.take(8).collect();
            return Err(OnnxError::Columns {
                file: file.clone(),
                output: model.output,
                values: model.values,
                named: settings.columns.len(),
                example: json!(names).to_string(),
            }
            .into());
        }
        let source = match &settings.version {
            Some(version) => json!({"kind": "onnx", "version": version}),
            None => json!({
                "kind": "onnx",
                "engine": ENGINE,
                "model": hex(&Sha256::digest(&bytes)),
                "output": model.output,
                "features": settings.features.source(),
            }),
        };
        Ok(Self {
            settings,
            model,
            source: source.to_string(),
        })
    }

    /// The settings.
    pub fn settings(&self) -> &OnnxSettings {
        &self.settings
    }

    /// The output that is the score.
    pub fn output(&self) -> &str {
        &self.model.output
    }

    /// `[N, K]` values of `[N, F]` features, both flat.
    ///
    /// # Errors
    /// Where the model fails.
    ///
    /// # Panics
    /// If `features` has another length than N F.
    pub fn evaluate(&self, features: &[f64], molecules: usize) -> Result<Vec<f64>, OnnxError> {
        assert_eq!(
            features.len(),
            molecules * self.settings.features.count(),
            "the features of each molecule"
        );
        if molecules == 0 {
            return Ok(Vec::new());
        }
        self.model
            .run(features, molecules)
            .map_err(|problem| OnnxError::Run {
                file: self.settings.model.clone(),
                molecules,
                problem,
            })
    }

    /// One answer for each object.
    fn answer(&self, objects: &[String]) -> Result<Vec<Answer>, OnnxError> {
        let (count, columns) = (self.settings.features.count(), &self.settings.columns);
        let mut features = vec![0.0; objects.len() * count];
        let mut rows = 0;
        let mut faults: Vec<Option<String>> = Vec::with_capacity(objects.len());
        for object in objects {
            let row = &mut features[rows * count..(rows + 1) * count];
            let written = Molecule::from_smiles(object)
                .and_then(|molecule| self.settings.features.write(&molecule, row));
            match written {
                Ok(()) => {
                    rows += 1;
                    faults.push(None);
                }
                Err(error) => {
                    row.fill(0.0);
                    faults.push(Some(error.to_string()));
                }
            }
        }
        let values = self.evaluate(&features[..rows * count], rows)?;
        let mut values = values.chunks(columns.len());
        let answers = faults.into_iter().map(|fault| match fault {
            Some(message) => Answer::failed(FailureKind::Error, message),
            None => {
                let values = values.next().expect("a row of values for each of features");
                Answer::of_values(columns, values.to_vec())
            }
        });
        Ok(answers.collect())
    }
}

impl Oracle for OnnxOracle {
    fn columns(&self) -> &[String] {
        &self.settings.columns
    }

    fn source(&self) -> String {
        self.source.clone()
    }

    fn ask(
        &self,
        objects: &[String],
        should_stop: &(dyn Fn() -> bool + Sync),
        heard: &mut Listener<'_>,
    ) -> Result<(), OracleError> {
        // Between two waves one may stop.
        let wave = BATCH * rayon::current_num_threads() * 4;
        for (number, objects) in objects.chunks(wave).enumerate() {
            if should_stop() {
                return Err(OracleError::Interrupted);
            }
            let start = Instant::now();
            let answers = objects.par_chunks(BATCH).map(|batch| self.answer(batch));
            let answers: Vec<Vec<Answer>> = answers.collect::<Result<_, _>>()?;
            let seconds = start.elapsed().as_secs_f64();
            let answers = answers.into_iter().flatten().enumerate();
            heard(
                answers
                    .map(|(i, answer)| Heard::Answer {
                        index: number * wave + i,
                        answer,
                        seconds,
                    })
                    .collect(),
            )?;
        }
        Ok(())
    }
}
