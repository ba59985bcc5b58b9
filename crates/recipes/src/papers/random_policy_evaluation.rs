//! Random Policy Evaluation Uncovers Policies of Generative Flow Networks (arXiv 2406.02213, 2024).

use anabranch_core::encode::VectorEncoded;
use anabranch_core::logspace::log_sum_exp;
use anabranch_core::metric::{mean_reward_accuracy, total_variation};
use anabranch_core::objective::{Objective, log_path_ratio, random_policy_target};
use anabranch_core::{Enumerable, Environment, Frontier, Move, Seed, Trajectories};
use anabranch_envs::hypergrid::{Cell, Hypergrid, Terminal};
use anabranch_envs::landscape::Landscape;
use anabranch_envs::sequence::{AppendSequence, EdgeCount, Letters, PrependAppend};
use anabranch_envs::set::{QuadraticEnergy, Subsets};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{
    MlpConfig, Model, Perceptron, Policy, StateFlows, Uniform, child_flows,
};
use anabranch_learn::step::{regress_flows, sample};

use crate::context::Context;
use crate::lab::random_policy::{
    by_first_parents, distribution_by_way, identity_error, policy_by_state,
};
use crate::lab::{Exact, Figures, Training, on_policy};
use crate::recipe::{Claim, Recipe, Source};

pub(super) const RECIPE: Recipe = Recipe {
    name: "random_policy_evaluation",
    title: "Random Policy Evaluation Uncovers Policies of Generative Flow Networks",
    arxiv: "2406.02213",
    year: 2024,
    summary: "the value of the uniform random policy is the flow of a GFlowNet, up to a known factor",
    about: "Checks the identity V = g F by dynamic programming where it must hold and where it must \
          not, then learns flows by evaluating the random policy alone and compares with detailed \
          balance on sequence landscapes.",
    claims: &[
        Claim {
            id: "identity",
            text: "The rescaled value of the uniform policy equals the flow, on trees and wherever \
                  the factor does not depend on the path.",
            criterion: "largest relative |V - g F| < 1e-10 on append-only and prepend/append sequences of \
                  length 4 and on sets of 8; > 0.01 on the 2-D grid",
            gated: true,
            check: |m| {
                let small = |key| m.every(key, |v| v < 1e-10);
                m.verdict(
                    small("append")
                        && small("prepend_append")
                        && small("sets")
                        && m.every("grid", |v| v > 0.01),
                )
            },
        },
        Claim {
            id: "reward_matching",
            text: "Evaluating the random policy yields a sampler as good as those of GFlowNets.",
            criterion: "total variation <= 1.3 x that of detailed balance and accuracy >= 97 %, on \
                  append-only and prepend/append sequences of length 6, with every seed",
            gated: true,
            check: |m| {
                let good = |rpe: &str, db: &str, accuracy: &str| {
                    m.every_pair(rpe, db, |rpe, db| rpe <= 1.3 * db)
                        && m.every(accuracy, |v| v >= 97.0)
                };
                m.verdict(
                    good("append.rpe.tv", "append.db.tv", "append.rpe.accuracy")
                        && good(
                            "prepend_append.rpe.tv",
                            "prepend_append.db.tv",
                            "prepend_append.rpe.accuracy",
                        ),
                )
            },
        },
        Claim {
            id: "grid_control",
            text: "(a limitation) Off path-invariant graphs the factor form is wrong; flow iteration \
                  with uniform P_B is right.",
            criterion: "2-D grid of side 8, R0 = 0.01: total variation of the factor form > 0.3, of flow \
                  iteration < 0.03, with every seed",
            gated: true,
            check: |m| {
                m.verdict(
                    m.every("factor_form.tv", |v| v > 0.3)
                        && m.every("flow_iteration.tv", |v| v < 0.03),
                )
            },
        },
    ],
    differs: &[
        "The paper learns F by regressing g(s) F(s) on the mean of g(s') F(s') over the children. In logs \
          g cancels between a state and its children (A(s) g(s) = B(s') g(s')), which leaves log F(s) = \
          log sum F(s') / B(s'): that is the row 'rpe', and flow iteration on the grid.",
        "The factor form, in which g does not cancel: the network is log V of the uniform policy, its \
          target the log of the mean of V over the children, and g R at the end, with g the product of \
          A / B along the sampled trajectory (on sequences every way has the same). The policy takes a move in proportion to V(s') / (g(s') \
          B(s')) and stops in proportion to R, with the g of its own way; its distribution is exact, by \
          a sweep over states with each g that they are reached with.",
        "The environment counts stopping among A(s) and every action as an edge. Behaviour is the \
          uniform random policy for both forms and the learned policy for detailed balance, trajectory \
          balance and sub-trajectory balance. No task of the paper is run.",
        "reward_matching does not hold by little: at both ends RPE is nearer to the target than detailed \
          balance, but one seed has an accuracy of 96.99 %; on the tree its total variation is up to \
          1.38 times that of detailed balance. The factor form is worse there than the one in which g \
          cancels, though both have the same solution. The targets lag and are learned from uniform \
          trajectories, which detailed balance does without; we did not find out which of it matters.",
        "grid_control: the paper's g is a function of the state, so the factor form of the criterion has \
          one g for each state, that of its first listed parents; its exact solution is given too. With \
          g along the sampled way instead (factor_form_along_the_way) the network's regression is over the g \
          of many ways to a state, which evens it out: learned, it is 20 times and more farther from the \
          target than flow iteration, but by less than 0.3.",
    ],
    sources: &[
        Source {
            constant: "network",
            value: "2 hidden layers of 64 units",
            origin: "scaled-down run (the paper has 2 of 2,048)",
        },
        Source {
            constant: "optimiser",
            value: "Adam, 0.001 for every method, 0.1 for log Z of trajectory balance",
            origin: "one rate for all methods as in the paper; the values are those of \
                  arXiv 2201.13259, section 5.1",
        },
        Source {
            constant: "trajectories",
            value: "4,000 steps of 16",
            origin: "scaled-down run",
        },
        Source {
            constant: "lagged copy of the network",
            value: "a quarter of the way after each step",
            origin: "scaled-down run; the paper has a target network",
        },
        Source {
            constant: "weights of sub-trajectories",
            value: "lambda = 0.9",
            origin: "arXiv 2209.12782, section 4",
        },
        Source {
            constant: "sequences",
            value: "4 letters, length 6, one fixed random landscape 10 v^3",
            origin: "scaled-down run; stands for the paper's TFBind8 (4 letters, length 8, cubed)",
        },
    ],
    run,
    result: Some(include_str!("../../results/random_policy_evaluation.json")),
};

