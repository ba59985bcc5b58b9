//! How good a trained sampler is: exactly where the space can be written down, by estimates elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use anabranch_core::exact::{
    Dag, bounds, exact_flows, target, terminating_distribution, trajectory_entropy, uniform_log_pb,
};
use anabranch_core::metric::{
    anderson_darling, diversity, elbo, jensen_shannon, kl, l1, log_probability, log_z_importance,
    mean_absolute_log_error, mean_top_k, pearson, spearman, top_k, total_variation,
    unique_fraction,
};
use anabranch_core::{Frontier, Seed, Trajectories};
use anabranch_learn::policy::{Model, Policy, Uniform};
use anabranch_learn::segment::log_softmax_rows;
use anabranch_learn::step::{sample_backward, terms};
use rand::RngExt;
use rayon::prelude::*;
use serde::Serialize;

use crate::chemistry::{MoleculeStats, molecule_stats, percentile};
use crate::config::Config;
use crate::error::Result;
use crate::sampler::{Draw, Drawn, Sampler, draw, first_round};
use crate::sequences::stats::{SequenceStats, sequence_stats};
use crate::task::{Scored, State, Task};

/// How much is drawn for an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct EvaluationSize {
    /// Objects drawn from the trained policy.
    pub samples: usize,
    /// Objects drawn from the random one.
    pub random: usize,
    /// Objects whose log p(x) is estimated.
    pub held: usize,
    /// Backward trajectories for each of them.
    pub backward: usize,
}

impl Default for EvaluationSize {
    fn default() -> Self {
        Self {
            samples: 1000,
            random: 1000,
            held: 256,
            backward: 16,
        }
    }
}

impl EvaluationSize {
    /// `samples` objects of the trained policy, and as many of the random one unless each would have to be
    /// asked for.
    #[must_use]
    pub fn of(config: &Config, samples: usize) -> Self {
        Self {
            samples,
            random: config.oracle.as_ref().map_or(samples, |o| o.compare),
            ..Self::default()
        }
    }
}

/// What is known of a sampler.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// Steps trained.
    pub step: u64,
    /// Inverse temperature of the samples.
    pub beta: f64,
    /// log Z at that temperature as the model knows it: learned, or estimated by importance sampling
    /// from its trajectories where its objective does not learn one.
    pub log_z: f64,
    /// Exact figures, where all states can be written down.
    pub exact: Option<ExactFigures>,
    /// Samples of the trained policy.
    pub trained: SampleFigures,
    /// Samples of the random policy.
    pub random: SampleFigures,
    /// Agreement of log p(x) with log R(x).
    pub correlation: Correlation,
}

/// Distances to the target distribution R^beta / Z, exactly.
#[derive(Clone, Debug, Serialize)]
pub struct ExactFigures {
    /// States written down.
    pub states: usize,
    /// Complete objects among them.
    pub objects: usize,
    /// Where several objects read the same: figures over what is read, molecules for fragments.
    pub merged: Option<MergedFigures>,
    /// Total variation, 0 to 1.
    pub total_variation: f64,
    /// Sum over objects of |p - p*|, 0 to 2.
    pub l1: f64,
    /// Jensen-Shannon divergence in nats, 0 to log 2.
    pub jensen_shannon: f64,
    /// KL(p* || p) in nats.
    pub kl_target: f64,
    /// KL(p || p*) in nats.
    pub kl_policy: f64,
    /// log Z in nats.
    pub log_z: f64,
    /// |learned log Z - log Z| in nats.
    pub log_z_error: f64,
    /// Mean reward under the policy, not raised to beta.
    pub reward: f64,
    /// Mean reward under the target, not raised to beta.
    pub target_reward: f64,
    /// (mean reward - that of the target) / that of the target: below 0 is under-fitted, above 0 too
    /// sharp or collapsed (Shen et al. 2023, arXiv 2305.07170).
    pub reward_error: f64,
    /// Anderson-Darling statistic of the sampled rewards against rewards drawn from the target, divided
    /// by its 5 % critical value: below 1 the two cannot be told apart (the same paper).
    pub anderson_darling: Option<f64>,
    /// Mean over objects of |log p(x) - log p*(x)| in nats.
    pub mean_log_error: f64,
    /// Spearman's correlation of log p(x) with the target over all objects; `None` where either is
    /// constant.
    pub spearman: Option<f64>,
    /// Pearson's of the same.
    pub pearson: Option<f64>,
    /// Evidence lower bound on log Z in nats: log Z - KL(P_F || target) over trajectories.
    pub elbo: f64,
    /// Evidence upper bound on log Z in nats: log Z + KL(target || P_F) over trajectories.
    pub eubo: f64,
    /// Entropy of the trajectories of the policy in nats.
    pub trajectory_entropy: f64,
}

