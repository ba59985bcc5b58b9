//! Runs on disk: begin, train, draw, evaluate, report.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use anabranch_core::Seed;
use anabranch_learn::run::folder::replace_file;
use anabranch_learn::run::{MetricsReader, RunFolder};
use anabranch_tasks::config::{Config, ConfigError, Source, load, load_scored_by_function};
use anabranch_tasks::evaluate::EvaluationSize;
use anabranch_tasks::export::{ExportRequest, export_run};
use anabranch_tasks::output::{SampleTable, write};
use anabranch_tasks::report::data::ReportData;
use anabranch_tasks::report::render;
use anabranch_tasks::runs;
use anabranch_tasks::sampler::{Draw, Sampler, draw, table};
use anabranch_tasks::task::{Task, Visit, with_task};
use anabranch_tasks::train::{Outcome, Tick, Wish};
use numpy::PyArray1;
use pyo3::exceptions::{PyKeyError, PyKeyboardInterrupt};
use pyo3::prelude::*;

use crate::arrays::array;
use crate::error::{Failure, Result};
use crate::scoring::{Given, Scoring};
use crate::watch::{waited, watched};

/// The settings of a task, a file or a run folder, with `key=value` over them, as JSON.
#[pyfunction]
fn resolve(task: &str, settings: Vec<String>) -> Result<String> {
    let config = load(Source::from_argument(task)?, &settings)?;
    Ok(serde_json::to_string(&config)?)
}

/// Begins a run and returns its folder.
#[pyfunction]
#[pyo3(signature = (task, settings, reward, name, command))]
fn create(
    py: Python<'_>,
    task: &str,
    settings: Vec<String>,
    reward: Given,
    name: Option<String>,
    command: Vec<String>,
) -> Result<PathBuf> {
    let read: fn(Source, &[String]) -> std::result::Result<Config, ConfigError> = match reward {
        Some(_) => load_scored_by_function,
        None => load,
    };
    let config = read(Source::from_argument(task)?, &settings)?;
    let scoring = Scoring::new(reward);
    refuse_strangers(&config, &scoring)?;
    scoring.waited(py, move |around| {
        let commit = env!("GFN_COMMIT");
        let run = runs::create(&config, around, name.as_deref(), command, commit)?;
        Ok(run.path().to_path_buf())
    })
}

/// A function that nobody would ask, and settings that want a function where there is none.
fn refuse_strangers(config: &Config, scoring: &Scoring) -> Result<()> {
    match (scoring.is_given(), config.is_scored_by_function()) {
        (true, false) => Err(Failure::value(
            "this run is not scored by a function, and one was given; leave reward out",
        )),
        (false, true) => Err(Failure::value(
            "this run is scored by a function; give it: anabranch.load(path, reward=...)",
        )),
        _ => Ok(()),
    }
}

/// The settings of a run as JSON; fails where the folder holds none.
#[pyfunction]
fn config(path: PathBuf) -> Result<String> {
    let (_, config) = open(&path, false)?;
    Ok(serde_json::to_string(&config)?)
}

/// Changes the settings of a run to be gone on with.
#[pyfunction]
#[pyo3(signature = (path, reward, settings))]
fn reconfigure(py: Python<'_>, path: PathBuf, reward: Given, settings: Vec<String>) -> Result<()> {
    let scoring = Scoring::new(reward);
    scoring.waited(py, |around| {
        let (run, before) = open(&path, true)?;
        refuse_strangers(&before, &scoring)?;
        runs::reconfigure(&run, &settings, around, None)?;
        Ok(())
    })
}

fn open(path: &Path, for_writing: bool) -> Result<(RunFolder, Config)> {
    let run = match for_writing {
        true => RunFolder::open_for_writing(path)?,
        false => RunFolder::open(path)?,
    };
    let config = runs::settings(&run, &[])?;
    Ok((run, config))
}

