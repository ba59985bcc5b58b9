//! The training loop, written out.

use std::time::Instant;

use anabranch_core::buffer::{Entry, Priority, ReplayBuffer};
use anabranch_core::objective::{FlowMatching, backward_likelihood};
use anabranch_core::rng::Stream;
use anabranch_core::{Environment, Given, Seed, Terms, Trajectories};
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::params::Params;
use anabranch_learn::policy::{Adapt, Exploration, Model};
use anabranch_learn::run::{Checkpoint, CheckpointStore, EventWriter, MetricsWriter, RunFolder};
use anabranch_learn::schedule::Schedule;
use anabranch_learn::step::{Progress, flow_matching_step, record_scored, sample, sample_backward};
use anabranch_oracles::OracleError;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Update};
use crate::condition::Conditioner;
use crate::config::Config;
use crate::config::schema::{BackwardName, ObjectiveName, OptimizerConfig, ReplayKind};
use crate::error::{Result, TaskError};
use crate::rewards::Rewards;
use crate::task::{Scored, State, Task, TaskModel, new_model, objective, residual};

/// What an observer sees after each step.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Steps taken.
    pub step: u64,
    /// Steps wanted.
    pub steps: u64,
    /// Trajectories sampled so far, over all sessions.
    pub trajectories: u64,
    /// Loss of the batch.
    pub loss: f64,
    /// Mean reward of the batch, not raised to beta.
    pub reward: f64,
    /// log Z as the objective knows it.
    pub log_z: f64,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Another step.
    GoOn,
    /// Save and leave.
    Stop,
}

/// How a session of training ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done.
    Finished,
    /// The observer asked to stop; the checkpoint of this step is on the disk.
    Stopped {
        /// Steps taken.
        step: u64,
    },
}

/// What the loop keeps beside weights and optimiser.
#[derive(Serialize, Deserialize)]
#[serde(bound(
    serialize = "S: Serialize",
    deserialize = "S: serde::de::DeserializeOwned"
))]
struct Kept<S> {
    trajectories: u64,
    replay: Option<ReplayBuffer<S>>,
}

/// A run between two steps.
struct Session<'a, T: Task> {
    task: &'a T,
    config: &'a Config,
    seed: Seed,
    conditioner: Conditioner,
    model: TaskModel<T>,
    average: Option<TaskModel<T>>,
    adam: Adam,
    kept: Kept<State<T>>,
    rewards: Rewards,
    step: u64,
}

/// Fewest trajectories of a step: objectives of a batch's own mean need two.
const LEAST: usize = 2;

/// What a step is taken on: fresh trajectories first, then replayed ones.
struct Sampled<'m, T: Task> {
    batch: Batch<'m, T>,
    /// `[B]` inverse temperatures.
    betas: Vec<f64>,
    /// `[B]` what the objects are worth.
    scored: Vec<Scored>,
    /// How many of them are fresh; of these those without a score are left out.
    fresh: usize,
}

fn schedule(rate: f64, half_life: f64) -> Schedule {
    if half_life > 0.0 {
        Schedule::HalfLife {
            start: rate,
            half_life,
        }
    } else {
        Schedule::Constant(rate)
    }
}

fn adam_config(config: &OptimizerConfig) -> AdamConfig {
    AdamConfig {
        learning_rate: schedule(config.learning_rate, config.half_life),
        log_z_learning_rate: schedule(config.log_z_learning_rate, config.log_z_half_life),
        beta1: config.beta1 as f32,
        beta2: config.beta2 as f32,
        epsilon: config.epsilon as f32,
        weight_decay: config.weight_decay as f32,
        clip_norm: config.clip_norm as f32,
    }
}

