//! Checkpoints: all that the next step depends on.
//!
//! A checkpoint is a folder `checkpoints/<step>` with `model.safetensors`, `state.safetensors`
//! (moving average and optimiser memory), `state.json` and `manifest.json` with a SHA-256 of each. It is
//! written under another name, synced, and renamed, so that a folder of that name is always whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::folder::{FORMAT, cannot_write, sync_folder, write_synced};
use crate::error::{LearnError, Result};
use crate::params::{Gradients, Param, Params};

/// The state of a run between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Steps taken.
    pub step: u64,
    /// Length of `metrics.jsonl` in bytes at that step.
    pub metrics_bytes: u64,
    /// Weights.
    pub model: Params,
    /// Moving average of the weights, where sampling uses one.
    pub average: Option<Params>,
    /// Optimiser steps taken and its two memories.
    pub adam: (u64, Gradients, Gradients),
    /// Whatever else the loop keeps: counters, replay.
    pub extra: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
struct State {
    step: u64,
    metrics_bytes: u64,
    adam_step: u64,
    extra: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    format: u32,
    version: String,
    files: BTreeMap<String, FileFacts>,
}

#[derive(Serialize, Deserialize)]
struct FileFacts {
    bytes: u64,
    sha256: String,
}

/// The checkpoints of one run.
pub struct CheckpointStore {
    folder: PathBuf,
    keep: usize,
}

const MODEL: &str = "model.safetensors";
const STATE: &str = "state.safetensors";
const STATE_JSON: &str = "state.json";

impl CheckpointStore {
    /// Checkpoints under `folder`, of which the newest `keep` stay.
    pub fn new(folder: &Path, keep: usize) -> Self {
        Self {
            folder: folder.to_path_buf(),
            keep: keep.max(1),
        }
    }

