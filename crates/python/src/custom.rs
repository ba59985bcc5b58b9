//! Training any environment on any log-reward, in memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anabranch_core::exact::{Dag, terminating_distribution};
use anabranch_core::objective::Objective;
use anabranch_core::{Frontier, Given, Seed};
use anabranch_envs::Enumerated;
use anabranch_learn::optim::{Adam, AdamConfig};
use anabranch_learn::policy::{Exploration, MlpConfig, Model, Policy};
use anabranch_learn::segment::log_softmax_rows;
use anabranch_learn::step::{record, sample};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::arrays::array;
use crate::call::log_rewards;
use crate::env::{Lower, PyEnvironment};
use crate::error::{Failure, Result};
use crate::policy::{Boxed, Script, Scripted, Table};
use crate::watch::{waited, watched};

/// States scored at once for the exact distribution.
const STATES_PER_PASS: usize = 4096;

/// What scores the edges.
enum Choice {
    Perceptron { hidden: usize, layers: usize },
    Table { limit: usize },
    Script(Arc<Script>),
}

/// How to train.
pub struct Plan {
    log_reward: Py<PyAny>,
    policy: Choice,
    objective: Objective,
    steps: u64,
    batch: usize,
    learning_rate: f64,
    log_z_learning_rate: f64,
    log_z: f64,
    learned_backward: bool,
    epsilon: f64,
    seed: u64,
    threads: Option<usize>,
    look: Option<Py<PyAny>>,
}

/// What is known of each step.
#[derive(Clone, Default)]
struct History {
    loss: Vec<f64>,
    log_z: Vec<f64>,
    log_reward: Vec<f64>,
}

/// A trained policy of an environment of any type.
pub trait Trained: Send + Sync {
    fn sample<'py>(&self, py: Python<'py>, count: usize, seed: u64) -> Result<Bound<'py, PyList>>;
    fn distribution<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
    ) -> Result<(Bound<'py, PyList>, Bound<'py, PyArray1<f64>>)>;
    fn history<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>>;
    fn log_z(&self) -> f64;
    fn interrupted(&self, py: Python<'_>) -> Option<PyErr>;
}

struct Session<E: Lower> {
    env: E,
    model: Boxed<E>,
    script: Option<Arc<Script>>,
    history: History,
    interrupted: Option<PyErr>,
}

impl<E: Lower> Session<E> {
    /// What Python raised, or else `result`.
    fn settle<T>(&self, result: std::result::Result<T, impl Into<Failure>>) -> Result<T> {
        self.env.failed()?;
        if let Some(script) = &self.script {
            script.failed()?;
        }
        result.map_err(Into::into)
    }

    /// `[B]` log-rewards of states, asked in Python.
    fn ask(&self, callable: &Py<PyAny>, states: &[E::State]) -> Result<Vec<f64>> {
        Python::attach(|py| {
            let list = PyList::empty(py);
            for state in states {
                list.append(self.env.state_to(py, state)?)?;
            }
            Ok(log_rewards(callable.bind(py), &list)?)
        })
    }

    fn step(&mut self, plan: &Plan, adam: &mut Adam, step: u64) -> Result<()> {
        let exploration = Exploration {
            epsilon: plan.epsilon,
            ..Exploration::NONE
        };
        let at = (Seed::new(plan.seed), "rollout", step);
        let recorded = record(&self.env, &self.model, exploration, &[], plan.batch, at);
        let recorded = self.settle(recorded)?;
        let trajectories = recorded.trajectories();
        let log_reward = self.ask(&plan.log_reward, &trajectories.objects())?;
        let mut given = Given::default();
        if plan.objective.needs_state_rewards() {
            let visited = trajectories.states.items();
            if let Some(state) = visited.iter().find(|state| !self.env.can_stop(state)) {
                return Err(Failure::value(format!(
                    "this objective needs every state to be a complete object, and {state:?} is none"
                )));
            }
            given.log_reward_at = Some(self.ask(&plan.log_reward, visited)?);
        }
        let gradients = recorded.differentiate(
            |terms| plan.objective.loss_given(terms, &given),
            &log_reward,
        );
        let gradients = self.settle(gradients)?;
        let progress = gradients.apply(&mut self.model, adam)?;
        if let Some(script) = &self.script {
            script.changed(self.model.params())?;
        }
        let count = log_reward.len().max(1) as f64;
        self.history.loss.push(progress.loss);
        self.history
            .log_z
            .push(progress.log_z.iter().sum::<f64>() / count);
        self.history
            .log_reward
            .push(log_reward.iter().sum::<f64>() / count);
        Ok(())
    }

