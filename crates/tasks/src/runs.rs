//! Whole runs: begin, go on, finish, and what can be done with them afterwards.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anabranch_core::Seed;
use anabranch_learn::policy::Model;
use anabranch_learn::run::folder::FORMAT;
use anabranch_learn::run::{Checkpoint, CheckpointStore, RunFolder, RunInfo};

use crate::config::{Config, Source, load, to_toml};
use crate::error::{Result, TaskError};
use crate::evaluate::{Evaluated, Evaluation, EvaluationSize, evaluate};
use crate::output::{Format, OutputError, Written, write};
use crate::own_score::Surroundings;
use crate::report::data::{ReportData, RunReport};
use crate::report::render;
use crate::sampler::{Draw, Sampler, draw, table};
use crate::summary::run_report;
use crate::task::{State, Task, Visit, new_model, with_task};
use crate::train::{Outcome, Tick, Wish, train};

/// Begins a run in a new folder. `command` and `commit` say in `run.json` how it came about: the words of
/// the command line and what the program was built from, or "unknown".
///
/// # Errors
/// Where the settings cannot be met or the folder cannot be made.
pub fn create(
    config: &Config,
    around: &Surroundings,
    name: Option<&str>,
    command: Vec<String>,
    commit: &str,
) -> Result<RunFolder> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let info = RunInfo {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        commit: commit.into(),
        seed: config.seed,
        machine: format!(
            "{} {}, {processors} processors",
            std::env::consts::OS,
            std::env::consts::ARCH
        ),
        command,
        started: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs()),
    };
    check(config, around)?;
    let stem = config.task.name();
    let folder = &config.output.folder;
    Ok(RunFolder::create(
        folder,
        name,
        stem,
        &to_toml(config),
        &info,
    )?)
}

/// Sets the task up and drops it again, so that impossible settings fail before a folder is made.
///
/// # Errors
/// Where the settings cannot be met.
pub fn check(config: &Config, around: &Surroundings) -> Result<()> {
    facts(config, around).map(|_| ())
}

/// What a reader should know of the task's score: names and values.
///
/// # Errors
/// Where the settings cannot be met.
pub fn facts(config: &Config, around: &Surroundings) -> Result<Vec<(String, String)>> {
    struct SetUp;
    impl Visit for SetUp {
        type Out = Vec<(String, String)>;
        fn visit<T: Task>(self, task: &T) -> Result<Self::Out> {
            Ok(task.facts())
        }
    }
    with_task(
        config,
        &Surroundings {
            folder: None,
            ..around.clone()
        },
        SetUp,
    )
}

/// Whether a run can go on under changed settings, from the checkpoint of step `from` or the newest.
///
/// # Errors
/// Where the weights do not fit the settings or more steps are done than they ask for.
pub fn check_resume(
    config: &Config,
    run: &RunFolder,
    around: &Surroundings,
    from: Option<u64>,
) -> Result<()> {
    struct Fits<'a>(&'a Config, Option<Checkpoint>);
    impl Visit for Fits<'_> {
        type Out = ();
        fn visit<T: Task>(self, task: &T) -> Result<()> {
            let Some(checkpoint) = self.1 else {
                return Ok(());
            };
            let (done, asked) = (checkpoint.step, self.0.steps);
            if asked < done {
                return Err(TaskError::Request(format!(
                    "steps is {asked} and {done} are done; give more, or go back with --from"
                )));
            }
            Ok(new_model(task, self.0)
                .params_mut()
                .load(checkpoint.model)?)
        }
    }
    let store = CheckpointStore::new(&run.file("checkpoints"), config.output.keep_checkpoints);
    let around = Surroundings {
        folder: None,
        ..around.clone()
    };
    with_task(config, &around, Fits(config, store.load(from)?))
}

/// The settings of a run, with `overrides` over them.
///
/// # Errors
/// Where `config.toml` is damaged or an override is refused.
pub fn settings(run: &RunFolder, overrides: &[String]) -> Result<Config> {
    let name = run.file("config.toml").display().to_string();
    Ok(load(Source::text(name, run.config()?), overrides)?)
}

/// Changes the settings of a run that is gone on with, from the checkpoint of step `from` or the newest, and
/// returns them.
///
/// # Errors
/// Where an override is refused, would make it another run, or does not fit what is trained.
pub fn reconfigure(
    run: &RunFolder,
    overrides: &[String],
    around: &Surroundings,
    from: Option<u64>,
) -> Result<Config> {
    let before = settings(run, &[])?;
    let config = settings(run, overrides)?;
    for (name, same) in [
        ("task", before.task == config.task),
        ("env", before.env == config.env),
        ("policy", before.policy == config.policy),
        ("seed", before.seed == config.seed),
        (
            "output.folder",
            before.output.folder == config.output.folder,
        ),
    ] {
        if !same {
            return Err(TaskError::Request(format!(
                "{name} cannot change within a run; begin a new one (gfn train)"
            )));
        }
    }
    if config != before {
        check_resume(&config, run, around, from)?;
        run.replace("config.toml", to_toml(&config).as_bytes())?;
    }
    Ok(config)
}

