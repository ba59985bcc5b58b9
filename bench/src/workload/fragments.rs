//! Molecules from fragments, every one worth the same: what is left is the environment and the network.

use anabranch_core::Seed;
use anabranch_envs::fragments::{Fragments, Tree};
use anabranch_learn::policy::{
    GraphTransformerConfig, MessagePassing, MessagePassingConfig, NativeGraphTransformer,
};

use crate::training::Training;

/// Width of a token or node.
const WIDTH: usize = 128;
/// Layers of the transformer, rounds of messages.
const LAYERS: usize = 4;
/// Attention heads.
const HEADS: usize = 4;

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
    Training::new(env, model, batch, Box::new(same_reward)).counting(nodes)
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
    Training::new(env, model, batch, Box::new(same_reward)).counting(nodes)
}