    fn run(
        &mut self,
        plan: &Plan,
        stop: &AtomicBool,
        newest: &Mutex<Option<(u64, f64, f64, f64)>>,
    ) -> Result<()> {
        let rates = AdamConfig::with_rates(plan.learning_rate, plan.log_z_learning_rate);
        let mut adam = Adam::new(rates, self.model.params());
        for step in 0..plan.steps {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            self.step(plan, &mut adam, step)?;
            let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
            let History {
                loss,
                log_z,
                log_reward,
            } = &self.history;
            *newest.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((step + 1, last(loss), last(log_reward), last(log_z)));
        }
        Ok(())
    }
}

/// Trains a policy of `env`.
///
/// # Errors
/// What Python raises; where the policy does not fit or a step fails.
pub fn train<E: Lower>(py: Python<'_>, env: E, plan: Plan) -> Result<Arc<dyn Trained>> {
    let mut rng = Seed::new(plan.seed).stream("init", &[]);
    let mut script = None;
    let model = match &plan.policy {
        Choice::Perceptron { hidden, layers } => {
            let config = MlpConfig {
                hidden: *hidden,
                layers: *layers,
                learned_backward: plan.learned_backward,
                shared_trunk: true,
                flow: plan.objective.needs_flow(),
            };
            env.perceptron(config, plan.log_z, &mut rng).ok_or_else(|| {
                Failure::value(format!(
                    "{} has no feature vectors for a perceptron; take policy=\"table\" or a policy of \
                     your own",
                    env.repr()
                ))
            })?
        }
        Choice::Table { limit } => {
            if plan.learned_backward {
                return Err(Failure::value(
                    "a table has a uniform backward policy; take backward=\"uniform\"",
                ));
            }
            let listed = waited(py, || Enumerated::new(env.clone(), *limit))?;
            env.failed()?;
            let mut table = Table::new(listed?);
            for param in table.params_mut().iter_mut() {
                if param.group() == "log_z" {
                    param.values.fill(plan.log_z as f32);
                }
            }
            Boxed::new(table)
        }
        Choice::Script(object) => {
            script = Some(object.clone());
            Boxed::new(Scripted::new(object.clone(), plan.log_z)?)
        }
    };
    let mut session = Session {
        env,
        model,
        script,
        history: History::default(),
        interrupted: None,
    };
    let newest = Mutex::new(None);
    let show = |py: Python<'_>| -> PyResult<()> {
        let tick = *newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(look), Some((step, loss, log_reward, log_z))) = (&plan.look, tick) {
            let trajectories = step * plan.batch as u64;
            look.call1(
                py,
                (
                    step,
                    plan.steps,
                    trajectories,
                    loss,
                    f64::exp(log_reward),
                    log_z,
                ),
            )?;
        }
        Ok(())
    };
    let (trained, raised) = watched(
        py,
        plan.threads,
        |stop| session.run(&plan, stop, &newest),
        show,
    )?;
    trained?;
    if raised.is_none() {
        show(py)?;
    }
    session.interrupted = raised;
    Ok(Arc::new(session))
}

impl<E: Lower> Trained for Session<E> {
    fn sample<'py>(&self, py: Python<'py>, count: usize, seed: u64) -> Result<Bound<'py, PyList>> {
        let at = (Seed::new(seed), "samples", 0);
        let threads = self.threads();
        let (drawn, raised) = watched(
            py,
            threads,
            |_| sample(&self.env, &self.model, &[], count, at),
            |_| Ok(()),
        )?;
        if let Some(raised) = raised {
            return Err(raised.into());
        }
        let out = PyList::empty(py);
        for object in self.settle(drawn)?.objects() {
            out.append(self.env.state_to(py, &object)?)?;
        }
        Ok(out)
    }

    fn distribution<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
    ) -> Result<(Bound<'py, PyList>, Bound<'py, PyArray1<f64>>)> {
        let solve = || -> Result<(Vec<E::State>, Vec<f64>)> {
            let listed = Enumerated::new(self.env.clone(), limit);
            let listed = self.settle(listed)?;
            let dag = self.settle(Dag::new(&listed))?;
            let mut log_pf = Vec::with_capacity(dag.num_moves());
            for states in dag.states().chunks(STATES_PER_PASS) {
                let frontier = Frontier::new(&self.env, states.to_vec(), Vec::new());
                let scores = self.settle(self.model.scores(&frontier))?;
                log_pf.extend(log_softmax_rows(&frontier.moves, &scores.moves));
            }
            let log_p = terminating_distribution(&dag, &log_pf);
            let objects = (0..dag.len()).filter(|&s| dag.can_stop(s));
            Ok(objects.map(|s| (dag.states()[s].clone(), log_p[s])).unzip())
        };
        let (solved, raised) = watched(py, self.threads(), |_| solve(), |_| Ok(()))?;
        if let Some(raised) = raised {
            return Err(raised.into());
        }
        let (states, log_p) = solved?;
        let out = PyList::empty(py);
        for state in &states {
            out.append(self.env.state_to(py, state)?)?;
        }
        Ok((out, array(py, log_p)))
    }

    fn history<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let out = PyDict::new(py);
        out.set_item("loss", array(py, self.history.loss.clone()))?;
        out.set_item("log_z", array(py, self.history.log_z.clone()))?;
        out.set_item("log_reward", array(py, self.history.log_reward.clone()))?;
        Ok(out)
    }

    fn log_z(&self) -> f64 {
        let values = self.model.log_z(&[], 1);
        values.map_or(f64::NAN, |values| values[0])
    }

    fn interrupted(&self, py: Python<'_>) -> Option<PyErr> {
        self.interrupted.as_ref().map(|error| error.clone_ref(py))
    }
}