/// As [`open`], where objects are going to be scored.
fn open_scored(path: &Path, scoring: &Scoring, for_writing: bool) -> Result<(RunFolder, Config)> {
    let (run, config) = open(path, for_writing)?;
    refuse_strangers(&config, scoring)?;
    Ok((run, config))
}

/// Trains to the end of the settings' steps from the newest checkpoint. Ten times a second `look` is called
/// with (step, steps, trajectories, loss, reward, log Z) of the newest step, and `callback` with the same of
/// every step since, in order.
///
/// Ctrl-C saves and is raised again with what was saved.
#[pyfunction]
#[pyo3(signature = (path, threads, reward, look, callback))]
fn train(
    py: Python<'_>,
    path: PathBuf,
    threads: Option<usize>,
    reward: Given,
    look: Option<Py<PyAny>>,
    callback: Option<Py<PyAny>>,
) -> Result<()> {
    let steps: Mutex<VecDeque<Tick>> = Mutex::default();
    let listens = callback.is_some();
    let scoring = Scoring::new(reward);
    let (run, config) = open_scored(&path, &scoring, true)?;
    let tell = |py: Python<'_>| -> PyResult<()> {
        let news = std::mem::take(&mut *steps.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(callback) = &callback {
            for tick in &news {
                callback.call1(py, values(tick))?;
            }
        }
        if let (Some(look), Some(tick)) = (&look, news.back()) {
            look.call1(py, values(tick))?;
        }
        Ok(())
    };
    let (outcome, raised) = watched(
        py,
        threads,
        |stop| {
            let around = scoring.around(stop);
            runs::train_run(&config, &run, &around, None, &mut |tick| {
                let mut steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
                if !listens {
                    steps.clear();
                }
                steps.push_back(tick.clone());
                match stop.load(Ordering::SeqCst) {
                    true => Wish::Stop,
                    false => Wish::GoOn,
                }
            })
        },
        tell,
    )?;
    let outcome = scoring.or_raised(py, outcome)?;
    match (outcome, raised) {
        (Outcome::Finished, None) => Ok(tell(py)?),
        (outcome, Some(raised)) if raised.is_instance_of::<PyKeyboardInterrupt>(py) => {
            let step = match outcome {
                Outcome::Stopped { step } => step,
                Outcome::Finished => config.steps,
            };
            let function = match scoring.is_given() {
                true => ", reward=...",
                false => "",
            };
            let interrupt = PyKeyboardInterrupt::new_err(format!(
                "stopped after step {step} of {}; everything is saved: go on with \
                 anabranch.load({:?}{function}).resume()",
                config.steps,
                path.display().to_string()
            ));
            interrupt.set_cause(py, Some(raised));
            Err(interrupt.into())
        }
        (_, Some(raised)) => Err(raised.into()),
        (Outcome::Stopped { .. }, None) => Ok(()),
    }
}

/// What Python is told of a step.
const fn values(tick: &Tick) -> (u64, u64, u64, f64, f64, f64) {
    let Tick {
        step,
        steps,
        trajectories,
        loss,
        reward,
        log_z,
    } = *tick;
    (step, steps, trajectories, loss, reward, log_z)
}

/// Writes samples and report of a trained run into its folder.
#[pyfunction]
#[pyo3(signature = (path, reward))]
fn close(py: Python<'_>, path: PathBuf, reward: Given) -> Result<()> {
    let scoring = Scoring::new(reward);
    scoring.waited(py, |around| {
        let (run, config) = open_scored(&path, &scoring, true)?;
        runs::close(&config, &run, around)?;
        Ok(())
    })
}

/// Sizes of an evaluation from the numbers of objects drawn and held; by themselves those of the settings.
fn size(config: &Config, samples: usize, held: Option<usize>) -> Result<EvaluationSize> {
    let by_itself = EvaluationSize::of(config, samples);
    let held = held.unwrap_or(by_itself.held);
    if samples < 2 || held < 4 {
        return Err(Failure::value(format!(
            "samples is {samples} and held is {held}; give at least 2 and 4"
        )));
    }
    Ok(EvaluationSize { held, ..by_itself })
}

