//! A trained policy as an ONNX file, with a description beside it and states to try it on.

mod description;
pub(crate) mod names;
mod npz;
mod proto;

use std::io::Write;
use std::path::{Path, PathBuf};

use anabranch_core::{Discrete, Frontier, Seed};
use anabranch_learn::onnx::{Encoded, Export, Graph, Place};
use anabranch_learn::run::RunFolder;
use anabranch_learn::score::visited;
use anabranch_learn::step::sample;
use anabranch_oracles::Callable;

use self::description::describe;
pub use self::names::Names;
use crate::config::Config;
use crate::error::{Result, TaskError};
use crate::own_score::Surroundings;
use crate::runs::checkpoint;
use crate::sampler::Sampler;
use crate::task::{State, Task, Visit, with_task};

/// What `gfn export` writes.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The ONNX file; what else is written stands beside it with other endings.
    pub path: PathBuf,
    /// Checkpoint; the newest where `None`.
    pub from: Option<u64>,
    /// Visited states that are written with our own scores; none where 0.
    pub examples: usize,
    /// Whether existing files are replaced.
    pub overwrite: bool,
}

/// The files that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The model.
    pub model: PathBuf,
    /// What its inputs and outputs mean.
    pub description: PathBuf,
    /// States with our own scores.
    pub examples: Option<PathBuf>,
    /// Step of the checkpoint.
    pub step: u64,
    /// Size of the model in bytes.
    pub bytes: usize,
}

/// Writes the policy of a run as an ONNX file.
///
/// # Errors
/// Where there is no checkpoint, or a file is there already or cannot be written.
pub fn export_run(config: &Config, run: &RunFolder, request: &ExportRequest) -> Result<Exported> {
    let files = files(request)?;
    with_task(
        config,
        &unscored(),
        Go {
            config,
            run,
            request,
            files,
        },
    )
}

/// Nobody is asked for a score, so none need be there.
fn unscored() -> Surroundings {
    Surroundings::default().scored_by(|settings| {
        let silent = Callable::with_columns(settings.columns.clone(), "none", |_| {
            Err("an export asks for no scores".into())
        });
        Ok(Box::new(silent?))
    })
}

/// The files to be written, where none is in the way.
fn files(request: &ExportRequest) -> Result<Exported> {
    let path = &request.path;
    if path.extension().is_none_or(|ending| ending != "onnx") {
        return Err(TaskError::File {
            path: path.clone(),
            problem: "the file must end in .onnx, for example policy.onnx".into(),
        });
    }
    let files = Exported {
        model: path.clone(),
        description: path.with_extension("json"),
        examples: (request.examples > 0).then(|| path.with_extension("npz")),
        step: 0,
        bytes: 0,
    };
    let all = [
        Some(&files.model),
        Some(&files.description),
        files.examples.as_ref(),
    ];
    let taken = all.into_iter().flatten().find(|file| file.exists());
    if let Some(file) = taken.filter(|_| !request.overwrite) {
        return Err(TaskError::File {
            path: file.clone(),
            problem: "is there already; choose another name, or replace it with --overwrite".into(),
        });
    }
    Ok(files)
}

struct Go<'a> {
    config: &'a Config,
    run: &'a RunFolder,
    request: &'a ExportRequest,
    files: Exported,
}

impl Visit for Go<'_> {
    type Out = Exported;

    fn visit<T: Task>(self, task: &T) -> Result<Exported> {
        let checkpoint = checkpoint(self.config, self.run, self.request.from)?;
        let sampler = Sampler::new(task, self.config, &checkpoint)?;
        let graph = sampler.model.graph();
        let description = describe(task, &sampler, &graph, checkpoint.step)?;
        let bytes = proto::encode(&graph, &description);
        let examples = match self.request.examples {
            0 => None,
            count => Some(examples(&sampler, &graph, count)?),
        };
        let text = serde_json::to_vec_pretty(&description)
            .map_err(|e| TaskError::Request(format!("the description cannot be written: {e}")))?;
        write(&self.files.model, &bytes)?;
        write(&self.files.description, &text)?;
        if let (Some(file), Some(examples)) = (&self.files.examples, examples) {
            write(file, &examples)?;
        }
        Ok(Exported {
            step: checkpoint.step,
            bytes: bytes.len(),
            ..self.files
        })
    }
}