impl<'a, T: Task> Session<'a, T> {
    fn new(task: &'a T, config: &'a Config) -> Result<Self> {
        let model = new_model(task, config);
        // The average begins at the weights, which the seed determines.
        let average = (config.exploration.lag > 0.0).then(|| new_model(task, config));
        let adam = Adam::new(adam_config(&config.optimizer), model.params());
        let priority = match config.replay.kind {
            ReplayKind::Off => None,
            ReplayKind::Uniform => Some(Priority::Uniform),
            ReplayKind::Prioritised => Some(Priority::Rank),
            ReplayKind::TopTenth => Some(Priority::TopTenth),
        };
        let replay = priority
            .map(|priority| ReplayBuffer::new(config.replay.capacity, priority))
            .transpose()?;
        Ok(Self {
            task,
            config,
            seed: Seed::new(config.seed),
            conditioner: Conditioner::new(&config.reward.beta),
            model,
            average,
            adam,
            kept: Kept {
                trajectories: 0,
                replay,
            },
            rewards: Rewards::default(),
            step: 0,
        })
    }

    fn restore(
        task: &'a T,
        config: &'a Config,
        checkpoint: Checkpoint,
        run: &RunFolder,
    ) -> Result<Self> {
        let mut session = Self::new(task, config)?;
        let average = checkpoint.average;
        session.model.params_mut().load(checkpoint.model)?;
        if let Some(model) = &mut session.average {
            // Where there was no average so far it begins at the weights.
            let start = average.unwrap_or_else(|| session.model.params().clone());
            model.params_mut().load(start)?;
        }
        let (step, first, second) = checkpoint.adam;
        let fits = |memory: &Vec<Vec<f32>>| {
            memory.len() == session.model.params().len()
                && memory
                    .iter()
                    .zip(session.model.params().iter())
                    .all(|(m, p)| m.len() == p.values.len())
        };
        if !(fits(&first) && fits(&second)) {
            return Err(TaskError::File {
                path: run.file("checkpoints"),
                problem:
                    "the optimiser's memory does not fit the network of config.toml; restore the \
                          file that the run was made with"
                        .into(),
            });
        }
        session.adam = Adam::restore(adam_config(&config.optimizer), step, first, second);
        let kept: Kept<State<T>> =
            serde_json::from_value(checkpoint.extra).map_err(|e| TaskError::File {
                path: run.file("checkpoints"),
                problem: format!("the state of the loop cannot be understood: {e}"),
            })?;
        session.kept.trajectories = kept.trajectories;
        if let (Some(buffer), Some(filled)) = (&mut session.kept.replay, kept.replay) {
            *buffer = filled;
        }
        session.step = checkpoint.step;
        Ok(session)
    }

    fn checkpoint(&self, metrics_bytes: u64) -> Result<Checkpoint> {
        let (first, second) = self.adam.memory();
        let average: Option<Params> = self.average.as_ref().map(|model| model.params().clone());
        let extra = serde_json::to_value(&self.kept).map_err(|e| {
            TaskError::Request(format!("the state of the loop cannot be written: {e}"))
        })?;
        Ok(Checkpoint {
            step: self.step,
            metrics_bytes,
            model: self.model.params().clone(),
            average,
            adam: (self.adam.step_count(), first.clone(), second.clone()),
            extra,
        })
    }

    fn stream(&self, purpose: &str) -> Stream {
        self.seed.stream(purpose, &[self.step])
    }