impl<E: Lower> Session<E> {
    /// One where Python is asked anyhow, and would be asked by one thread at a time.
    fn threads(&self) -> Option<usize> {
        self.script.as_ref().map(|_| 1)
    }
}

/// A trained policy.
#[pyclass(frozen, module = "anabranch._native")]
struct Sampler {
    trained: Arc<dyn Trained>,
}

#[pymethods]
impl Sampler {
    /// Objects drawn from the policy.
    fn sample<'py>(&self, py: Python<'py>, count: usize, seed: u64) -> Result<Bound<'py, PyList>> {
        self.trained.sample(py, count, seed)
    }

    /// Every object with the logarithm of the probability that the policy draws it.
    fn distribution<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
    ) -> Result<(Bound<'py, PyList>, Bound<'py, PyArray1<f64>>)> {
        self.trained.distribution(py, limit)
    }

    /// One value for each step: loss, log_z, log_reward.
    #[getter]
    fn history<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.trained.history(py)
    }

    /// The learned log Z in nats.
    #[getter]
    fn log_z(&self) -> f64 {
        self.trained.log_z()
    }

    /// What stopped the training before its end.
    fn interrupted<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let error = self.trained.interrupted(py)?;
        Some(error.value(py).clone().into_any())
    }
}

/// Trains a policy of `env` on `log_reward`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one for each setting")]
fn train_environment(
    py: Python<'_>,
    env: &PyEnvironment,
    log_reward: Py<PyAny>,
    policy: &Bound<'_, PyAny>,
    objective: &str,
    steps: u64,
    batch: usize,
    learning_rate: f64,
    log_z_learning_rate: f64,
    log_z: f64,
    learned_backward: bool,
    epsilon: f64,
    hidden: usize,
    layers: usize,
    limit: usize,
    seed: u64,
    threads: Option<usize>,
    look: Option<Py<PyAny>>,
) -> Result<Sampler> {
    let objective: Objective = serde_json::from_str(objective)
        .map_err(|e| Failure::value(format!("no objective is {objective}: {e}")))?;
    let named: Option<String> = policy
        .cast::<PyString>()
        .ok()
        .and_then(|name| name.extract().ok());
    let policy = match named.as_deref() {
        Some("mlp") => Choice::Perceptron { hidden, layers },
        Some("table") => Choice::Table { limit },
        Some(other) => {
            return Err(Failure::value(format!(
                "policy is {other:?}; it must be mlp, table or an object with scores and forward"
            )));
        }
        None => Choice::Script(Script::new(policy)?),
    };
    for (name, holds) in [
        ("batch must be at least 1", batch > 0),
        ("learning_rate must be above 0", learning_rate > 0.0),
        (
            "log_z_learning_rate must be at least 0",
            log_z_learning_rate >= 0.0,
        ),
        ("log_z must be finite", log_z.is_finite()),
        (
            "epsilon must be from 0 to 1",
            (0.0..=1.0).contains(&epsilon),
        ),
        (
            "hidden and layers must be at least 1",
            hidden > 0 && layers > 0,
        ),
    ] {
        if !holds {
            return Err(Failure::value(name));
        }
    }
    let plan = Plan {
        log_reward,
        policy,
        objective,
        steps,
        batch,
        learning_rate,
        log_z_learning_rate,
        log_z,
        learned_backward,
        epsilon,
        seed,
        threads,
        look,
    };
    Ok(Sampler {
        trained: env.inner.train(py, plan)?,
    })
}

/// Adds this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Sampler>()?;
    module.add_function(wrap_pyfunction!(train_environment, module)?)
}