/// Writes a file beside itself, and renames it.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let fault = |error: std::io::Error| TaskError::File {
        path: path.to_owned(),
        problem: format!("cannot be written: {error}"),
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fault)?;
    file.write_all(bytes).map_err(fault)?;
    file.as_file().sync_all().map_err(fault)?;
    file.persist(path).map_err(|error| fault(error.error))?;
    Ok(())
}

/// States that the policy visits, as inputs, and what we compute of them: NaN where it stands for no edge.
fn examples<T: Task>(sampler: &Sampler<'_, T>, graph: &Graph, count: usize) -> Result<Vec<u8>> {
    let env = sampler.task.env();
    let seed = Seed::new(sampler.config.seed);
    let trajectories = count.min(256);
    let betas = sampler
        .conditioner
        .draw(trajectories, &mut seed.stream("export conditions", &[]));
    let conditions = sampler.conditioner.encode(&betas);
    let drawn = sample(
        env,
        &sampler.model,
        &conditions,
        trajectories,
        (seed, "export", 0),
    )?;
    let all = visited(env, &drawn);
    let count = count.min(all.len());
    let chosen: Vec<usize> = (0..count).map(|i| i * all.len() / count).collect();
    let states: Vec<State<T>> = chosen.iter().map(|&i| all.states[i].clone()).collect();
    let conditions: Vec<f32> = chosen
        .iter()
        .flat_map(|&i| all.condition(i).to_vec())
        .collect();
    let frontier = Frontier::new(env, states, conditions);
    let encoded = sampler.model.encode(&frontier);
    let expected = expected(&sampler.model, graph, &frontier, &encoded)?;
    let mut arrays = Vec::new();
    for (port, array) in graph.inputs.iter().zip(&encoded.inputs) {
        arrays.push((
            port.name.to_owned(),
            npz::array(&array.shape, &array.values),
        ));
    }
    for ((port, shape), values) in graph.outputs.iter().zip(&encoded.outputs).zip(expected) {
        arrays.push((
            format!("expected_{}", port.name),
            npz::doubles(shape, &values),
        ));
    }
    npz::write(&arrays)
}

/// For each output what the model itself computes of a frontier; NaN where that is no edge of a state.
///
/// # Errors
/// Where the model cannot score.
pub fn expected<M: Export>(
    model: &M,
    graph: &Graph,
    frontier: &Frontier<'_, M::Env>,
    encoded: &Encoded,
) -> Result<Vec<Vec<f64>>>
where
    M::Env: Discrete,
{
    let scores = model.scores(frontier)?;
    let sizes = encoded.outputs.iter().map(|shape| shape.iter().product());
    let mut out: Vec<Vec<f64>> = sizes.map(|size: usize| vec![f64::NAN; size]).collect();
    let mut fill = |places: &[Place], values: &[f64]| {
        for (place, value) in places.iter().zip(values) {
            out[place.output][place.index] = *value;
        }
    };
    fill(&encoded.moves, &scores.moves);
    if let (Some(places), Some(values)) = (&encoded.parents, &scores.parents) {
        fill(places, values);
    }
    if let (Some(places), Some(values)) = (&encoded.log_flow, &scores.log_flow) {
        fill(places, values);
    }
    if let Some(place) = graph.outputs.iter().position(|port| port.name == "log_z") {
        out[place] = model.log_z(&frontier.conditions, frontier.len())?;
    }
    Ok(out)
}

/// The bytes of an ONNX file of a graph, without a description.
#[must_use]
pub fn to_onnx(graph: &Graph) -> Vec<u8> {
    proto::encode(graph, &serde_json::Value::Null)
}
