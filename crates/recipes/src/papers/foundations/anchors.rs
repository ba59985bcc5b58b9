//! Free energies of a grid's cells and marginals of sets, from flows conditioned on a state.

use anabranch_core::encode::VectorEncoded;
use anabranch_core::{Enumerable, Seed};
use anabranch_envs::anchored::negative_free_energies;
use anabranch_envs::set::{QuadraticEnergy, Subset, Subsets};
use anabranch_learn::policy::Perceptron;
use anyhow::Context as _;

use super::balance::{Below, log_flows, network, train};
use super::tables::grid;
use crate::context::Context;
use crate::lab::Exact;

/// `[D]` the features of `state`.
fn features<E: VectorEncoded>(env: &E, state: &E::State) -> Vec<f32> {
    let mut out = vec![0.0; env.num_features()];
    env.fill_features(state, &mut out);
    out
}

/// Trains flows from each of `anchors` and returns their errors against the enumerated log-sums of
/// rewards, with these.
fn train_anchored<E>(
    context: &Context,
    exact: &Exact<'_, E>,
    env: &E,
    anchors: &[usize],
    (name, updates, hidden): (&str, u64, usize),
) -> anyhow::Result<(Vec<f64>, Vec<f64>)>
where
    E: VectorEncoded + Enumerable,
{
    let below = Below::new(&exact.dag, &exact.log_reward, anchors.to_vec());
    let mut rng = context.seed().stream("init", &[3]);
    let width = env.num_features();
    let mut model = Perceptron::new(env, width, network(hidden, false), 0.0, &mut rng);
    train(context, (name, updates, 1e-3), env, &mut model, |rng| {
        below.draw(|anchor| features(env, anchor), rng)
    })?;
    let states: Vec<E::State> = anchors
        .iter()
        .map(|&anchor| exact.dag.states()[anchor].clone())
        .collect();
    let conditions = states.iter().flat_map(|s| features(env, s)).collect();
    let learned = log_flows(env, &model, states, conditions)?;
    let all = negative_free_energies(&exact.dag, &exact.log_reward);
    Ok((learned, anchors.iter().map(|&a| all[a]).collect()))
}

/// log F_s(s) of every cell is minus its free energy.
pub(super) fn free_energy(context: &mut Context) -> anyhow::Result<()> {
    let (grid, log_reward) = grid()?;
    let exact = Exact::new(&grid, &log_reward)?;
    let anchors: Vec<usize> = (0..exact.dag.len()).collect();
    let setting = ("free energies", context.scaled(20_000, 200), 128);
    let (learned, truth) = train_anchored(context, &exact, &grid, &anchors, setting)?;
    let errors: Vec<f64> = learned
        .iter()
        .zip(&truth)
        .map(|(a, b)| (a - b).abs())
        .collect();
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    context.record("free_energy", "mean_error", mean);
    let largest = errors.into_iter().fold(0.0, f64::max);
    context.record("free_energy", "largest_error", largest);
    Ok(())
}

/// The log-probability that a set of 8 elements contains one or two given ones.
pub(super) fn supersets(context: &mut Context) -> anyhow::Result<()> {
    let sets = Subsets::up_to(8, 8)?;
    let energy = QuadraticEnergy::random(8, Seed::new(0))?;
    let log_reward = |set: &Subset| -energy.energy(set);
    let exact = Exact::new(&sets, log_reward)?;
    let anchors: Vec<usize> = (0..exact.dag.len())
        .filter(|&i| exact.dag.states()[i].len() <= 2)
        .collect();
    let setting = ("marginals", context.scaled(15_000, 200), 128);
    let (learned, truth) = train_anchored(context, &exact, &sets, &anchors, setting)?;
    // The empty set is listed first: its flow is the sum of all rewards.
    let (all, every) = (learned.first().zip(truth.first())).context("no anchors")?;
    let errors = learned.iter().zip(&truth);
    let errors: Vec<f64> = errors
        .map(|(a, b)| ((a - all) - (b - every)).abs())
        .collect();
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    context.record("supersets", "mean_error", mean);
    let largest = errors.into_iter().fold(0.0, f64::max);
    context.record("supersets", "largest_error", largest);
    Ok(())
}