/// Trajectories in a batch.
const BATCH: usize = 16;

/// Step of the lagged network towards the present one.
const LAG: f32 = 0.25;

fn run(context: &mut Context) -> anyhow::Result<()> {
    identities(context)?;

    let landscape = Landscape::new(4, context.scaled(6, 3), Seed::new(0))?;
    let tree = AppendSequence::new(4, landscape.length())?;
    compare(context, "append", &tree, &landscape)?;
    let both_ends = PrependAppend::new(4, landscape.length(), EdgeCount::Actions)?;
    compare(context, "prepend_append", &both_ends, &landscape)?;

    let grid = Hypergrid::new(2, 8, Terminal::All)?;
    let reward = grid.corners(0.01)?;
    let log_reward = |cell: &_| reward.reward(cell).ln();
    let exact = Exact::new(&grid, log_reward)?;
    let figures = flow_iteration(context, "grid, flow iteration", &grid, &exact, log_reward)?;
    context.record("grid_control", "flow_iteration.tv", figures.total_variation);
    let (log_g, log_v) = by_first_parents(&exact);
    let one_g = |cell: &Cell| log_g[grid.index(cell)];
    let values = values(
        context,
        "grid, factor form",
        &grid,
        log_reward,
        Some(&one_g),
    )?;
    let learned = exact.figures(&values)?.log_flow.unwrap_or_default();
    let figures = exact.figures_of(policy_by_state(&exact, &log_g, &learned), Vec::new(), None);
    context.record("grid_control", "factor_form.tv", figures.total_variation);
    let along = "grid, factor form along the way";
    let (tv, _) = factor_form(context, along, &grid, &exact, log_reward)?;
    context.record("grid_control", "factor_form_along_the_way.tv", tv);
    let figures = exact.figures_of(policy_by_state(&exact, &log_g, &log_v), Vec::new(), None);
    context.record(
        "grid_control",
        "exact.factor_form.tv",
        figures.total_variation,
    );
    let tv = total_variation(&distribution_by_way(&exact, &log_v), &exact.target);
    context.record("grid_control", "exact.factor_form_along_the_way.tv", tv);
    Ok(())
}