/// Exact figures over texts: objects that read the same are one.
#[derive(Clone, Debug, Serialize)]
pub struct MergedFigures {
    /// Distinct texts.
    pub objects: usize,
    /// Total variation between their probabilities and R^beta / Z.
    pub total_variation: f64,
}

/// What samples are like.
#[derive(Clone, Debug, Serialize)]
pub struct SampleFigures {
    /// Objects drawn, repeats included.
    pub count: usize,
    /// Mean reward, not raised to beta.
    pub mean_reward: f64,
    /// Mean reward of the 100 best distinct objects.
    pub top_100_reward: f64,
    /// Share of distinct objects.
    pub unique: f64,
    /// Distinct objects among them with a reward of at least `mode_reward`.
    pub high_reward: usize,
    /// The random policy's 99th percentile of rewards.
    pub mode_reward: f64,
    /// Mean pairwise edit distance of the texts of the 100 best distinct objects, divided by the length
    /// of the longer text; `None` with fewer than two.
    pub text_diversity: Option<f64>,
    /// Where they are molecules.
    pub molecules: Option<MoleculeStats>,
    /// Where they are sequences.
    pub sequences: Option<SequenceStats>,
}

/// log p(x) by backward importance sampling against beta log R(x) on held objects: half drawn from the
/// trained policy, half from the random one, so that low rewards are among them.
#[derive(Clone, Debug, Serialize)]
pub struct Correlation {
    /// Objects.
    pub objects: usize,
    /// Backward trajectories for each.
    pub backward: usize,
    /// Pearson's.
    pub pearson: Option<f64>,
    /// Spearman's.
    pub spearman: Option<f64>,
    /// Mean standard error of the estimates of log p(x), in nats.
    pub standard_error: Option<f64>,
    /// Evidence lower bound on log Z from forward trajectories, in nats.
    pub elbo: f64,
    /// Importance estimate of log Z from the same trajectories, in nats.
    pub log_z_importance: f64,
}

/// An evaluation with the objects that it was made of.
pub struct Evaluated<S> {
    /// The figures.
    pub evaluation: Evaluation,
    /// Samples of the trained policy.
    pub trained: Vec<Drawn<S>>,
    /// Samples of the random policy.
    pub random: Vec<Drawn<S>>,
}

/// Trajectories of an importance estimate of log Z.
const LOG_Z_TRAJECTORIES: usize = 1024;
/// States scored at once for exact figures.
const STATES_PER_PASS: usize = 4096;

/// Evaluates `sampler`, trained for `step` steps, at inverse temperature `beta`.
///
/// # Errors
/// Where an object has no score or the policy cannot score.
pub fn evaluate<T: Task>(
    sampler: &Sampler<'_, T>,
    step: u64,
    beta: f64,
    size: EvaluationSize,
    seed: Seed,
) -> Result<Evaluated<State<T>>> {
    let task = sampler.task;
    let condition = sampler.conditioner.encode(&[beta]);
    let how = |purpose, count| Draw {
        count,
        distinct: false,
        purpose,
        seed,
    };
    let trained = draw(
        task,
        &sampler.model,
        &condition,
        how("samples", size.samples),
        |_| (),
    )?;
    let random = draw(
        task,
        &Uniform::<T::Env>::new(),
        &[],
        how("random_samples", size.random),
        |_| (),
    )?;
    let rewards = |drawn: &[Drawn<State<T>>]| -> Vec<f64> {
        drawn.iter().map(|d| d.scored.log_reward.exp()).collect()
    };
    let mode_reward = percentile(&rewards(&random), 0.99)?;
    let log_z = learned_log_z(sampler, beta, &condition, size)?;
    let evaluation = Evaluation {
        step,
        beta,
        log_z,
        exact: exact_figures(sampler, beta, &condition, log_z, &rewards(&trained), seed)?,
        trained: sample_figures(task, &trained, &rewards(&trained), mode_reward)?,
        random: sample_figures(task, &random, &rewards(&random), mode_reward)?,
        correlation: correlation(sampler, beta, size, seed, &trained, &random)?,
    };
    Ok(Evaluated {
        evaluation,
        trained,
        random,
    })
}