    /// Trajectories of this step, fresh ones first, then replayed ones; their inverse temperatures; and
    /// what their objects are worth.
    fn batch(&self) -> Result<Sampled<'_, T>> {
        let exploration = &self.config.exploration;
        let (env, count) = (self.task.env(), self.config.batch);
        let mut betas = self.conditioner.draw(count, &mut self.stream("beta"));
        let conditions = self.conditioner.encode(&betas);
        let how = Exploration {
            temperature: exploration.temperature,
            epsilon: schedule(exploration.epsilon, exploration.epsilon_half_life).at(self.step),
        };
        let at = (self.seed, "rollout", self.step);
        let score = |object: &State<T>| self.rewards.score(self.task, object);
        let matching = self.config.objective.name == ObjectiveName::FlowMatching;
        let (mut batch, scored): (Batch<'_, T>, Vec<Option<Scored>>) = match &self.average {
            None if !matching && !self.task.asks() => {
                // Objects of one part of the batch are scored while another part is being sampled.
                let (recorded, scored) =
                    record_scored(env, &self.model, how, &conditions, count, at, score)?;
                let scored = scored.into_iter().map(|s| s.map(Some));
                (Batch::Recorded(recorded), scored.collect::<Result<_>>()?)
            }
            average => {
                let policy = average.as_ref().unwrap_or(&self.model);
                let explorer = policy.tempered(how.temperature).epsilon(how.epsilon);
                let trajectories = sample(env, &explorer, &conditions, count, at)?;
                let scored = self.rewards.score_all(self.task, &trajectories.objects())?;
                (Batch::Plain(trajectories), scored)
            }
        };
        let fresh = scored.iter().flatten().count();
        let mut scored = match fresh == scored.len() {
            true => scored.into_iter().flatten().collect(),
            false => {
                let kept: Vec<bool> = scored.iter().map(Option::is_some).collect();
                batch = batch.keeping(&kept);
                let mut kept = kept.iter();
                betas.retain(|_| kept.next() == Some(&true));
                scored.into_iter().flatten().collect::<Vec<_>>()
            }
        };
        if let Some(buffer) = &self.kept.replay
            && buffer.len() >= self.config.replay.warmup
        {
            let drawn = buffer.sample(&mut self.stream("replay"), self.config.replay.batch);
            let objects: Vec<_> = drawn
                .into_iter()
                .map(|entry| entry.object.clone())
                .collect();
            let replay_betas = self
                .conditioner
                .draw(objects.len(), &mut self.stream("replay_beta"));
            let conditions = self.conditioner.encode(&replay_betas);
            let at = (self.seed, "replay_backward", self.step);
            let policy = self.average.as_ref().unwrap_or(&self.model);
            batch.extend(sample_backward(env, policy, &objects, &conditions, at)?)?;
            for (object, again) in objects
                .iter()
                .zip(self.rewards.score_all(self.task, &objects)?)
            {
                scored.push(again.ok_or_else(|| TaskError::RewardLost {
                    object: self.name_of(object),
                    step: self.step,
                })?);
            }
            betas.extend(replay_betas);
        }
        Ok(Sampled {
            batch,
            betas,
            scored,
            fresh,
        })
    }

    /// Gradients by the objective of the settings, where they do not need the optimiser.
    fn prepare(&self, batch: Batch<'_, T>, log_reward: &[f64], betas: &[f64]) -> Result<Update<T>> {
        let config = self.config;
        let batch = match batch {
            Batch::Plain(trajectories) if config.objective.name == ObjectiveName::FlowMatching => {
                return Ok(Update::Matching(trajectories));
            }
            batch => batch,
        };
        let objective = objective(config);
        let mut given = Given::default();
        if objective.needs_state_rewards() {
            given.log_reward_at = Some(self.state_rewards(batch.trajectories(), betas)?);
        }
        let apart = config.policy.backward == BackwardName::TrajectoryLikelihood;
        let loss = |terms: &Terms| {
            let mut loss = objective.loss_given(terms, &given)?;
            if apart {
                loss.grad.log_pb = backward_likelihood(terms)?.grad.log_pb;
            }
            Ok(loss)
        };
        let recorded = batch.recorded(self.task.env(), &self.model)?;
        let gradients = recorded.differentiate(loss, log_reward)?;
        Ok(Update::Gradients(Box::new(gradients)))
    }

    /// The optimiser's step.
    fn apply(&mut self, update: Update<T>, log_reward: &[f64]) -> Result<Progress> {
        let (model, adam) = (&mut self.model, &mut self.adam);
        match update {
            Update::Gradients(gradients) => Ok(gradients.apply(model, adam)?),
            Update::Matching(trajectories) => {
                let equations = FlowMatching {
                    residual: residual(self.config),
                    ..FlowMatching::default()
                };
                let env = self.task.env();
                let progress =
                    flow_matching_step(env, model, adam, equations, &trajectories, log_reward)?;
                Ok(progress)
            }
        }
    }

    /// `[E]` log of the target at every visited state, for objectives where each is an object.
    fn state_rewards(
        &self,
        trajectories: &Trajectories<T::Env>,
        betas: &[f64],
    ) -> Result<Vec<f64>> {
        let rows: Vec<(usize, &State<T>)> = (0..trajectories.len())
            .flat_map(|i| trajectories.states.row(i).iter().map(move |s| (i, s)))
            .collect();
        rows.into_par_iter()
            .map(|(i, state)| {
                if !self.task.env().can_stop(state) {
                    return Err(TaskError::Request(format!(
                        "objective.name = {:?} needs every state to be a finished object, and {state:?} \
                         is none; take detailed_balance or sub_trajectory_balance",
                        self.config.objective.name
                    )));
                }
                Ok(self.rewards.score(self.task, state)?.log_target(betas[i]))
            })
            .collect()
    }

    /// An object for a message.
    fn name_of(&self, object: &State<T>) -> String {
        let described = self.task.describe(object);
        described.map_or_else(|_| format!("{object:?}"), |d| d.text)
    }

    /// One step; returns its metrics.
    fn step(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let (step, seed) = (self.step, self.seed.value());
        let located = |error: TaskError| match error {
            TaskError::Learn(source) => TaskError::Step { step, seed, source },
            other => other,
        };
        let Sampled {
            batch,
            betas,
            scored,
            fresh,
        } = self.batch()?;
        let left_out = self.config.batch - fresh;
        if scored.len() < LEAST {
            drop(batch);
            // Too few have a score for any objective; the next step draws others.
            self.kept.trajectories += self.config.batch as u64;
            self.step += 1;
            return Ok(vec![("left_out", left_out as f64)]);
        }
        let objects = batch.trajectories().objects();
        let lengths = batch.trajectories().lengths();
        if let Some(i) = scored.iter().position(|s| !s.log_reward.is_finite()) {
            return Err(TaskError::RewardNotFinite {
                object: self.name_of(&objects[i]),
                value: scored[i].log_reward,
                step: self.step,
                seed: self.seed.value(),
            });
        }
        let log_reward: Vec<f64> = scored
            .iter()
            .zip(&betas)
            .map(|(s, beta)| s.log_target(*beta))
            .collect();
        let update = self.prepare(batch, &log_reward, &betas);
        let progress = update.and_then(|update| self.apply(update, &log_reward));
        let progress = progress.map_err(located)?;
        if let Some(average) = &mut self.average {
            average
                .params_mut()
                .average_towards(self.model.params(), self.config.exploration.lag as f32);
        }
        if let Some(buffer) = &mut self.kept.replay {
            let entries = objects[..fresh].iter().zip(&scored);
            buffer.extend(entries.map(|(object, s)| Entry::new(object.clone(), s.log_reward)))?;
        }
        self.kept.trajectories += self.config.batch as u64;
        self.step += 1;
        let mut values = metrics(&progress, &scored[..fresh], &lengths[..fresh], self.config);
        if self.task.asks() {
            values.push(("left_out", left_out as f64));
        }
        Ok(values)
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

/// log Z as the objective knows it: learned, the source's flow, or the batch's own estimates.
fn log_z(terms: &Terms, config: &Config) -> f64 {
    let objective = objective(config);
    if objective.needs_log_z() {
        return mean(terms.log_z.iter().copied());
    }
    match &terms.log_flow {
        Some(flow) if objective.needs_flow() => {
            mean(terms.offsets[..terms.len()].iter().map(|&o| flow[o]))
        }
        _ => {
            let (pf, pb) = (terms.sum_log_pf(), terms.sum_log_pb());
            mean((0..terms.len()).map(|i| terms.log_reward[i] + pb[i] - pf[i]))
        }
    }
}

fn metrics(
    progress: &Progress,
    fresh: &[Scored],
    lengths: &[usize],
    config: &Config,
) -> Vec<(&'static str, f64)> {
    vec![
        ("loss", progress.loss),
        ("log_z", log_z(&progress.terms, config)),
        ("reward", mean(fresh.iter().map(|s| s.log_reward.exp()))),
        ("log_reward", mean(fresh.iter().map(|s| s.log_reward))),
        (
            "best_reward",
            fresh.iter().map(|s| s.log_reward.exp()).fold(0.0, f64::max),
        ),
        ("length", mean(lengths.iter().map(|&n| n as f64))),
        ("log_pf", mean(progress.terms.sum_log_pf().into_iter())),
        (
            "gradient_norm",
            progress
                .gradient_norms
                .get("policy")
                .copied()
                .unwrap_or(0.0),
        ),
    ]
}

/// Trains until the steps of `config` are done or `observer` wishes to stop; begins where the newest
/// checkpoint (or that of step `from`) ends.
///
/// # Errors
/// Where a step fails or a file cannot be written; the last checkpoint stays whole.
pub fn train<T: Task>(
    task: &T,
    config: &Config,
    run: &RunFolder,
    from: Option<u64>,
    observer: &mut dyn FnMut(&Tick) -> Wish,
) -> Result<Outcome> {
    let store = CheckpointStore::new(&run.file("checkpoints"), config.output.keep_checkpoints);
    store.clean();
    let (mut session, bytes) = match store.load(from)? {
        Some(checkpoint) => {
            let bytes = checkpoint.metrics_bytes;
            (Session::restore(task, config, checkpoint, run)?, bytes)
        }
        None => (Session::new(task, config)?, 0),
    };
    let mut metrics = MetricsWriter::open(&run.file("metrics.jsonl"), bytes)?;
    store.set_aside_after(session.step)?;
    let mut events = EventWriter::create(run.path())?;
    let mut clock = Clock::start(run);
    let mut saved = None;
    while session.step < config.steps {
        let values = match session.step() {
            // Scores were being waited for: the steps taken are saved, and this one begins again later.
            Err(TaskError::Oracle(OracleError::Interrupted)) => {
                store.save(&session.checkpoint(metrics.sync()?)?)?;
                events.flush()?;
                clock.note(session.step, session.kept.trajectories)?;
                return Ok(Outcome::Stopped { step: session.step });
            }
            values => values?,
        };
        metrics.write(session.step, &values)?;
        if session.step % EVENT_EVERY == 0 || session.step == config.steps {
            events.scalars(session.step, &values)?;
        }
        let value = |name| {
            values
                .iter()
                .find(|(n, _)| *n == name)
                .map_or(f64::NAN, |v| v.1)
        };
        let wish = observer(&Tick {
            step: session.step,
            steps: config.steps,
            trajectories: session.kept.trajectories,
            loss: value("loss"),
            reward: value("reward"),
            log_z: value("log_z"),
        });
        let due = session.step % config.output.checkpoint_every == 0;
        if due || wish == Wish::Stop || session.step == config.steps {
            store.save(&session.checkpoint(metrics.sync()?)?)?;
            events.flush()?;
            clock.note(session.step, session.kept.trajectories)?;
            saved = Some(session.step);
        }
        if wish == Wish::Stop && session.step < config.steps {
            return Ok(Outcome::Stopped { step: session.step });
        }
    }
    if saved.is_none() && store.steps()?.is_empty() {
        store.save(&session.checkpoint(metrics.sync()?)?)?;
    }
    Ok(Outcome::Finished)
}

/// Steps between two TensorBoard points.
const EVENT_EVERY: u64 = 10;

/// `timings.jsonl`: wall-clock seconds, kept apart from metrics because they differ between runs.
struct Clock {
    path: std::path::PathBuf,
    begun: Instant,
}

impl Clock {
    fn start(run: &RunFolder) -> Self {
        Self {
            path: run.file("timings.jsonl"),
            begun: Instant::now(),
        }
    }

    fn note(&mut self, step: u64, trajectories: u64) -> Result<()> {
        use std::io::Write;
        let seconds = self.begun.elapsed().as_secs_f64();
        let line = format!(
            "{{\"step\":{step},\"trajectories\":{trajectories},\"session_seconds\":{seconds:.3}}}\n"
        );
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(|e| TaskError::File {
                path: self.path.clone(),
                problem: format!("cannot be written: {e}; free space on the disk"),
            })
    }
}
