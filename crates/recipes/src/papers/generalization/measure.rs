//! The experiments: what is trained, on what, and what is measured.

use anabranch_core::encode::GraphEncoded;
use anabranch_core::exact::{exact_flows, uniform_log_pb};
use anabranch_core::logspace::log_sum_exp;
use anabranch_core::metric::mean_absolute_log_error;
use anabranch_core::objective::Objective;
use anabranch_core::{Enumerable, Trajectories};
use anabranch_envs::Enumerated;
use anabranch_envs::coloured_graph::{ColouredGraph, ColouredGraphs, GraphReward, shuffled};
use anabranch_learn::optim::AdamConfig;
use anabranch_learn::policy::{MessagePassing, MessagePassingConfig, Tabular, Uniform};
use anabranch_learn::policy::{Model, Policy};
use anabranch_learn::step::sample_backward;
use rand::RngExt;
use rand::seq::SliceRandom;

use crate::context::Context;
use crate::lab::{Distillation, Exact, Numbered, Training, epsilon};

/// The space of graphs, written down.
type Space = Numbered<ColouredGraph>;

/// What the rewards are called in the results.
const REWARDS: [(&str, GraphReward); 3] = [
    ("count", GraphReward::Count),
    ("neighbors", GraphReward::Neighbors),
    ("cliques", GraphReward::Cliques),
];

pub(super) fn run(context: &mut Context) -> anyhow::Result<()> {
    let large = space(context.scaled(6, 4))?;
    exactness(context, &large)?;
    distillation(context, &large)?;
    let small = space(context.scaled(5, 4))?;
    sources_of_data(context, &small)
}

fn listed(max_nodes: usize) -> anyhow::Result<Enumerated<ColouredGraphs>> {
    Ok(Enumerated::new(ColouredGraphs::new(max_nodes)?, 100_000)?)
}

fn space(max_nodes: usize) -> anyhow::Result<Space> {
    Numbered::new(&listed(max_nodes)?)
}

/// `[N]` log R.
fn log_rewards(graphs: &[ColouredGraph], reward: GraphReward) -> Vec<f64> {
    graphs.iter().map(|g| reward.log_reward_of(g)).collect()
}

/// log Z of count, neighbors and cliques by the number of nodes, and how many graphs there are: from an
/// enumeration written for this purpose alone, with a canonical form of its own.
const KNOWN: [(usize, usize, [f64; 3]); 4] = [
    (4, 66, [3.279500, 1.505521, 2.493704]),
    (5, 420, [4.853642, 2.554166, 3.406010]),
    (6, 4303, [6.134050, 4.766402, 4.515779]),
    (7, 72297, [7.302010, 6.958657, 5.813502]),
];

fn exactness(context: &mut Context, space: &Space) -> anyhow::Result<()> {
    for (name, reward) in REWARDS {
        let log_reward = log_rewards(space.dag().states(), reward);
        let exact = Exact::new(space, |&state| log_reward[state])?;
        let log_pb = uniform_log_pb(&exact.dag);
        let flows = exact_flows(&exact.dag, &exact.log_reward, &log_pb);
        let figures = exact.figures(&table_of(space, &flows.log_pf))?;
        let errors = figures.log_p.iter().zip(&exact.target);
        let largest = errors
            .map(|(p, q)| (p.exp() - q.exp()).abs())
            .fold(0.0, f64::max);
        context.record("exactness", &format!("{name}.largest_error"), largest);
        context.record("exactness", &format!("{name}.js"), figures.jensen_shannon);
    }
    let (mut count_error, mut log_z_error) = (0.0_f64, 0.0_f64);
    for (max_nodes, count, log_z) in KNOWN.into_iter().take(context.scaled(4, 2)) {
        let graphs = listed(max_nodes)?;
        let missing = count as f64 - graphs.num_states() as f64;
        count_error = count_error.max(missing.abs());
        for ((_, reward), log_z) in REWARDS.into_iter().zip(log_z) {
            let found = log_sum_exp(&log_rewards(graphs.listed(), reward));
            log_z_error = log_z_error.max((found - log_z).abs());
        }
        context.progress("graphs of up to 7 nodes", max_nodes as u64, 7)?;
    }
    context.record("exactness", "states_missing", count_error);
    context.record("exactness", "log_z_error", log_z_error);
    Ok(())
}

/// The table that holds `[M]` log P_F, in single precision as any model.
fn table_of(space: &Space, log_pf: &[f64]) -> Tabular<Space> {
    let mut table = Tabular::new(space);
    let forward = table.params_mut().iter_mut().next();
    let forward = forward.expect("the scores are the first parameter");
    let columns = forward.shape[1];
    for state in 0..space.num_states() {
        for (column, index) in space.dag().moves(state).enumerate() {
            forward.values[state * columns + column] = log_pf[index] as f32;
        }
    }
    table
}

fn network<E: GraphEncoded>(context: &Context, env: &E) -> MessagePassing<E> {
    let config = MessagePassingConfig {
        width: 32,
        rounds: 3,
        learned_backward: false,
        flow: true,
        directed: false,
    };
    let mut rng = context.seed().stream("init", &[]);
    MessagePassing::new(env, 0, config, 0.0, &mut rng)
}

