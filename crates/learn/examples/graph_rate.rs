//! Training steps a second with message passing and with a graph transformer of as many layers and the
//! same width, in turns.
//!
//! `cargo run --release -p anabranch-learn --example graph_rate [steps a turn]`

use std::time::Instant;

use anabranch_chem::{Fragment, Vocabulary};
use anabranch_core::objective::Objective;
use anabranch_core::{Environment, Seed};
use anabranch_envs::fragments::{Fragments, Tree};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{
    GraphTransformer, GraphTransformerConfig, MessagePassing, MessagePassingConfig, Model, Neural,
};
use anabranch_learn::step::{sample, train_step};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const BATCH: usize = 64;
const TURNS: usize = 3;
const WIDTH: usize = 32;
const LAYERS: usize = 3;

/// Steps a second over `steps`, which begin at step `first`.
fn rate<M: Model>(env: &M::Env, model: &mut M, (first, steps): (u64, u64)) -> Result<f64>
where
    M::Env: Environment<State = Tree>,
{
    let mut adam = Adam::new(AdamConfig::with_rates(1e-3, 0.1), model.params());
    let objective = Objective::SubTrajectoryBalance { lambda: 1.0 };
    let begin = Instant::now();
    for step in first..first + steps {
        let at = (Seed::new(0), "rollout", step);
        let trajectories = sample(env, model, &[], BATCH, at)?;
        let objects = trajectories.objects();
        let log_reward: Vec<f64> = objects.iter().map(|tree| tree.len() as f64).collect();
        let loss = |terms: &_| objective.loss(terms);
        train_step(env, model, &mut adam, loss, &trajectories, &log_reward)?;
    }
    Ok(steps as f64 / begin.elapsed().as_secs_f64())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn main() -> Result<()> {
    let steps: u64 = std::env::args().nth(1).map_or(Ok(20), |s| s.parse())?;
    let fragment = |smiles: &str, stems: &[usize]| Fragment {
        smiles: smiles.into(),
        stems: stems.to_vec(),
    };
    let three = Vocabulary::new(vec![
        fragment("c1ccccc1", &[0, 1, 2, 3, 4, 5]),
        fragment("C", &[0]),
        fragment("CO", &[0, 1]),
    ])?;
    println!("fragments  nodes  transformer/s  message passing/s  ratio");
    for (count, nodes, env) in [
        (3, 3, Fragments::new(three, 3)?),
        (72, 9, Fragments::rp72()),
    ] {
        let config = GraphTransformerConfig {
            width: WIDTH,
            layers: LAYERS,
            heads: 2,
            learned_backward: false,
            flow: true,
        };
        let mut rng = Seed::new(1).stream("init", &[]);
        let network = GraphTransformer::new(&env, 0, config);
        let mut transformer = Neural::new(network, 0, 0.0, &mut rng);
        let config = MessagePassingConfig {
            width: WIDTH,
            rounds: LAYERS,
            flow: true,
            directed: true,
            ..MessagePassingConfig::default()
        };
        let mut messages = MessagePassing::new(&env, 0, config, 0.0, &mut rng);
        let (mut slow, mut fast) = (Vec::new(), Vec::new());
        for turn in 0..TURNS as u64 {
            let range = (turn * steps, steps);
            slow.push(rate(&env, &mut transformer, range)?);
            fast.push(rate(&env, &mut messages, range)?);
        }
        let (slow, fast) = (median(slow), median(fast));
        let ratio = fast / slow;
        println!("{count:>9}{nodes:>7}{slow:>15.1}{fast:>19.1}{ratio:>7.1}");
        let sizes = (
            transformer.params().num_values(),
            messages.params().num_values(),
        );
        println!("           parameters {} and {}", sizes.0, sizes.1);
    }
    Ok(())
}