/// log Z as the objective of the settings learns it: its parameter, the flow of the source, or what
/// importance sampling says where it learns none.
fn learned_log_z<T: Task>(
    sampler: &Sampler<'_, T>,
    beta: f64,
    condition: &[f32],
    size: EvaluationSize,
) -> Result<f64> {
    let objective = crate::task::objective(sampler.config);
    if objective.needs_flow() {
        let env = sampler.task.env();
        let source = vec![anabranch_core::Environment::source(env)];
        let scores = sampler
            .model
            .scores(&Frontier::new(env, source, condition.to_vec()))?;
        return Ok(scores.log_flow.map_or(f64::NAN, |flow| flow[0]));
    }
    if objective.needs_log_z() {
        return Ok(sampler.model.log_z(condition, 1)?[0]);
    }
    // Nothing learns log Z but for a constant: the importance estimate stands for it.
    let seed = Seed::new(sampler.config.seed);
    let trajectories = estimating(sampler, (LOG_Z_TRAJECTORIES, "log_z"), size, beta, seed)?;
    let log_reward = log_rewards(sampler, &trajectories.objects(), beta)?;
    let zeros = vec![0.0; trajectories.len()];
    let terms = terms(
        sampler.task.env(),
        &sampler.model,
        &trajectories,
        &zeros,
        &log_reward,
    )?;
    Ok(log_z_importance(&terms)?)
}

fn log_rewards<T: Task>(
    sampler: &Sampler<'_, T>,
    objects: &[State<T>],
    beta: f64,
) -> Result<Vec<f64>> {
    // What is left out of training counts as worth the least here.
    let floor = beta * sampler.config.reward.floor.ln();
    let scored = sampler.task.score_all(objects)?.into_iter();
    Ok(scored
        .map(|scored| scored.map_or(floor, |scored| scored.log_target(beta)))
        .collect())
}

/// Trajectories for an estimate: fresh ones, or, where scores have to be asked for, those whose objects
/// were asked for already.
fn estimating<T: Task>(
    sampler: &Sampler<'_, T>,
    (count, purpose): (usize, &str),
    size: EvaluationSize,
    beta: f64,
    seed: Seed,
) -> Result<Trajectories<T::Env>> {
    if sampler.task.asks() {
        let first = first_round(size.samples);
        sampler.trajectories(first, beta, "samples", 0, seed)
    } else {
        sampler.trajectories(count, beta, purpose, 0, seed)
    }
}