fn distillation(context: &mut Context, space: &Space) -> anyhow::Result<()> {
    let mut states: Vec<usize> = (0..space.num_states()).collect();
    states.shuffle(&mut context.seed().stream("split", &[]));
    let (test, train) = states.split_at(space.num_states() / 10);
    for (name, reward) in &REWARDS[..2] {
        let log_reward = log_rewards(space.dag().states(), *reward);
        for (kind, log_reward) in [
            ("true", log_reward.clone()),
            ("shuffled", shuffled(&log_reward, context.seed())),
        ] {
            let exact = Exact::new(space, |&state| log_reward[state])?;
            let log_pb = uniform_log_pb(&exact.dag);
            let flows = exact_flows(&exact.dag, &exact.log_reward, &log_pb);
            let task = Distillation {
                name: &format!("distilling {name}, {kind}"),
                env: space,
                dag: &exact.dag,
                target: &flows.log_pf,
                steps: context.scaled(600, 5),
                batch: 64,
                adam: AdamConfig::with_rates(2e-3, 0.0),
            };
            let mut model = network(context, space);
            task.run(context, &mut model, train)?;
            let log_pf = exact.figures(&model)?.log_pf;
            let (train, test) = (task.error(&log_pf, train), task.error(&log_pf, test));
            let mut record = |what: &str, value| {
                context.record("distillation", &format!("{name}.{kind}.{what}"), value);
            };
            record("train", train);
            record("test", test);
        }
    }
    Ok(())
}

/// Where trajectories come from.
#[derive(Clone, Copy)]
enum Data {
    /// The policy that is trained.
    Policy,
    /// Objects drawn uniformly, walked back by the uniform P_B.
    Uniform,
    /// Objects drawn from R / Z, walked back likewise.
    Reward,
}

/// How well a policy has been learned.
struct Outcome {
    /// Jensen-Shannon divergence of p(x) from R / Z.
    js: f64,
    /// Mean over all states of |log R_hat - log R|, log R_hat = log F(s) + log P_F(stop | s).
    error: f64,
    /// The same mean, weighted by R / Z.
    weighted_error: f64,
}

fn sources_of_data(context: &mut Context, space: &Space) -> anyhow::Result<()> {
    for (name, reward) in REWARDS {
        let log_reward = log_rewards(space.dag().states(), reward);
        let on_policy = learn(context, name, space, &log_reward, Data::Policy)?;
        context.record("difficulty", &format!("{name}.js"), on_policy.js);
        if reward == GraphReward::Count {
            continue;
        }
        let uniform = learn(context, name, space, &log_reward, Data::Uniform)?;
        let weighted = learn(context, name, space, &log_reward, Data::Reward)?;
        for (data, outcome) in [
            ("on_policy", on_policy),
            ("uniform", uniform),
            ("reward", weighted),
        ] {
            context.record("on_policy", &format!("{name}.{data}.js"), outcome.js);
            let key = format!("{name}.{data}");
            context.record("reward_robust", &format!("{key}.js"), outcome.js);
            context.record("reward_robust", &format!("{key}.error"), outcome.error);
            let key = format!("{key}.weighted_error");
            context.record("reward_robust", &key, outcome.weighted_error);
        }
    }
    Ok(())
}

fn learn(
    context: &Context,
    name: &str,
    space: &Space,
    log_reward: &[f64],
    data: Data,
) -> anyhow::Result<Outcome> {
    let batch = 16;
    let mut model = network(context, space);
    let (kind, weights) = match data {
        Data::Policy => ("on policy", Vec::new()),
        Data::Uniform => ("uniform data", vec![0.0; log_reward.len()]),
        Data::Reward => ("data from R/Z", log_reward.to_vec()),
    };
    let cumulative = cumulative(&weights);
    let mut explorer = epsilon(space, context.seed(), batch, 0.01);
    let sampler = |model: &MessagePassing<Space>, step| -> anyhow::Result<Trajectories<Space>> {
        if let Data::Policy = data {
            return explorer(model, step);
        }
        let mut stream = context.seed().stream("objects", &[step]);
        let objects: Vec<usize> = (0..batch)
            .map(|_| {
                let level = stream.random::<f64>();
                cumulative
                    .partition_point(|&c| c <= level)
                    .min(cumulative.len() - 1)
            })
            .collect();
        let at = (context.seed(), "walk back", step);
        Ok(sample_backward(space, &Uniform::new(), &objects, &[], at)?)
    };
    let training = Training {
        name: &format!("{name}, {kind}"),
        env: space,
        steps: context.scaled(3000, 5),
        adam: AdamConfig::with_rates(1e-3, 0.0),
    };
    let objective = Objective::SubTrajectoryBalance { lambda: 1.0 };
    let log_reward_of = |&state: &usize| log_reward[state];
    let exact = Exact::new(space, log_reward_of)?;
    training.run(
        context,
        &mut model,
        sampler,
        |terms| objective.loss(terms),
        log_reward_of,
    )?;
    outcome(&exact, &model)
}

/// `[N]` the share of the weights up to each, from their logs.
fn cumulative(log_weights: &[f64]) -> Vec<f64> {
    let total = log_sum_exp(log_weights);
    let mut sum = 0.0;
    let shares = log_weights.iter().map(|w| {
        sum += (w - total).exp();
        sum
    });
    shares.collect()
}

fn outcome<P: Policy<Env = Space>>(exact: &Exact<'_, Space>, model: &P) -> anyhow::Result<Outcome> {
    let figures = exact.figures(model)?;
    let flows = figures.log_flow.unwrap_or_default();
    let implied = flows.iter().enumerate().map(|(state, flow)| {
        let stop = exact.dag.moves(state).end - 1;
        flow + figures.log_pf[stop]
    });
    let implied: Vec<f64> = implied.collect();
    let errors = implied.iter().zip(&exact.log_reward);
    let weighted = errors
        .zip(&exact.target)
        .map(|((a, b), p)| p.exp() * (a - b).abs());
    Ok(Outcome {
        js: figures.jensen_shannon,
        error: mean_absolute_log_error(&implied, &exact.log_reward),
        weighted_error: weighted.sum(),
    })
}
