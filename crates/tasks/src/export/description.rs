//! What a reader must know of an exported policy to use it without our source.

use anabranch_learn::onnx::{Graph, Port, Size};
use anabranch_learn::policy::Model;
use serde_json::{Value, json};

use super::names::Names;
use crate::error::{Result, TaskError};
use crate::sampler::Sampler;
use crate::task::Task;

/// Layout of the description.
const FORMAT: u32 = 1;

/// The description of a policy.
pub(super) fn describe<T: Task>(
    task: &T,
    sampler: &Sampler<'_, T>,
    graph: &Graph,
    step: u64,
) -> Result<Value> {
    let config = sampler.config;
    let json = |value: serde_json::Result<Value>| {
        value.map_err(|e| TaskError::Request(format!("the settings cannot be written: {e}")))
    };
    let names = task.names(config);
    let mut out = json!({
        "format": FORMAT,
        "producer": format!("anabranch {}", env!("CARGO_PKG_VERSION")),
        "task": config.task.name(),
        "object": task.object_name(),
        "step": step,
        "env": json(serde_json::to_value(&config.env))?,
        "objective": json(serde_json::to_value(config.objective.name))?,
        "beta": json(serde_json::to_value(&config.reward.beta))?,
        "inputs": graph.inputs.iter().map(|p| port(p, &names)).collect::<Vec<_>>(),
        "outputs": graph.outputs.iter().map(|p| port(p, &names)).collect::<Vec<_>>(),
        "how_to_sample": "At a state, take the scores of the actions that are legal there, over all outputs named \
                          *forward and stop (legal where the state is a complete object), and draw from their \
                          softmax. Backward likewise; without a backward output P_B is uniform over the parents.",
    });
    let bins = sampler.conditioner.width();
    if bins == 0 {
        // One number for all states.
        let log_z = sampler.model.log_z(&[], 1)?;
        out["log_z"] = json!(log_z.first());
    } else {
        let gap = sampler.conditioner.sharpest() / (bins - 1) as f64;
        out["condition"] = json!({
            "bins": bins,
            "gap": gap,
            "formula": "condition[i] = clip((beta - i * gap) / gap, 0, 1) for i in 0 .. bins",
        });
    }
    Ok(out)
}

fn port(port: &Port, names: &Names) -> Value {
    let shape: Vec<Value> = port
        .shape
        .iter()
        .map(|size| match size {
            Size::Fixed(size) => json!(size),
            Size::Free(name) => json!(name),
        })
        .collect();
    let mut out = json!({
        "name": port.name,
        "type": if port.whole { "int64" } else { "float32" },
        "shape": shape,
        "meaning": port.meaning,
    });
    if let Some(names) = names.get(port.name) {
        out["names"] = json!(names);
    }
    out
}