fn identities(context: &mut Context) -> anyhow::Result<()> {
    let landscape = Landscape::new(4, 4, Seed::new(0))?;
    let log_reward = |x: &Letters| log_reward(&landscape, x);
    let tree = AppendSequence::new(4, 4)?;
    let error = identity_error(&Exact::new(&tree, log_reward)?);
    context.record("identity", "append", error);
    let both_ends = PrependAppend::new(4, 4, EdgeCount::Actions)?;
    let error = identity_error(&Exact::new(&both_ends, log_reward)?);
    context.record("identity", "prepend_append", error);
    let sets = Subsets::exactly(8, 4)?;
    let energy = QuadraticEnergy::random(8, context.seed())?;
    let error = identity_error(&Exact::new(&sets, |set| -energy.energy(set))?);
    context.record("identity", "sets", error);
    let grid = Hypergrid::new(2, 8, Terminal::All)?;
    let reward = grid.corners(0.01)?;
    let error = identity_error(&Exact::new(&grid, |cell| reward.reward(cell).ln())?);
    context.record("identity", "grid", error);
    Ok(())
}

fn log_reward(landscape: &Landscape, string: &Letters) -> f64 {
    let reward = landscape.reward(string);
    reward
        .expect("strings of the same alphabet and length")
        .ln()
}

/// Every method on the strings of `env`.
fn compare<E>(
    context: &mut Context,
    name: &str,
    env: &E,
    landscape: &Landscape,
) -> anyhow::Result<()>
where
    E: Enumerable + VectorEncoded + Environment<State = Letters>,
{
    let log_reward = |x: &Letters| log_reward(landscape, x);
    let exact = Exact::new(env, log_reward)?;
    let accuracy = |mean_reward| mean_reward_accuracy(mean_reward, exact.target_reward());
    let figures = flow_iteration(context, &format!("{name}, RPE"), env, &exact, log_reward)?;
    let mut measured = vec![("rpe", figures.total_variation, figures.mean_reward)];
    let factor = format!("{name}, factor form");
    let (tv, mean_reward) = factor_form(context, &factor, env, &exact, log_reward)?;
    measured.push(("factor_form", tv, mean_reward));
    for (key, objective) in [
        ("db", Objective::DetailedBalance),
        ("tb", Objective::TrajectoryBalance),
        ("subtb", Objective::SubTrajectoryBalance { lambda: 0.9 }),
    ] {
        let mut model = network(context, env);
        let training = Training {
            name: &format!("{name}, {key}"),
            env,
            steps: context.scaled(4000, 40),
            adam: AdamConfig::with_rates(1e-3, 0.1),
        };
        let sampler = on_policy(env, context.seed(), BATCH);
        training.run(
            context,
            &mut model,
            sampler,
            |t| objective.loss(t),
            log_reward,
        )?;
        let figures = exact.figures(&model)?;
        measured.push((key, figures.total_variation, figures.mean_reward));
    }
    for (key, tv, mean_reward) in measured {
        let key = format!("{name}.{key}");
        context.record("reward_matching", &format!("{key}.tv"), tv);
        context.record(
            "reward_matching",
            &format!("{key}.accuracy"),
            accuracy(mean_reward),
        );
    }
    Ok(())
}

fn network<E: VectorEncoded>(context: &Context, env: &E) -> Perceptron<E> {
    let config = MlpConfig {
        hidden: 64,
        layers: 2,
        learned_backward: false,
        shared_trunk: true,
        flow: true,
    };
    let mut rng = context.seed().stream("init", &[]);
    Perceptron::new(env, 0, config, 0.0, &mut rng)
}

/// Regresses the log-flow head on `targets(lagged network, trajectories of the uniform policy)`.
fn regress<E: VectorEncoded>(
    context: &Context,
    name: &str,
    env: &E,
    targets: impl Fn(&Perceptron<E>, &Trajectories<E>) -> anyhow::Result<Vec<f64>>,
) -> anyhow::Result<Perceptron<E>> {
    let (mut model, mut lagged) = (network(context, env), network(context, env));
    let mut adam = Adam::new(AdamConfig::with_rates(1e-3, 0.1), model.params());
    let steps = context.scaled(4000, 40);
    for step in 0..steps {
        if step % 20 == 0 {
            context.progress(name, step, steps)?;
        }
        let at = (context.seed(), "rollout", step);
        let trajectories = sample(env, &Uniform::new(), &[], BATCH, at)?;
        let targets = targets(&lagged, &trajectories)?;
        let states = trajectories.states.items();
        regress_flows(env, &mut model, &mut adam, states, &targets, |d| {
            (d * d, 2.0 * d)
        })?;
        lagged
            .params_mut()
            .average_towards(model.params(), 1.0 - LAG);
    }
    Ok(model)
}