/// The evaluation of a run as JSON.
#[pyfunction]
#[pyo3(signature = (path, reward, samples, held, beta, step))]
fn evaluate(
    py: Python<'_>,
    path: PathBuf,
    reward: Given,
    samples: usize,
    held: Option<usize>,
    beta: Option<f64>,
    step: Option<u64>,
) -> Result<String> {
    let scoring = Scoring::new(reward);
    scoring.waited(py, |around| {
        let (run, config) = open_scored(&path, &scoring, false)?;
        let size = size(&config, samples, held)?;
        let assessment = runs::assess(&config, &run, around, step, beta, size)?;
        Ok(serde_json::to_string(&assessment.evaluation)?)
    })
}

/// Writes the report of one run or of several, each with its function, as one page.
#[pyfunction]
fn report(
    py: Python<'_>,
    folders: Vec<(PathBuf, Given)>,
    page: PathBuf,
    samples: usize,
) -> Result<()> {
    let mut reports = Vec::new();
    for (path, reward) in folders {
        let scoring = Scoring::new(reward);
        reports.push(scoring.waited(py, |around| {
            let (run, config) = open_scored(&path, &scoring, false)?;
            let size = size(&config, samples, None)?;
            Ok(runs::assess(&config, &run, around, None, None, size)?.report)
        })?);
    }
    let text = render(&ReportData { runs: reports }).map_err(anabranch_tasks::TaskError::from)?;
    replace_file(&page, text.as_bytes())?;
    Ok(())
}

/// Writes the policy of a run as an ONNX file, with a description beside it.
#[pyfunction]
#[pyo3(signature = (path, file, examples, overwrite, step))]
fn export(
    py: Python<'_>,
    path: PathBuf,
    file: PathBuf,
    examples: usize,
    overwrite: bool,
    step: Option<u64>,
) -> Result<()> {
    waited(py, || {
        let (run, config) = open(&path, false)?;
        let request = ExportRequest {
            path: file,
            from: step,
            examples,
            overwrite,
        };
        export_run(&config, &run, &request)?;
        Ok(())
    })?
}

/// The metrics of a run: name, steps and values of each.
#[pyfunction]
#[expect(clippy::type_complexity, reason = "numpy arrays in a list of tuples")]
fn metrics<'py>(
    py: Python<'py>,
    path: PathBuf,
    names: Vec<String>,
) -> Result<Vec<(String, Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<f64>>)>> {
    let run = RunFolder::open(&path)?;
    let reader = MetricsReader::read(&run.file("metrics.jsonl"))?;
    Ok(names
        .into_iter()
        .map(|name| {
            let (steps, values) = reader.series(&name);
            (name, array(py, steps), array(py, values))
        })
        .collect())
}

/// Objects drawn from a run, with their rewards and properties.
#[pyclass(frozen, module = "anabranch._native")]
struct Table {
    table: SampleTable,
}

#[pymethods]
impl Table {
    fn __len__(&self) -> usize {
        self.table.rows.len()
    }

    /// What an object is: smiles, cell, bits.
    #[getter]
    fn object(&self) -> &str {
        &self.table.object
    }

    /// Titles of the columns, the object's first.
    #[getter]
    fn titles(&self) -> Vec<String> {
        self.table.titles().into_iter().map(str::to_owned).collect()
    }

    /// The objects as text.
    fn texts(&self) -> Vec<&str> {
        self.table
            .rows
            .iter()
            .map(|row| row.text.as_str())
            .collect()
    }

