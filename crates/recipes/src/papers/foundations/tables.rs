//! Uniqueness and training on any data, on the grid of side 8.

use anabranch_core::Enumerable;
use anabranch_core::exact::{exact_flows, log_path_counts, max_entropy_log_pb, uniform_log_pb};
use anabranch_core::objective::Objective;
use anabranch_envs::anchored::negative_free_energies;
use anabranch_envs::hypergrid::{Cell, Hypergrid, Terminal};
use anabranch_learn::policy::{ByParent, Perceptron, Policy, Tabular, Uniform, WithBackward};

use super::balance::{Below, falling, network, train};
use crate::context::Context;
use crate::lab::{Exact, Training, epsilon};

/// The grid of side 8 with all cells as objects, and its reward with R0 = 0.01.
pub(super) fn grid() -> anyhow::Result<(Hypergrid, impl Fn(&Cell) -> f64 + Sync)> {
    let grid = Hypergrid::new(2, 8, Terminal::All)?;
    let reward = grid.corners(0.01)?;
    Ok((grid, move |cell: &Cell| reward.reward(cell).ln()))
}

/// R and P_B determine F.
pub(super) fn uniqueness(context: &mut Context) -> anyhow::Result<()> {
    let (grid, log_reward) = grid()?;
    let exact = Exact::new(&grid, &log_reward)?;
    let uniform = uniform_log_pb(&exact.dag);
    let flow = with_backward(
        context,
        &exact,
        &grid,
        ("uniform", &uniform),
        Uniform::new(),
    )?;
    let free = negative_free_energies(&exact.dag, &exact.log_reward);
    let misses = flow
        .iter()
        .zip(&free)
        .map(|(flow, free)| (flow - free).abs());
    let missed = misses.sum::<f64>() / free.len() as f64;
    context.record("free_energy", "ordinary_flow_misses", missed);

    let counts = log_path_counts(&exact.dag);
    let by_count = ByParent::new(|cell: &Cell| counts[grid.index(cell)]);
    let log_pb = max_entropy_log_pb(&exact.dag);
    let other = with_backward(context, &exact, &grid, ("max_entropy", &log_pb), by_count)?;
    let between = flow.iter().zip(&other).map(|(a, b)| (a - b).abs());
    let apart = between.fold(0.0, f64::max);
    context.record("uniqueness", "largest_difference_of_both_flows", apart);
    Ok(())
}

/// Trains a table with a fixed backward policy and records how far it is; `[N]` its log-flows.
fn with_backward<B: Policy<Env = Hypergrid>>(
    context: &mut Context,
    exact: &Exact<'_, Hypergrid>,
    grid: &Hypergrid,
    (name, log_pb): (&str, &[f64]),
    backward: B,
) -> anyhow::Result<Vec<f64>> {
    let mut model = WithBackward {
        forward: Tabular::new(grid),
        backward,
    };
    let steps = context.scaled(8000, 200);
    let training = Training {
        name: &format!("table with {name} P_B"),
        env: grid,
        steps,
        adam: falling(0.05, steps),
    };
    let seed = context.seed();
    let sampler = epsilon(grid, seed, 16, 0.1);
    let objective = Objective::DetailedBalance;
    let (_, log_reward) = self::grid()?;
    training.run(
        context,
        &mut model,
        sampler,
        |terms| objective.loss(terms),
        log_reward,
    )?;
    let figures = exact.figures(&model)?;
    let flow = figures.log_flow.unwrap_or_default();
    let solution = exact_flows(&exact.dag, &exact.log_reward, log_pb);
    let off = flow.iter().zip(&solution.log_flow);
    let worst = off.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    context.record("uniqueness", &format!("tv_{name}"), figures.total_variation);
    context.record("uniqueness", &format!("log_flow_error_{name}"), worst);
    Ok(flow)
}

/// A table and a network from uniformly random transitions, and the network from its own.
pub(super) fn off_policy(context: &mut Context) -> anyhow::Result<()> {
    let (grid, log_reward) = grid()?;
    let exact = Exact::new(&grid, &log_reward)?;
    let all = Below::new(&exact.dag, &exact.log_reward, vec![0]);
    let updates = context.scaled(8000, 200);
    let mut table = Tabular::new(&grid);
    let setting = ("table, random transitions", updates, 0.05);
    train(context, setting, &grid, &mut table, |rng| {
        all.draw(|_| Vec::new(), rng)
    })?;
    let tv = exact.figures(&table)?.total_variation;
    context.record("off_policy", "tv_table", tv);

    let updates = context.scaled(6000, 100);
    let mut mlp = perceptron(context, &grid);
    let setting = ("MLP, random transitions", updates, 1e-3);
    train(context, setting, &grid, &mut mlp, |rng| {
        all.draw(|_| Vec::new(), rng)
    })?;
    let tv = exact.figures(&mlp)?.total_variation;
    context.record("off_policy", "tv_mlp", tv);

    let mut mlp = perceptron(context, &grid);
    let training = Training {
        name: "MLP, its own transitions",
        env: &grid,
        steps: updates,
        adam: falling(1e-3, updates),
    };
    let objective = Objective::DetailedBalance;
    let sampler = epsilon(&grid, context.seed(), 16, 0.0);
    let loss = |terms: &_| objective.loss(terms);
    training.run(context, &mut mlp, sampler, loss, &log_reward)?;
    let tv = exact.figures(&mlp)?.total_variation;
    context.record("off_policy", "tv_mlp_on_policy", tv);
    Ok(())
}

fn perceptron(context: &Context, grid: &Hypergrid) -> Perceptron<Hypergrid> {
    let mut rng = context.seed().stream("init", &[2]);
    Perceptron::new(grid, 0, network(64, false), 0.0, &mut rng)
}