    /// Steps that have a checkpoint, oldest first.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn steps(&self) -> Result<Vec<u64>> {
        let entries = fs::read_dir(&self.folder)
            .map_err(|e| LearnError::file(&self.folder, format!("cannot be read: {e}")))?;
        let mut steps: Vec<u64> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// Writes a checkpoint whole, then removes the oldest beyond the number kept.
    ///
    /// # Errors
    /// Where it cannot be written; older checkpoints are untouched then.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<()> {
        let target = self.folder.join(checkpoint.step.to_string());
        if target.exists() {
            return Ok(());
        }
        let staged = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(&self.folder)
            .map_err(|e| cannot_write(&self.folder, &e))?;
        let state = State {
            step: checkpoint.step,
            metrics_bytes: checkpoint.metrics_bytes,
            adam_step: checkpoint.adam.0,
            extra: checkpoint.extra.clone(),
        };
        let state = serde_json::to_vec(&state).map_err(|e| LearnError::file(&target, e))?;
        let contents = [
            (
                MODEL,
                to_safetensors(&named("", &checkpoint.model), &target)?,
            ),
            (STATE, to_safetensors(&memories(checkpoint), &target)?),
            (STATE_JSON, state),
        ];
        let mut files = BTreeMap::new();
        for (name, bytes) in &contents {
            write_synced(&staged.path().join(name), bytes)?;
            files.insert((*name).to_string(), facts(bytes));
        }
        let manifest = Manifest {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            files,
        };
        let manifest =
            serde_json::to_vec_pretty(&manifest).map_err(|e| LearnError::file(&target, e))?;
        write_synced(&staged.path().join("manifest.json"), &manifest)?;
        sync_folder(staged.path());
        fs::rename(staged.path(), &target).map_err(|e| cannot_write(&target, &e))?;
        let _ = staged.keep();
        sync_folder(&self.folder);
        self.prune()
    }

    /// Renames the checkpoints of steps after `step` to `set-aside-<step>`: another path is now taken
    /// from there, and theirs is not thrown away.
    ///
    /// # Errors
    /// Where one cannot be renamed.
    pub fn set_aside_after(&self, step: u64) -> Result<()> {
        for later in self.steps()?.into_iter().filter(|&s| s > step) {
            let old = self.folder.join(later.to_string());
            let mut aside = self.folder.join(format!("set-aside-{later}"));
            for number in 2.. {
                if !aside.exists() {
                    break;
                }
                aside = self.folder.join(format!("set-aside-{later}-{number}"));
            }
            fs::rename(&old, &aside).map_err(|e| cannot_write(&old, &e))?;
        }
        Ok(())
    }

    fn prune(&self) -> Result<()> {
        self.remove(self.steps()?.into_iter().rev().skip(self.keep))
    }

    fn remove(&self, steps: impl Iterator<Item = u64>) -> Result<()> {
        for step in steps {
            let old = self.folder.join(step.to_string());
            // Renamed first: a folder called after a step is always whole.
            let doomed = self.folder.join(format!(".old-{step}"));
            fs::rename(&old, &doomed)
                .and_then(|()| fs::remove_dir_all(&doomed))
                .map_err(|e| cannot_write(&old, &e))?;
        }
        Ok(())
    }

    /// Removes what a killed process left half-written. Only the process that holds the run's lock may.
    pub fn clean(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(".new-") || name.starts_with(".old-") {
                // Leftovers do no harm; the next resume tries again.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// The newest checkpoint, or the one of `step`; `None` where there is none yet.
    ///
    /// # Errors
    /// Where it is damaged or of another version; the message names the file and the way out.
    pub fn load(&self, step: Option<u64>) -> Result<Option<Checkpoint>> {
        let steps = self.steps()?;
        let Some(step) = step.or(steps.last().copied()) else {
            return Ok(None);
        };
        if !steps.contains(&step) {
            let problem = format!("there is no checkpoint of step {step}; there are: {steps:?}");
            return Err(LearnError::file(&self.folder, problem));
        }
        let older = steps.iter().rev().find(|&&s| s < step);
        self.read(step)
            .map(Some)
            .map_err(|error| match (error, older) {
                (LearnError::File { path, problem }, Some(older)) => LearnError::file(
                    path,
                    format!("{problem}; go on from the one before with --from {older}"),
                ),
                (error, _) => error,
            })
    }

    fn read(&self, step: u64) -> Result<Checkpoint> {
        let folder = self.folder.join(step.to_string());
        let path = folder.join("manifest.json");
        let manifest: Manifest = serde_json::from_slice(&read(&path)?)
            .map_err(|e| LearnError::file(&path, format!("is damaged: {e}")))?;
        if manifest.format != FORMAT {
            let problem = format!(
                "has format {} (version {}); this program reads format {FORMAT}: use the version that \
                 wrote it",
                manifest.format, manifest.version
            );
            return Err(LearnError::file(&path, problem));
        }
        let checked = |name: &str| -> Result<Vec<u8>> {
            let path = folder.join(name);
            let bytes = read(&path)?;
            let wanted = manifest.files.get(name).ok_or_else(|| {
                LearnError::file(&path, "is not in the manifest; the checkpoint is damaged")
            })?;
            let found = facts(&bytes);
            if found.bytes != wanted.bytes {
                let problem = format!(
                    "is damaged: it has {} bytes, {} were written",
                    found.bytes, wanted.bytes
                );
                return Err(LearnError::file(&path, problem));
            }
            if found.sha256 != wanted.sha256 {
                return Err(LearnError::file(
                    &path,
                    "is damaged: its SHA-256 is not the one written",
                ));
            }
            Ok(bytes)
        };
        let path = folder.join(STATE_JSON);
        let state: State = serde_json::from_slice(&checked(STATE_JSON)?)
            .map_err(|e| LearnError::file(&path, format!("cannot be understood: {e}")))?;
        let model = from_safetensors(&checked(MODEL)?, &folder.join(MODEL))?;
        let memory = from_safetensors(&checked(STATE)?, &folder.join(STATE))?;
        let part = |prefix: &str| -> Vec<Param> {
            memory
                .iter()
                .filter_map(|p| {
                    Some(Param {
                        name: p.name.strip_prefix(prefix)?.to_string(),
                        ..p.clone()
                    })
                })
                .collect()
        };
        let values = |prefix: &str| part(prefix).into_iter().map(|p| p.values).collect();
        let average = part("average/");
        Ok(Checkpoint {
            step: state.step,
            metrics_bytes: state.metrics_bytes,
            average: (!average.is_empty()).then(|| Params::from_list(average)),
            adam: (state.adam_step, values("first/"), values("second/")),
            model: Params::from_list(model),
            extra: state.extra,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| LearnError::file(path, format!("cannot be read: {e}")))
}

fn facts(bytes: &[u8]) -> FileFacts {
    FileFacts {
        bytes: bytes.len() as u64,
        sha256: Sha256::digest(bytes)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect(),
    }
}

fn named(prefix: &str, params: &Params) -> Vec<(String, [usize; 2], Vec<u8>)> {
    params
        .iter()
        .map(|p| {
            let bytes = p.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (format!("{prefix}{}", p.name), p.shape, bytes)
        })
        .collect()
}

fn memories(checkpoint: &Checkpoint) -> Vec<(String, [usize; 2], Vec<u8>)> {
    let mut out = Vec::new();
    if let Some(average) = &checkpoint.average {
        out.extend(named("average/", average));
    }
    for (prefix, memory) in [
        ("first/", &checkpoint.adam.1),
        ("second/", &checkpoint.adam.2),
    ] {
        for (param, values) in checkpoint.model.iter().zip(memory) {
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            out.push((format!("{prefix}{}", param.name), param.shape, bytes));
        }
    }
    out
}

/// The order of the arrays is part of the file, under this key of its metadata: safetensors sorts them.
const ORDER: &str = "order";

fn to_safetensors(arrays: &[(String, [usize; 2], Vec<u8>)], path: &Path) -> Result<Vec<u8>> {
    let views = arrays
        .iter()
        .map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes)
                .map_err(|e| LearnError::file(path, e))?;
            Ok((name.as_str(), view))
        })
        .collect::<Result<Vec<_>>>()?;
    let names: Vec<&str> = arrays.iter().map(|(name, ..)| name.as_str()).collect();
    let metadata = std::collections::HashMap::from([(ORDER.to_string(), names.join("\n"))]);
    safetensors::serialize(views, Some(metadata)).map_err(|e| LearnError::file(path, e))
}

fn from_safetensors(bytes: &[u8], path: &Path) -> Result<Vec<Param>> {
    let damaged = |e: &dyn std::fmt::Display| {
        LearnError::file(path, format!("is not a safetensors file of ours: {e}"))
    };
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| damaged(&e))?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e))?;
    let order = metadata
        .metadata()
        .as_ref()
        .and_then(|m| m.get(ORDER))
        .ok_or_else(|| damaged(&"its metadata lack the order of the arrays"))?;
    order
        .split('\n')
        .filter(|name| !name.is_empty())
        .map(|name| {
            let view = tensors.tensor(name).map_err(|e| damaged(&e))?;
            let &[rows, cols] = view.shape() else {
                return Err(damaged(&format!("{name} is not a matrix")));
            };
            if view.dtype() != Dtype::F32 {
                return Err(damaged(&format!("{name} is {:?}, not F32", view.dtype())));
            }
            let values = view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect();
            Ok(Param {
                name: name.to_string(),
                shape: [rows, cols],
                values,
            })
        })
        .collect()
}