fn exact_figures<T: Task>(
    sampler: &Sampler<'_, T>,
    beta: f64,
    condition: &[f32],
    learned: f64,
    sampled: &[f64],
    seed: Seed,
) -> Result<Option<ExactFigures>> {
    let Some(dag) = sampler.task.dag()? else {
        return Ok(None);
    };
    let env = sampler.task.env();
    let scored: Vec<Option<Scored>> = (0..dag.len())
        .into_par_iter()
        .map(|s| {
            dag.can_stop(s)
                .then(|| sampler.task.score(&dag.states()[s]))
                .transpose()
        })
        .collect::<Result<_>>()?;
    let over = |f: &dyn Fn(&Scored) -> f64| -> Vec<f64> {
        scored
            .iter()
            .map(|s| s.as_ref().map_or(f64::NEG_INFINITY, f))
            .collect()
    };
    let rewards = over(&|s| s.log_reward);
    let log_reward = over(&|s| s.log_target(beta));
    let parts: Vec<(Vec<f64>, Option<Vec<f64>>)> = dag
        .states()
        .par_chunks(STATES_PER_PASS)
        .map(|states| {
            let frontier = Frontier::new(env, states.to_vec(), condition.repeat(states.len()));
            let scores = sampler.model.scores(&frontier)?;
            let log_pf = log_softmax_rows(&frontier.moves, &scores.moves);
            let log_pb = scores
                .parents
                .map(|parents| log_softmax_rows(&frontier.parents, &parents));
            Ok((log_pf, log_pb))
        })
        .collect::<Result<_>>()?;
    let (log_pf, log_pb): (Vec<Vec<f64>>, Vec<Option<Vec<f64>>>) = parts.into_iter().unzip();
    let log_pf = log_pf.concat();
    let log_pb: Option<Vec<Vec<f64>>> = log_pb.into_iter().collect();
    let log_pb = log_pb.map_or_else(|| uniform_log_pb(&dag), |parts| parts.concat());
    let log_p = terminating_distribution(&dag, &log_pf);
    let log_target = target(&log_reward);
    let log_z = exact_flows(&dag, &log_reward, &log_pb).log_z;
    let mean = |log_p: &[f64]| -> f64 {
        let pairs = log_p.iter().zip(&rewards).filter(|(_, r)| r.is_finite());
        pairs.map(|(p, r)| (p + r).exp()).sum()
    };
    let aliases = scored.iter().flatten().any(|s| s.log_multiplicity > 0.0);
    let merged = aliases
        .then(|| merged_total_variation(sampler.task, &dag, &log_p, &log_target))
        .transpose()?;
    let both = bounds(&dag, &log_pf, &log_pb, &log_reward);
    let of_objects = |values: &[f64]| -> Vec<f64> {
        let all = values.iter().enumerate();
        all.filter(|(s, _)| dag.can_stop(*s))
            .map(|(_, v)| *v)
            .collect()
    };
    let (reward, target_reward) = (mean(&log_p), mean(&log_target));
    let drawn = draw_rewards(&log_target, &rewards, seed);
    Ok(Some(ExactFigures {
        states: dag.len(),
        objects: scored.iter().flatten().count(),
        merged,
        total_variation: total_variation(&log_p, &log_target),
        l1: l1(&log_p, &log_target),
        jensen_shannon: jensen_shannon(&log_p, &log_target),
        kl_target: kl(&log_target, &log_p),
        kl_policy: kl(&log_p, &log_target),
        log_z,
        log_z_error: (learned - log_z).abs(),
        reward,
        target_reward,
        reward_error: (reward - target_reward) / target_reward,
        anderson_darling: anderson_darling(&[sampled, &drawn]).map(|test| test.ratio()),
        mean_log_error: mean_absolute_log_error(&log_p, &log_target),
        spearman: spearman(&of_objects(&log_p), &of_objects(&log_target)),
        pearson: pearson(&of_objects(&log_p), &of_objects(&log_target)),
        elbo: both.elbo,
        eubo: both.eubo,
        trajectory_entropy: trajectory_entropy(&dag, &log_pf),
    }))
}

/// Rewards drawn from the target for a comparison of distributions.
const TARGET_DRAWS: usize = 10_000;

/// Rewards of objects drawn from `log_target` `[N]`; `log_rewards` are `[N]` too.
fn draw_rewards(log_target: &[f64], log_rewards: &[f64], seed: Seed) -> Vec<f64> {
    let mut up_to = Vec::with_capacity(log_target.len());
    let mut total = 0.0;
    for log_p in log_target {
        total += log_p.exp();
        up_to.push(total);
    }
    let mut stream = seed.stream("target_rewards", &[]);
    (0..TARGET_DRAWS)
        .map(|_| {
            let target = stream.random::<f64>() * total;
            let place = up_to.partition_point(|&sum| sum <= target);
            log_rewards[place.min(log_rewards.len() - 1)].exp()
        })
        .collect()
}

/// Sums probabilities of objects with one text before comparing.
fn merged_total_variation<T: Task>(
    task: &T,
    dag: &Dag<State<T>>,
    log_p: &[f64],
    log_target: &[f64],
) -> Result<MergedFigures> {
    let texts: Vec<Option<String>> = (0..dag.len())
        .into_par_iter()
        .map(|s| {
            dag.can_stop(s)
                .then(|| Ok(task.describe(&dag.states()[s])?.text))
                .transpose()
        })
        .collect::<Result<_>>()?;
    let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (s, text) in texts.iter().enumerate() {
        if let Some(text) = text {
            let sum = sums.entry(text).or_default();
            sum.0 += log_p[s].exp();
            sum.1 += log_target[s].exp();
        }
    }
    Ok(MergedFigures {
        objects: sums.len(),
        total_variation: 0.5 * sums.values().map(|(p, q)| (p - q).abs()).sum::<f64>(),
    })
}