    /// `[n]` values of a column.
    fn column<'py>(&self, py: Python<'py>, title: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = &self.table.rows;
        let values = match title {
            "reward" => rows.iter().map(|row| row.reward).collect(),
            "log_reward" => rows.iter().map(|row| row.log_reward).collect(),
            other => {
                let place = self.table.columns.iter().position(|name| name == other);
                let place = place.ok_or_else(|| {
                    let known = self.titles()[1..].join(", ");
                    PyKeyError::new_err(format!("there is no column {other:?}; there are {known}"))
                })?;
                rows.iter().map(|row| row.values[place]).collect()
            }
        };
        Ok(array(py, values))
    }

    /// The rows with these numbers.
    fn take(&self, places: Vec<usize>) -> PyResult<Self> {
        let rows = &self.table.rows;
        let taken = places.into_iter().map(|place| {
            rows.get(place).cloned().ok_or_else(|| {
                pyo3::exceptions::PyIndexError::new_err(format!(
                    "{place} of {} samples",
                    rows.len()
                ))
            })
        });
        Ok(Self {
            table: SampleTable {
                object: self.table.object.clone(),
                columns: self.table.columns.clone(),
                rows: taken.collect::<PyResult<_>>()?,
            },
        })
    }

    /// Writes a file in the format of its extension.
    fn write(&self, py: Python<'_>, path: PathBuf, overwrite: bool) -> Result<()> {
        waited(py, || {
            write(&self.table, &path, overwrite).map_err(anabranch_tasks::TaskError::from)
        })??;
        Ok(())
    }
}

/// Draws objects from a run.
#[pyfunction]
#[pyo3(signature = (path, reward, count, distinct, seed, beta, step))]
#[expect(clippy::too_many_arguments, reason = "keywords of Run.sample")]
fn sample(
    py: Python<'_>,
    path: PathBuf,
    reward: Given,
    count: usize,
    distinct: bool,
    seed: Option<u64>,
    beta: Option<f64>,
    step: Option<u64>,
) -> Result<Table> {
    struct Go<'a> {
        config: &'a Config,
        run: &'a RunFolder,
        count: usize,
        distinct: bool,
        seed: Option<u64>,
        beta: Option<f64>,
        step: Option<u64>,
    }
    impl Visit for Go<'_> {
        type Out = SampleTable;
        fn visit<T: Task>(self, task: &T) -> anabranch_tasks::Result<SampleTable> {
            let checkpoint = runs::checkpoint(self.config, self.run, self.step)?;
            let sampler = Sampler::new(task, self.config, &checkpoint)?;
            let beta = match self.beta {
                Some(beta) => runs::conditioned(&sampler, beta)?,
                None => sampler.conditioner.sharpest(),
            };
            let how = Draw {
                count: self.count,
                distinct: self.distinct,
                purpose: "samples",
                seed: Seed::new(self.seed.unwrap_or(self.config.seed)),
            };
            let condition = sampler.conditioner.encode(&[beta]);
            let drawn = draw(task, &sampler.model, &condition, how, |_| ())?;
            Ok(table(task, &drawn))
        }
    }
    if count == 0 {
        return Err(Failure::value("0 samples were asked for; give at least 1"));
    }
    let scoring = Scoring::new(reward);
    let table = scoring.waited(py, |around| {
        let (run, config) = open_scored(&path, &scoring, false)?;
        let go = Go {
            config: &config,
            run: &run,
            count,
            distinct,
            seed,
            beta,
            step,
        };
        Ok(with_task(&config, &around.in_folder(&path), go)?)
    })?;
    Ok(Table { table })
}

/// Adds this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Table>()?;
    module.add_function(wrap_pyfunction!(resolve, module)?)?;
    module.add_function(wrap_pyfunction!(create, module)?)?;
    module.add_function(wrap_pyfunction!(config, module)?)?;
    module.add_function(wrap_pyfunction!(reconfigure, module)?)?;
    module.add_function(wrap_pyfunction!(train, module)?)?;
    module.add_function(wrap_pyfunction!(close, module)?)?;
    module.add_function(wrap_pyfunction!(evaluate, module)?)?;
    module.add_function(wrap_pyfunction!(report, module)?)?;
    module.add_function(wrap_pyfunction!(export, module)?)?;
    module.add_function(wrap_pyfunction!(metrics, module)?)?;
    module.add_function(wrap_pyfunction!(sample, module)?)
}
