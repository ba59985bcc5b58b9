//! Molecules from fragments, every one worth the same: what is left is the environment and the network.
//!
//! A policy that is trained on a constant reward drifts, in every program elsewhere, and a step costs what its
//! trajectories are long. So every move is about as likely as any other here, and stays so: a step does all of
//! its work at learning rates of 0.

use anabranch_core::Seed;
use anabranch_envs::fragments::{Fragments, Tree};
use anabranch_learn::policy::{
    GraphTransformerConfig, MessagePassing, MessagePassingConfig, Model, NativeGraphTransformer,
};

use crate::training::Training;
use crate::workload::Workload;

/// Width of a token or node.
const WIDTH: usize = 128;
/// Layers of the transformer, rounds of messages.
const LAYERS: usize = 4;
/// Attention heads.
const HEADS: usize = 4;

/// What the weights of heads are multiplied by, so that scores are nearly equal.
const NEARLY_UNIFORM: f32 = 1e-3;

fn same_reward(objects: &[Tree]) -> anyhow::Result<Vec<f64>> {
    Ok(vec![0.0; objects.len()])
}

/// The empty tree is one dummy node.
fn nodes(tree: &Tree) -> usize {
    tree.len().max(1)
}

/// The graph transformer in training on the 72 fragments, at most 9 in a molecule.
pub fn fragments(batch: usize) -> Training<NativeGraphTransformer<Fragments>> {
    let env = Fragments::rp72();
    let config = GraphTransformerConfig {
        width: WIDTH,
        layers: LAYERS,
        heads: HEADS,
        learned_backward: true,
        flow: false,
    };
    let mut rng = Seed::new(1).stream("init", &[]);
    let model = NativeGraphTransformer::new(&env, 0, config, 0.0, &mut rng);
    train(env, model, batch)
}

/// Message passing of the same width and depth in training on the same fragments.
pub fn message_passing(batch: usize) -> Training<MessagePassing<Fragments>> {
    let env = Fragments::rp72();
    let config = MessagePassingConfig {
        width: WIDTH,
        rounds: LAYERS,
        learned_backward: true,
        flow: false,
        directed: true,
    };
    let mut rng = Seed::new(1).stream("init", &[]);
    let model = MessagePassing::new(&env, 0, config, 0.0, &mut rng);
    train(env, model, batch)
}

fn train<M: Model<Env = Fragments>>(env: Fragments, mut model: M, batch: usize) -> Training<M> {
    for param in model.params_mut().iter_mut() {
        if param.name.contains("_head.") {
            param.values.iter_mut().for_each(|v| *v *= NEARLY_UNIFORM);
        }
    }
    let mut training = Training::new(env, model, batch, Box::new(same_reward)).counting(nodes);
    training.freeze();
    training
}
