//! Entropy and mutual information from two flows: of R and of -R log R.

use anabranch_core::logspace::log_sum_exp;
use anabranch_envs::hypergrid::{Cell, Hypergrid, MAX_DIMS, Terminal};
use anabranch_learn::policy::{Perceptron, Tabular};
use rand::RngExt;

use super::balance::{Below, Transition, log_flows, network, train};
use super::tables::grid;
use crate::context::Context;
use crate::lab::Exact;

/// Entropy and mutual information of the grid of side 8 with R0 = 0.01, in nats: exact enumeration.
const ENTROPY: f64 = 2.637_032;
const MUTUAL_INFORMATION: f64 = 0.079_462;

/// What R is divided by, so that it stays below 1.
const SCALE: f64 = 4.0;

/// log of -R log R, from log R < 0.
fn entropic(log_reward: f64) -> f64 {
    log_reward + (-log_reward).ln()
}

/// H = F' / F + log F.
fn entropy(log_flow: f64, entropic_flow: f64) -> f64 {
    (entropic_flow - log_flow).exp() + log_flow
}

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let (grid, log_reward) = grid()?;
    let scaled = |cell: &Cell| log_reward(cell) - SCALE.ln();
    let exact = Exact::new(&grid, scaled)?;
    let transformed: Vec<f64> = exact.log_reward.iter().map(|&r| entropic(r)).collect();
    let updates = context.scaled(8000, 200);
    let mut sources = Vec::new();
    for (name, rewards) in [("R", &exact.log_reward), ("-R log R", &transformed)] {
        let all = Below::new(&exact.dag, rewards, vec![0]);
        let mut table = Tabular::new(&grid);
        train(context, (name, updates, 0.05), &grid, &mut table, |rng| {
            all.draw(|_| Vec::new(), rng)
        })?;
        sources.push(log_flows(&grid, &table, vec![exact.dag.states()[0]], Vec::new())?[0]);
    }
    let joint = entropy(sources[0], sources[1]);
    context.record("entropy", "entropy", joint);
    context.record("entropy", "entropy_error", (joint - ENTROPY).abs());

    let conditional = conditional_entropies(context, &grid, &scaled)?;
    // I(x1; x2) = H(x1, x2) - H(x2 | x1) - H(x1 | x2).
    let mutual = joint - conditional[0] - conditional[1];
    context.record("entropy", "mutual_information", mutual);
    let error = (mutual - MUTUAL_INFORMATION).abs();
    context.record("entropy", "mutual_information_error", error);
    Ok(())
}

/// H(x2 | x1) and H(x1 | x2) by flows on the line of one coordinate, under the condition which one is
/// fixed and at what: one-hot.
fn conditional_entropies(
    context: &Context,
    grid: &Hypergrid,
    log_reward: &impl Fn(&Cell) -> f64,
) -> anyhow::Result<[f64; 2]> {
    let side = grid.side();
    let conditions = 2 * side;
    let line = Hypergrid::new(1, side, Terminal::All)?;
    let one_hot = |condition: usize| {
        let mut out = vec![0.0; conditions];
        out[condition] = 1.0;
        out
    };
    let at = |place: usize| {
        let mut cell = Cell([0; MAX_DIMS]);
        cell.0[0] = place as u16;
        cell
    };
    let whole = |condition: usize, place: usize| {
        let (fixed, value) = (condition / side, condition % side);
        let mut cell = Cell([0; MAX_DIMS]);
        cell.0[fixed] = value as u16;
        cell.0[1 - fixed] = place as u16;
        log_reward(&cell)
    };
    let updates = context.scaled(6000, 100);
    let mut flows = Vec::new();
    for (index, name) in ["conditional R", "conditional -R log R"]
        .into_iter()
        .enumerate()
    {
        let mut rng = context.seed().stream("init", &[4, index as u64]);
        let mut model = Perceptron::new(&line, conditions, network(64, false), 0.0, &mut rng);
        train(context, (name, updates, 1e-3), &line, &mut model, |rng| {
            let (condition, place) = (rng.random_range(0..conditions), rng.random_range(0..side));
            let choices = if place + 1 < side { 2 } else { 1 };
            let choice = rng.random_range(0..choices);
            let log_r = whole(condition, place);
            let stopping = if index == 0 { log_r } else { entropic(log_r) };
            Transition {
                from: at(place),
                condition: one_hot(condition),
                place: choice,
                // A cell of a line has one parent.
                log_back: if choice + 1 == choices { stopping } else { 0.0 },
            }
        })?;
        let all: Vec<f32> = (0..conditions).flat_map(one_hot).collect();
        flows.push(log_flows(&line, &model, vec![at(0); conditions], all)?);
    }
    Ok([0, 1].map(|fixed| {
        let rows = fixed * side..(fixed + 1) * side;
        let total = log_sum_exp(&flows[0][rows.clone()]);
        let share = |c: usize| (flows[0][c] - total).exp();
        rows.map(|c| share(c) * entropy(flows[0][c], flows[1][c]))
            .sum()
    }))
}
