//! A trained policy that can be drawn from.

use anabranch_core::Seed;
use anabranch_core::Trajectories;
use anabranch_learn::params::Params;
use anabranch_learn::policy::{Model, Policy};
use anabranch_learn::run::Checkpoint;
use anabranch_learn::step::sample;
use rayon::prelude::*;
use std::collections::BTreeSet;

use crate::condition::Conditioner;
use crate::config::Config;
use crate::error::{Result, TaskError};
use crate::output::{Sample, SampleTable};
use crate::task::{Scored, State, Task, TaskModel, new_model};

/// The policy of a checkpoint: the moving average where there is one.
pub struct Sampler<'a, T: Task> {
    /// The task.
    pub task: &'a T,
    /// The settings.
    pub config: &'a Config,
    /// The policy.
    pub model: TaskModel<T>,
    /// How temperatures are told to it.
    pub conditioner: Conditioner,
}

/// An object with its reward and its text.
#[derive(Clone, Debug)]
pub struct Drawn<S> {
    /// The object.
    pub object: S,
    /// Reward and properties.
    pub scored: Scored,
    /// Canonical text.
    pub text: String,
    /// The molecule, where it is one.
    pub molecule: Option<anabranch_chem::Molecule>,
}

impl<'a, T: Task> Sampler<'a, T> {
    /// The policy of `checkpoint`.
    ///
    /// # Errors
    /// Where the weights do not fit the settings.
    pub fn new(task: &'a T, config: &'a Config, checkpoint: &Checkpoint) -> Result<Self> {
        let mut model = new_model(task, config);
        let weights: &Params = checkpoint.average.as_ref().unwrap_or(&checkpoint.model);
        model.params_mut().load(weights.clone())?;
        Ok(Self {
            task,
            config,
            model,
            conditioner: Conditioner::new(&config.reward.beta),
        })
    }

    /// `count` trajectories at inverse temperature `beta`.
    ///
    /// # Errors
    /// Where the policy cannot score.
    pub fn trajectories(
        &self,
        count: usize,
        beta: f64,
        purpose: &str,
        round: u64,
        seed: Seed,
    ) -> Result<Trajectories<T::Env>> {
        let conditions = self.conditioner.encode(&vec![beta; count]);
        Ok(sample(
            self.task.env(),
            &self.model,
            &conditions,
            count,
            (seed, purpose, round),
        )?)
    }
}

/// How objects are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Draw<'a> {
    /// Objects wanted.
    pub count: usize,
    /// Whether each text may come once only.
    pub distinct: bool,
    /// Name of the random streams.
    pub purpose: &'a str,
    /// Seed of the streams.
    pub seed: Seed,
}

/// Objects drawn in all before a request for distinct ones is given up, for each one wanted.
const PATIENCE: usize = 50;

/// Trajectories in each round of a draw of `count` objects.
pub(crate) fn first_round(count: usize) -> usize {
    count.clamp(1, 256)
}

/// Draws objects from any policy, unconditioned or under one condition vector for all.
///
/// # Errors
/// Where an object has no score or text, or so many distinct ones are not to be had.
pub fn draw<T: Task, P: Policy<Env = T::Env>>(
    task: &T,
    policy: &P,
    condition: &[f32],
    how: Draw<'_>,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Drawn<State<T>>>> {
    let mut out: Vec<Drawn<State<T>>> = Vec::with_capacity(how.count);
    let mut seen = BTreeSet::new();
    let mut tried = 0;
    for round in 0.. {
        if out.len() >= how.count {
            break;
        }
        if tried >= how.count.max(100) * PATIENCE {
            return Err(TaskError::Request(format!(
                "{tried} objects were drawn and only {} are distinct; ask for fewer, or allow \
                 duplicates with --allow-duplicates",
                out.len()
            )));
        }
        // The size of a round depends on the request alone, so that the result does too.
        let size = first_round(how.count);
        let conditions = condition.repeat(size);
        let trajectories = sample(
            task.env(),
            policy,
            &conditions,
            size,
            (how.seed, how.purpose, round),
        )?;
        tried += size;
        for drawn in describe_all(task, trajectories.objects())? {
            if out.len() < how.count && (!how.distinct || seen.insert(drawn.text.clone())) {
                out.push(drawn);
            }
        }
        progress(out.len());
    }
    Ok(out)
}

/// Scores and writes objects, over threads, in order; those that are to be left out for want of a score
/// are.
///
/// # Errors
/// Where an object has no score or text.
pub fn describe_all<T: Task>(task: &T, objects: Vec<State<T>>) -> Result<Vec<Drawn<State<T>>>> {
    let scored = task.score_all(&objects)?;
    let pairs: Vec<_> = objects.into_iter().zip(scored).collect();
    pairs
        .into_par_iter()
        .filter_map(|(object, scored)| Some((object, scored?)))
        .map(|(object, scored)| {
            let described = task.describe(&object)?;
            Ok(Drawn {
                object,
                scored,
                text: described.text,
                molecule: described.molecule,
            })
        })
        .collect()
}

/// Drawn objects as a table for a file.
pub fn table<T: Task>(task: &T, drawn: &[Drawn<State<T>>]) -> SampleTable {
    SampleTable {
        object: task.object_name().to_string(),
        columns: task
            .columns()
            .into_iter()
            .map(|column| column.name)
            .collect(),
        rows: drawn
            .iter()
            .map(|d| Sample {
                text: d.text.clone(),
                reward: d.scored.log_reward.exp(),
                log_reward: d.scored.log_reward,
                values: d.scored.values.clone(),
                molecule: d.molecule.clone(),
            })
            .collect(),
    }
}