fn sample_figures<T: Task>(
    task: &T,
    drawn: &[Drawn<State<T>>],
    rewards: &[f64],
    mode_reward: f64,
) -> Result<SampleFigures> {
    let texts: Vec<&str> = drawn.iter().map(|d| d.text.as_str()).collect();
    let molecules: Option<Vec<&anabranch_chem::Molecule>> =
        drawn.iter().map(|d| d.molecule.as_ref()).collect();
    let molecules = molecules.filter(|m| !m.is_empty());
    let best = top_k(&texts, rewards, 100)?;
    let distance = |a: usize, b: usize| 1.0 - strsim::normalized_levenshtein(texts[a], texts[b]);
    let high: BTreeSet<&str> = texts
        .iter()
        .zip(rewards)
        .filter(|(_, reward)| **reward >= mode_reward)
        .map(|(text, _)| *text)
        .collect();
    Ok(SampleFigures {
        count: drawn.len(),
        high_reward: high.len(),
        mode_reward,
        text_diversity: diversity(&best, distance),
        mean_reward: rewards.iter().sum::<f64>() / rewards.len().max(1) as f64,
        top_100_reward: mean_top_k(&texts, rewards, 100)?.unwrap_or(f64::NAN),
        unique: unique_fraction(&texts).unwrap_or(f64::NAN),
        molecules: molecules
            .map(|molecules| molecule_stats(&molecules, &texts, rewards, mode_reward))
            .transpose()?,
        sequences: task
            .alphabet()
            .map(|_| sequence_stats(&texts, rewards, mode_reward, task.known())),
    })
}

fn correlation<T: Task>(
    sampler: &Sampler<'_, T>,
    beta: f64,
    size: EvaluationSize,
    seed: Seed,
    trained: &[Drawn<State<T>>],
    random: &[Drawn<State<T>>],
) -> Result<Correlation> {
    let env = sampler.task.env();
    let half = size.held / 2;
    let held: Vec<&Drawn<State<T>>> = trained
        .iter()
        .take(half)
        .chain(random.iter().take(half))
        .collect();
    let objects: Vec<State<T>> = held
        .iter()
        .flat_map(|d| std::iter::repeat_n(d.object.clone(), size.backward))
        .collect();
    let conditions = sampler.conditioner.encode(&vec![beta; objects.len()]);
    let backward = sample_backward(
        env,
        &sampler.model,
        &objects,
        &conditions,
        (seed, "held_backward", 0),
    )?;
    let zeros = vec![0.0; backward.len()];
    let backward = terms(env, &sampler.model, &backward, &zeros, &zeros)?;
    let (pf, pb) = (backward.sum_log_pf(), backward.sum_log_pb());
    let mut log_p = Vec::with_capacity(held.len());
    let mut errors = Vec::new();
    for i in 0..held.len() {
        let rows = i * size.backward..(i + 1) * size.backward;
        let estimate = log_probability(&pf[rows.clone()], &pb[rows])?;
        log_p.push(estimate.estimate);
        errors.extend(estimate.standard_error);
    }
    let log_r: Vec<f64> = held.iter().map(|d| d.scored.log_target(beta)).collect();
    let forward = estimating(sampler, (size.held.max(1), "elbo"), size, beta, seed)?;
    let log_reward = log_rewards(sampler, &forward.objects(), beta)?;
    let forward = terms(
        env,
        &sampler.model,
        &forward,
        &vec![0.0; forward.len()],
        &log_reward,
    )?;
    Ok(Correlation {
        objects: held.len(),
        backward: size.backward,
        pearson: pearson(&log_p, &log_r),
        spearman: spearman(&log_p, &log_r),
        standard_error: (!errors.is_empty())
            .then(|| errors.iter().sum::<f64>() / errors.len() as f64),
        elbo: elbo(&forward)?,
        log_z_importance: log_z_importance(&forward)?,
    })
}