/// The network is log F, its target log sum F(s') / B(s').
fn flow_iteration<E: Enumerable + VectorEncoded>(
    context: &Context,
    name: &str,
    env: &E,
    exact: &Exact<'_, E>,
    log_reward: impl Fn(&E::State) -> f64 + Sync,
) -> anyhow::Result<Figures> {
    let flows = regress(context, name, env, |lagged, trajectories| {
        let states = trajectories.states.items().to_vec();
        let frontier = Frontier::new(env, states, Vec::new());
        let edges = child_flows(lagged, &frontier, &log_reward)?;
        let rows = (0..frontier.len()).map(|row| frontier.moves.range(row));
        Ok(rows.map(|row| log_sum_exp(&edges[row])).collect())
    })?;
    exact.figures(&StateFlows { flows, log_reward })
}

/// The network is log V, its target the log of the mean value of the children, g R at the end, with g
/// along the trajectory. Total variation and mean reward of the policy V(s') / (g(s') B(s')).
fn factor_form<E: Enumerable + VectorEncoded>(
    context: &Context,
    name: &str,
    env: &E,
    exact: &Exact<'_, E>,
    log_reward: impl Fn(&E::State) -> f64 + Sync,
) -> anyhow::Result<(f64, f64)> {
    let values = values(context, name, env, &log_reward, None)?;
    let log_v = exact.figures(&values)?.log_flow.unwrap_or_default();
    let log_p = distribution_by_way(exact, &log_v);
    let rewarded = log_p.iter().zip(&exact.log_reward);
    let mean_reward = rewarded.map(|(p, r)| (p + r).exp()).sum();
    Ok((total_variation(&log_p, &exact.target), mean_reward))
}

/// log g as a function of the state alone, where there is one.
type OneFactor<'a, S> = Option<&'a dyn Fn(&S) -> f64>;

/// The network is log V, with one g for each state where `one_g` gives its logarithm, and with g along
/// the trajectory otherwise.
fn values<E: VectorEncoded>(
    context: &Context,
    name: &str,
    env: &E,
    log_reward: impl Fn(&E::State) -> f64 + Sync,
    one_g: OneFactor<'_, E::State>,
) -> anyhow::Result<Perceptron<E>> {
    regress(context, name, env, |lagged, trajectories| {
        let states = trajectories.states.items().to_vec();
        let frontier = Frontier::new(env, states, Vec::new());
        value_targets(lagged, &frontier, trajectories, &log_reward, one_g)
    })
}

/// `[N]` log of the mean of V over the moves of each state on `trajectories`, which `frontier` lists.
fn value_targets<E: VectorEncoded>(
    lagged: &Perceptron<E>,
    frontier: &Frontier<'_, E>,
    trajectories: &Trajectories<E>,
    log_reward: impl Fn(&E::State) -> f64,
    one_g: OneFactor<'_, E::State>,
) -> anyhow::Result<Vec<f64>> {
    let mut children = Vec::new();
    for (state, moves) in frontier.states.iter().zip(frontier.moves.rows()) {
        for edge in moves {
            if let Move::Apply(action) = *edge {
                let mut child = state.clone();
                frontier.env.step(&mut child, action);
                children.push(child);
            }
        }
    }
    let children = Frontier::new(frontier.env, children, Vec::new());
    let log_v = lagged.scores(&children)?.log_flow.unwrap_or_default();
    let mut log_v = log_v.into_iter().map(|v| (v, 0.0));
    let mut targets = Vec::with_capacity(frontier.len());
    for trajectory in 0..trajectories.len() {
        let mut log_g = 0.0;
        for row in trajectories.states.range(trajectory) {
            let moves = frontier.moves.row(row);
            if row > trajectories.states.range(trajectory).start {
                let before = frontier.moves.row(row - 1).len();
                log_g = log_path_ratio(log_g, before, frontier.parents.row(row).len());
            }
            if let Some(one_g) = one_g {
                log_g = one_g(&frontier.states[row]);
            }
            let stops = moves.contains(&Move::Stop);
            let reward = stops.then(|| log_reward(&frontier.states[row]));
            let inner = moves.len() - usize::from(stops);
            let values: Vec<(f64, f64)> = log_v.by_ref().take(inner).collect();
            targets.push(random_policy_target(reward, log_g, &values));
        }
    }
    Ok(targets)
}