/// How the trained run is closed: where its samples and its report are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Files of samples.
    pub samples: Vec<PathBuf>,
    /// The report page.
    pub report: PathBuf,
}

/// Trains, or goes on training; see [`train`].
///
/// # Errors
/// As [`train`].
pub fn train_run(
    config: &Config,
    run: &RunFolder,
    around: &Surroundings,
    from: Option<u64>,
    observer: &mut dyn FnMut(&Tick) -> Wish,
) -> Result<Outcome> {
    struct Go<'a> {
        config: &'a Config,
        run: &'a RunFolder,
        from: Option<u64>,
        observer: &'a mut dyn FnMut(&Tick) -> Wish,
    }
    impl Visit for Go<'_> {
        type Out = Outcome;
        fn visit<T: Task>(self, task: &T) -> Result<Outcome> {
            train(task, self.config, self.run, self.from, self.observer)
        }
    }
    with_task(
        config,
        &around.in_folder(run.path()),
        Go {
            config,
            run,
            from,
            observer,
        },
    )
}

/// Loads a checkpoint that must be there: that of step `from`, or the newest.
///
/// # Errors
/// Where there is none, or it is damaged.
pub fn checkpoint(config: &Config, run: &RunFolder, from: Option<u64>) -> Result<Checkpoint> {
    let store = CheckpointStore::new(&run.file("checkpoints"), config.output.keep_checkpoints);
    store.load(from)?.ok_or_else(|| TaskError::File {
        path: run.file("checkpoints"),
        problem: format!(
            "there is no checkpoint yet; train on with gfn resume {}",
            run.path().display()
        ),
    })
}

/// The evaluation of a run with what its report shows.
pub struct Assessment {
    /// The figures.
    pub evaluation: Evaluation,
    /// The report.
    pub report: RunReport,
}

struct Assess<'a> {
    config: &'a Config,
    run: &'a RunFolder,
    from: Option<u64>,
    beta: Option<f64>,
    size: EvaluationSize,
    samples: Option<&'a Path>,
}

impl Visit for Assess<'_> {
    type Out = Assessment;

    fn visit<T: Task>(self, task: &T) -> Result<Assessment> {
        let checkpoint = checkpoint(self.config, self.run, self.from)?;
        let sampler = Sampler::new(task, self.config, &checkpoint)?;
        let beta = match self.beta {
            Some(beta) => conditioned(&sampler, beta)?,
            None => sampler.conditioner.sharpest(),
        };
        let seed = Seed::new(self.config.seed);
        let evaluated: Evaluated<State<T>> =
            evaluate(&sampler, checkpoint.step, beta, self.size, seed)?;
        if let Some(path) = self.samples {
            let table = table(task, &evaluated.trained);
            write(&table, path, true)?;
            if evaluated.trained.iter().all(|d| d.molecule.is_some()) {
                write(&table, &path.with_extension("sdf"), true)?;
            }
            if table.is_fasta() {
                write(&table, &path.with_extension("fasta"), true)?;
            }
        }
        Ok(Assessment {
            report: run_report(task, self.config, self.run, &evaluated)?,
            evaluation: evaluated.evaluation,
        })
    }
}

/// `beta`, where the policy can be told of it.
///
/// # Errors
/// Where it is not above 0, or the policy was trained at another temperature only.
pub fn conditioned<T: Task>(sampler: &Sampler<'_, T>, beta: f64) -> Result<f64> {
    let fixed = sampler.conditioner.width() == 0;
    if !(beta.is_finite() && beta > 0.0) {
        return Err(TaskError::Request(format!(
            "--beta is {beta}; it must be a number above 0"
        )));
    }
    if fixed && beta != sampler.conditioner.sharpest() {
        return Err(TaskError::Request(format!(
            "this policy was trained at reward.beta = {} only; to choose a temperature when sampling, \
             train with a distribution, for example 'reward.beta={{uniform=[1,32]}}'",
            sampler.conditioner.sharpest()
        )));
    }
    Ok(beta)
}

