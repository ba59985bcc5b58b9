//! Training steps a second with transformers: fragments with the graph transformer of 4 blocks of width
//! 128, 64 trajectories a step; 120 bits in words of 8, filled in any order, with the sequence
//! transformer of 3 blocks of width 64 and 8 heads, 16 trajectories a step. The reward is constant and
//! the objective trajectory balance, on a tape: states are scored once, while sampling.
//!
//! `cargo run --release --workspace --example transformer_rate [steps [graphs | burn | sequences]]`

use std::time::Instant;

use anabranch_core::encode::{GraphEncoded, TokenEncoded};
use anabranch_core::objective::Objective;
use anabranch_core::rng::Stream;
use anabranch_core::{Discrete, Environment, Frontier, Move, Seed, Terms};
use anabranch_envs::bit_sequence::AnyOrderBits;
use anabranch_envs::fragments::Fragments;
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::params::Gradients;
use anabranch_learn::policy::{
    GraphTransformer, GraphTransformerConfig, Model, NativeGraphTransformer, Neural, Scores,
    ScoresGrad, SequenceTransformer, SequenceTransformerConfig, Tape,
};
use anabranch_learn::segment::log_softmax_rows;
use anabranch_learn::step::{SHARD, sample, train_step};
use rand::RngExt;
use rayon::prelude::*;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const GRAPHS: GraphTransformerConfig = GraphTransformerConfig {
    width: 128,
    layers: 4,
    heads: 4,
    learned_backward: false,
    flow: false,
};

/// What a shard remembers of a batch that it scored.
struct Scored {
    /// For each row its trajectory and the chosen move.
    rows: Vec<(usize, usize)>,
    probabilities: Vec<Vec<f64>>,
    scores: Scores,
}

/// The tape, the batches on it, and the balance of each trajectory.
type Climbed<'a, E> = (Box<dyn Tape<E> + 'a>, Vec<Scored>, Vec<f64>);

/// One shard: sampled and scored on a tape.
fn climb<'a, M: Model>(
    env: &M::Env,
    model: &'a M,
    streams: &mut [Stream],
    states: &mut usize,
) -> Result<Climbed<'a, M::Env>> {
    let mut tape = model.tape();
    let mut current = vec![env.source(); streams.len()];
    let mut balance = vec![0.0; streams.len()];
    let mut active: Vec<usize> = (0..streams.len()).collect();
    let mut batches = Vec::new();
    while !active.is_empty() {
        let all = active.iter().map(|&i| current[i].clone()).collect();
        let frontier = Frontier::new(env, all, Vec::new());
        *states += frontier.len();
        let scores = tape.score(&frontier)?;
        let log_pf = log_softmax_rows(&frontier.moves, &scores.moves);
        let mut scored = Scored {
            rows: Vec::new(),
            probabilities: Vec::new(),
            scores,
        };
        let mut going = Vec::new();
        for (row, &i) in active.iter().enumerate() {
            let log_p = &log_pf[frontier.moves.range(row)];
            let parents = frontier.parents.row(row).len().max(1);
            balance[i] += (parents as f64).ln();
            let mut left: f64 = streams[i].random();
            let p: Vec<f64> = log_p.iter().map(|l| l.exp()).collect();
            let choice = p.iter().position(|p| {
                left -= p;
                left < 0.0
            });
            let choice = choice.unwrap_or(log_p.len() - 1);
            balance[i] += log_p[choice];
            scored.rows.push((i, choice));
            scored.probabilities.push(p);
            if let Move::Apply(action) = frontier.moves.row(row)[choice] {
                env.step(&mut current[i], action);
                going.push(i);
            }
        }
        batches.push(scored);
        active = going;
    }
    Ok((tape, batches, balance))
}

/// Gradient of the mean squared balance of the trajectories.
fn descend<E: Discrete>(
    tape: Box<dyn Tape<E> + '_>,
    batches: &[Scored],
    balance: &[f64],
    count: usize,
) -> Gradients {
    let grads: Vec<ScoresGrad> = batches
        .iter()
        .map(|batch| {
            let mut moves = Vec::with_capacity(batch.scores.moves.len());
            for ((i, choice), row) in batch.rows.iter().zip(&batch.probabilities) {
                let weight = 2.0 * balance[*i] / count as f64;
                let start = moves.len();
                moves.extend(row.iter().map(|p| -weight * p));
                moves[start + choice] += weight;
            }
            ScoresGrad {
                moves,
                parents: None,
                log_flow: None,
            }
        })
        .collect();
    tape.pull_back(&grads)
}

fn add(mut sum: Gradients, part: Gradients) -> Gradients {
    for (sum, part) in sum.iter_mut().zip(part) {
        sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
    }
    sum
}