/// Evaluates a run.
///
/// # Errors
/// Where the checkpoint is damaged or an object has no score.
pub fn assess(
    config: &Config,
    run: &RunFolder,
    around: &Surroundings,
    from: Option<u64>,
    beta: Option<f64>,
    size: EvaluationSize,
) -> Result<Assessment> {
    with_task(
        config,
        &around.in_folder(run.path()),
        Assess {
            config,
            run,
            from,
            beta,
            size,
            samples: None,
        },
    )
}

/// Writes samples and report of a trained run into its folder. Those of an earlier, shorter training
/// are kept under the name of their step.
///
/// # Errors
/// Where a file cannot be written.
pub fn close(config: &Config, run: &RunFolder, around: &Surroundings) -> Result<Closed> {
    let samples = run.file("samples.csv");
    let report = run.file("report.html");
    let step_file = run.file("samples.step");
    if let Ok(step) = std::fs::read_to_string(&step_file)
        && step.trim() != config.steps.to_string()
    {
        for name in ["samples.csv", "samples.sdf", "samples.fasta", "report.html"] {
            let old = run.file(name);
            if let Some((stem, extension)) = name.split_once('.')
                && old.exists()
            {
                let kept = run.file(&format!("{stem}-step{}.{extension}", step.trim()));
                std::fs::rename(&old, &kept).map_err(|e| TaskError::File {
                    path: kept,
                    problem: format!("the earlier file cannot be kept: {e}"),
                })?;
            }
        }
    }
    let size = EvaluationSize::of(config, config.output.samples);
    let assessment = with_task(
        config,
        &around.in_folder(run.path()),
        Assess {
            config,
            run,
            from: None,
            beta: None,
            size,
            samples: Some(&samples),
        },
    )?;
    let page = render(&ReportData {
        runs: vec![assessment.report],
    })?;
    run.replace("report.html", page.as_bytes())?;
    let figures = serde_json::to_vec_pretty(&assessment.evaluation)
        .map_err(|e| TaskError::Request(format!("the evaluation cannot be written: {e}")))?;
    run.replace("evaluation.json", &figures)?;
    run.replace("samples.step", config.steps.to_string().as_bytes())?;
    let mut files = vec![samples.clone()];
    let others = ["sdf", "fasta"].map(|extension| samples.with_extension(extension));
    files.extend(others.into_iter().filter(|file| file.exists()));
    Ok(Closed {
        samples: files,
        report,
    })
}

/// What `gfn sample` draws.
#[derive(Clone, Debug)]
pub struct SampleRequest {
    /// Objects.
    pub count: usize,
    /// Whether one object may come more than once.
    pub allow_duplicates: bool,
    /// Seed of the draw; the run's own where `None`.
    pub seed: Option<u64>,
    /// Inverse temperature, where the policy knows more than one.
    pub beta: Option<f64>,
    /// Checkpoint; the newest where `None`.
    pub from: Option<u64>,
    /// Where to.
    pub path: PathBuf,
    /// Whether an existing file is replaced.
    pub overwrite: bool,
}

/// Draws objects of a run into a file.
///
/// # Errors
/// Where the request cannot be met or the file cannot be written.
pub fn sample_run(
    config: &Config,
    run: &RunFolder,
    around: &Surroundings,
    request: &SampleRequest,
    progress: &mut dyn FnMut(usize),
) -> Result<Written> {
    struct Go<'a> {
        config: &'a Config,
        run: &'a RunFolder,
        request: &'a SampleRequest,
        progress: &'a mut dyn FnMut(usize),
    }
    impl Visit for Go<'_> {
        type Out = Written;
        fn visit<T: Task>(self, task: &T) -> Result<Self::Out> {
            let request = self.request;
            // Before the work rather than after it; `write` looks again.
            Format::of(&request.path)?;
            if !request.overwrite && request.path.exists() {
                return Err(OutputError::Exists {
                    path: request.path.clone(),
                }
                .into());
            }
            let checkpoint = checkpoint(self.config, self.run, request.from)?;
            let sampler = Sampler::new(task, self.config, &checkpoint)?;
            let beta = match request.beta {
                Some(beta) => conditioned(&sampler, beta)?,
                None => sampler.conditioner.sharpest(),
            };
            let how = Draw {
                count: request.count,
                distinct: !request.allow_duplicates,
                purpose: "samples",
                seed: Seed::new(request.seed.unwrap_or(self.config.seed)),
            };
            let condition = sampler.conditioner.encode(&[beta]);
            let drawn = draw(task, &sampler.model, &condition, how, self.progress)?;
            Ok(write(
                &table(task, &drawn),
                &request.path,
                request.overwrite,
            )?)
        }
    }
    with_task(
        config,
        &around.in_folder(run.path()),
        Go {
            config,
            run,
            request,
            progress,
        },
    )
}