/// (Seconds of sampling, of gradients, of the optimiser; states a step) over `steps`.
fn on_a_tape<M: Model>(env: &M::Env, model: &mut M, batch: usize, steps: u64) -> Result<[f64; 4]> {
    let mut adam = Adam::new(AdamConfig::with_rates(1e-4, 0.1), model.params());
    let mut times = [0.0; 4];
    for step in 0..steps {
        let begin = Instant::now();
        let firsts: Vec<usize> = (0..batch).step_by(shard(batch)).collect();
        let scored: Vec<_> = firsts
            .par_iter()
            .map(|&first| {
                let mut streams: Vec<Stream> = (first..(first + shard(batch)).min(batch))
                    .map(|i| Seed::new(0).stream("rollout", &[step, i as u64]))
                    .collect();
                let mut states = 0;
                let (tape, scored, balance) =
                    climb(env, &*model, &mut streams, &mut states).expect("scores");
                (tape, scored, balance, states)
            })
            .collect();
        times[0] += begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        times[3] += scored.iter().map(|s| s.3 as f64).sum::<f64>();
        let parts: Vec<Gradients> = scored
            .into_par_iter()
            .map(|(tape, scored, balance, _)| descend(tape, &scored, &balance, batch))
            .collect();
        let gradients = parts.into_iter().reduce(add).expect("a shard");
        times[1] += begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        adam.update(model.params_mut(), &gradients)?;
        times[2] += begin.elapsed().as_secs_f64();
    }
    Ok(times.map(|t| t / steps as f64))
}

/// Trajectories of a shard: two shards at least.
fn shard(batch: usize) -> usize {
    (batch / 2).min(SHARD)
}

/// Steps a second with `sample` and `train_step`.
fn as_it_is<M: Model>(env: &M::Env, model: &mut M, batch: usize, steps: u64) -> Result<f64> {
    let mut adam = Adam::new(AdamConfig::with_rates(1e-4, 0.1), model.params());
    let objective = Objective::TrajectoryBalance;
    let begin = Instant::now();
    for step in 0..steps {
        let at = (Seed::new(0), "rollout", step);
        let trajectories = sample(env, model, &[], batch, at)?;
        let loss = |terms: &Terms| objective.loss(terms);
        let log_reward = vec![0.0; batch];
        train_step(env, model, &mut adam, loss, &trajectories, &log_reward)?;
    }
    Ok(steps as f64 / begin.elapsed().as_secs_f64())
}

fn measure<M: Model>(
    what: &str,
    env: &M::Env,
    model: &mut M,
    batch: usize,
    steps: u64,
) -> Result<()> {
    println!("{what}: {} parameters", model.params().num_values());
    // Every measurement begins with the first weights: what is drawn grows longer with training.
    let first = model.params().clone();
    on_a_tape(env, model, batch, 1)?;
    *model.params_mut() = first.clone();
    let [up, down, adam, states] = on_a_tape(env, model, batch, steps)?;
    let total = up + down + adam;
    println!(
        "  on a tape {:.2} steps/s: sampling {:.1} ms, gradients {:.1} ms, Adam {:.1} ms; {:.0} states",
        1.0 / total,
        1e3 * up,
        1e3 * down,
        1e3 * adam,
        states
    );
    *model.params_mut() = first;
    let rate = as_it_is(env, model, batch, steps)?;
    println!("  sample and train_step {rate:.2} steps/s");
    Ok(())
}

fn graphs<E: GraphEncoded>(env: &E, steps: u64) -> Result<()> {
    let mut rng = Seed::new(1).stream("init", &[]);
    let mut model = NativeGraphTransformer::new(env, 0, GRAPHS, 0.0, &mut rng);
    measure("fragments, 4 x 128", env, &mut model, 64, steps)
}

/// The same network on burn.
fn graphs_on_burn<E: GraphEncoded>(env: &E, steps: u64) -> Result<()> {
    let mut rng = Seed::new(1).stream("init", &[]);
    let mut model = Neural::new(GraphTransformer::new(env, 0, GRAPHS), 0, 0.0, &mut rng);
    let rate = as_it_is(env, &mut model, 64, steps)?;
    println!("fragments, 4 x 128, on burn: sample and train_step {rate:.2} steps/s");
    Ok(())
}

fn sequences<E: TokenEncoded>(env: &E, steps: u64) -> Result<()> {
    let mut rng = Seed::new(1).stream("init", &[]);
    for feed_forward in [64, 256] {
        let config = SequenceTransformerConfig {
            feed_forward,
            ..SequenceTransformerConfig::default()
        };
        let mut model = SequenceTransformer::new(env, 0, config, 0.0, &mut rng);
        let what = format!("120 bits, 3 x 64, feed-forward {feed_forward}");
        measure(&what, env, &mut model, 16, steps)?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let steps: u64 = std::env::args().nth(1).map_or(Ok(10), |s| s.parse())?;
    let which = std::env::args().nth(2).unwrap_or_default();
    match which.as_str() {
        "graphs" => graphs(&Fragments::rp72(), steps),
        "burn" => graphs_on_burn(&Fragments::rp72(), steps),
        _ => sequences(&AnyOrderBits::new(120, 8)?, steps),
    }
}
