//! Tasks whose objects are worth what the user's own score says.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anabranch_core::exact::Dag;
use anabranch_core::rng::Stream;
use anabranch_oracles::{
    Combination, CommandOracle, Counts, Docking, End, FailureKind, HttpOracle, Objective,
    OnnxOracle, Oracle, OracleError, Scorer, Store, Verdict,
};

use crate::config::{Config, OracleConfig};
use crate::error::{Result, TaskError};
use crate::export::Names;
use crate::sequences::Alphabet;
use crate::task::{Column, Described, Scored, State, Task};

/// What makes the oracle of a function of the calling program, each time a task is set up.
pub type MakeOracle = dyn Fn(&OracleConfig) -> Result<Box<dyn Oracle>> + Send + Sync;

/// What a run's own score needs from around it.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// The run folder, for the store and what workers write to standard error. Without one nothing is
    /// asked: settings are only checked.
    pub folder: Option<PathBuf>,
    /// Whether to stop waiting for scores.
    pub should_stop: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// A function of the calling program that scores.
    pub function: Option<Arc<MakeOracle>>,
}

impl Surroundings {
    /// The same in a run folder.
    #[must_use]
    pub fn in_folder(&self, folder: &Path) -> Self {
        Self {
            folder: Some(folder.to_path_buf()),
            ..self.clone()
        }
    }

    /// With a function that says whether to stop waiting for scores; it is called several times a second.
    #[must_use]
    pub fn stopping(self, should_stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            should_stop: Some(Arc::new(should_stop)),
            ..self
        }
    }

    /// With what makes the oracle of a function of the calling program.
    #[must_use]
    pub fn scored_by(
        self,
        make: impl Fn(&OracleConfig) -> Result<Box<dyn Oracle>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            function: Some(Arc::new(make)),
            ..self
        }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("folder", &self.folder)
            .field("should_stop", &self.should_stop.is_some())
            .field("function", &self.function.is_some())
            .finish()
    }
}

/// A task, and a score of one's own in the place of its reward where there is one.
pub struct WithOwnScore<T> {
    task: T,
    own: Option<OwnScore>,
    docks: bool,
}

/// The score and what is made of its values.
struct OwnScore {
    scorer: Option<Scorer>,
    columns: Vec<String>,
    combination: Combination,
    /// For each objective its place among the score's columns and those of the task.
    places: Vec<usize>,
    floor: f64,
    facts: Vec<(String, String)>,
    /// What happened in earlier sessions, and where it is written down.
    earlier: Counts,
    diary: Option<PathBuf>,
}

impl<T: Task> WithOwnScore<T> {
    /// `task` as the settings want it.
    ///
    /// # Errors
    /// Where the score cannot be set up, or its store not be opened.
    pub fn new(task: T, config: &Config, around: &Surroundings) -> Result<Self> {
        let own = match &config.oracle {
            Some(oracle) => Some(OwnScore::new(&task, config, oracle, around)?),
            None => None,
        };
        Ok(Self {
            task,
            own,
            docks: config.docking.is_some(),
        })
    }
}

impl OwnScore {
    fn new<T: Task>(
        task: &T,
        config: &Config,
        settings: &OracleConfig,
        around: &Surroundings,
    ) -> Result<Self> {
        let oracle = oracle(task, config, settings, around)?;
        let columns = oracle.columns().to_vec();
        let theirs = task.columns();
        let names: Vec<&str> = columns
            .iter()
            .map(String::as_str)
            .chain(theirs.iter().map(|column| column.name.as_str()))
            .collect();
        let mut objectives = Vec::new();
        let mut places = Vec::new();
        for (name, property) in &config.reward.properties {
            let Some(place) = names.iter().position(|known| known == name) else {
                return Err(TaskError::Request(format!(
                    "reward.{name} is not among the values that are measured: {}",
                    names.join(", ")
                )));
            };
            if property.weight > 0.0 {
                places.push(place);
                objectives.push(Objective {
                    column: name.clone(),
                    weight: property.weight,
                    transform: property.transform(),
                });
            }
        }
        let mut facts = vec![("Score".to_owned(), described(config))];
        let fates = settings.fates();
        facts.push(("Without a score".to_owned(), ends(&fates)));
        let scorer = match &around.folder {
            None => None,
            Some(folder) => {
                let store = Store::open(&settings.store(folder)).map_err(OracleError::from)?;
                let scorer = Scorer::new(oracle, store, fates)?;
                Some(match around.should_stop.clone() {
                    None => scorer,
                    Some(stop) => scorer.with_should_stop(move || stop()),
                })
            }
        };
        let diary = around.folder.as_ref().map(|folder| folder.join(DIARY));
        Ok(Self {
            scorer,
            earlier: diary.as_deref().map(earlier).unwrap_or_default(),
            diary,
            columns,
            combination: Combination::new(objectives, config.reward.combine.into())?,
            places,
            floor: config.reward.floor,
            facts,
        })
    }

    /// What happened in all sessions.
    fn counts(&self) -> Option<Counts> {
        let mut counts = self.earlier.clone();
        counts.add(&self.scorer.as_ref()?.counts());
        Some(counts)
    }

    fn scorer(&self) -> Result<&Scorer> {
        self.scorer.as_ref().ok_or_else(|| {
            TaskError::Request("a score of one's own is asked in a run folder only".into())
        })
    }

    /// What an object is worth, from what was said of it and what the task knows of it.
    fn worth(&self, text: &str, verdict: Verdict, theirs: Scored) -> Result<Option<Scored>> {
        let (own, failed) = match verdict {
            Verdict::Scores(values) => (values, false),
            Verdict::Floor(_) => (vec![f64::NAN; self.columns.len()], true),
            Verdict::Drop(_) => return Ok(None),
        };
        let values = [own, theirs.values].concat();
        let reward = if failed {
            self.floor
        } else {
            let counted: Vec<f64> = self.places.iter().map(|place| values[*place]).collect();
            let combined = self.combination.reward(&counted).map_err(|error| {
                TaskError::Request(format!(
                    "{text}: {error}; say what is wanted of the value, for example \
                     'reward.{}={{direction=\"lower\", low=-12, high=-4}}'",
                    self.columns[0]
                ))
            })?;
            combined.reward.max(self.floor)
        };
        Ok(Some(Scored {
            log_reward: reward.ln(),
            log_multiplicity: theirs.log_multiplicity,
            values,
        }))
    }
}

/// The file in the run folder with one line of counts for each session that asked.
const DIARY: &str = "oracle.jsonl";

/// The sum of what is written down. A session that was killed has no line: its scores are in the store all
/// the same.
fn earlier(diary: &Path) -> Counts {
    let mut sum = Counts::default();
    let text = std::fs::read_to_string(diary).unwrap_or_default();
    for line in text.lines() {
        match serde_json::from_str(line) {
            Ok(counts) => sum.add(&counts),
            Err(error) => tracing::warn!("{}: {error}; the line is left out", diary.display()),
        }
    }
    sum
}

impl Drop for OwnScore {
    /// Writes down what happened.
    fn drop(&mut self) {
        let (Some(scorer), Some(diary)) = (&self.scorer, &self.diary) else {
            return;
        };
        let counts = scorer.counts();
        if counts == Counts::default() {
            return;
        }
        let written = serde_json::to_string(&counts)
            .map_err(std::io::Error::other)
            .and_then(|line| {
                let mut file = OpenOptions::new().create(true).append(true).open(diary)?;
                file.write_all(format!("{line}\n").as_bytes())
            });
        if let Err(error) = written {
            tracing::warn!("{}: the counts cannot be written: {error}", diary.display());
        }
    }
}

/// Who answers.
fn oracle<T: Task>(
    task: &T,
    config: &Config,
    settings: &OracleConfig,
    around: &Surroundings,
) -> Result<Box<dyn Oracle>> {
    let (field, json) = task.question_field();
    if let Some(function) = &around.function {
        return function(settings);
    }
    if let Some(docking) = &config.docking {
        let settings = docking.settings(settings, around.folder.as_deref());
        return Ok(Box::new(Docking::new(
            settings.map_err(OracleError::from)?,
        )?));
    }
    if let (Some(model), Some(onnx)) = (&config.reward.onnx, &config.onnx) {
        let settings = onnx.settings(model, settings);
        return Ok(Box::new(OnnxOracle::new(settings)?));
    }
    match (&config.reward.command, &config.reward.url) {
        (Some(command), _) => {
            let mut settings = settings.command(command, field, json);
            settings.log_folder.clone_from(&around.folder);
            Ok(Box::new(CommandOracle::new(settings)?))
        }
        (None, Some(url)) => Ok(Box::new(HttpOracle::new(settings.http(url, field, json))?)),
        (None, None) => Err(TaskError::Request(
            "there are settings of a score of one's own (the section oracle), and nobody who gives it: set \
             reward.command, for example reward.command='[\"python3\", \"score.py\"]', reward.url or reward.onnx; a run \
             that was scored by a function of a program is gone on with from that program"
                .into(),
        )),
    }
}

/// Who answers, for people.
fn described(config: &Config) -> String {
    if let Some(docking) = &config.docking {
        let (receptor, search_box) = (&docking.receptor, &docking.search_box);
        return format!(
            "AutoDock Vina into {receptor}, box {search_box}, exhaustiveness {}, seed {}",
            docking.exhaustiveness, docking.seed
        );
    }
    if let (Some(model), Some(onnx)) = (&config.reward.onnx, &config.onnx) {
        return format!("the model {model}, which sees {}", onnx.described());
    }
    match (&config.reward.command, &config.reward.url) {
        (Some(command), _) => format!("the command {}", command.line()),
        (None, Some(url)) => format!("the endpoint {url}"),
        (None, None) => "a function of the program that began the run".into(),
    }
}

/// What becomes of each failure, for people.
fn ends(fates: &anabranch_oracles::Fates) -> String {
    let name = |end: End| match end {
        End::Floor => "smallest reward",
        End::Drop => "left out",
        End::Stop => "stops the run",
    };
    let all = FailureKind::ALL.map(|kind| {
        let fate = fates.of(kind);
        match fate.retries {
            0 => format!("{}: {}", kind.name(), name(fate.end)),
            n => format!(
                "{}: asked {n} times more, then {}",
                kind.name(),
                name(fate.end)
            ),
        }
    });
    all.join("; ")
}

impl<T: Task> Task for WithOwnScore<T> {
    type Env = T::Env;
    type Model = T::Model;

    fn env(&self) -> &T::Env {
        self.task.env()
    }

    fn model(&self, config: &Config, conditions: usize, rng: &mut Stream) -> T::Model {
        self.task.model(config, conditions, rng)
    }

    fn object_name(&self) -> &'static str {
        self.task.object_name()
    }

    fn question_field(&self) -> (&'static str, bool) {
        self.task.question_field()
    }

    fn question(&self, object: &State<T>) -> Result<String> {
        self.task.question(object)
    }

    fn columns(&self) -> Vec<Column> {
        let own = self.own.iter().flat_map(|own| &own.columns);
        let own = own.map(|name| Column {
            name: name.clone(),
            unit: match name.as_str() {
                "affinity" if self.docks => "kcal/mol",
                _ => "",
            },
        });
        own.chain(self.task.columns()).collect()
    }

    fn score(&self, object: &State<T>) -> Result<Scored> {
        if self.own.is_none() {
            return self.task.score(object);
        }
        let scored = self.score_all(std::slice::from_ref(object))?.pop();
        scored.flatten().ok_or_else(|| {
            TaskError::Request(
                "the object has no score and its trajectory is to be left out".into(),
            )
        })
    }

    fn score_all(&self, objects: &[State<T>]) -> Result<Vec<Option<Scored>>> {
        let Some(own) = &self.own else {
            return self.task.score_all(objects);
        };
        let questions: Vec<String> = objects
            .iter()
            .map(|object| self.task.question(object))
            .collect::<Result<_>>()?;
        let verdicts = own.scorer()?.score(&questions)?;
        let theirs = self.task.score_all(objects)?;
        let all = verdicts.into_iter().zip(theirs).zip(&questions);
        all.map(|((verdict, theirs), text)| match theirs {
            Some(theirs) => own.worth(text, verdict, theirs),
            None => Ok(None),
        })
        .collect()
    }

    fn asks(&self) -> bool {
        self.own.is_some() || self.task.asks()
    }

    /// One's own scores are looked up in their store.
    fn key(&self, object: &State<T>) -> Option<u128> {
        match self.own {
            None => self.task.key(object),
            Some(_) => None,
        }
    }

    fn describe(&self, object: &State<T>) -> Result<Described> {
        self.task.describe(object)
    }

    /// None where each object would have to be asked for.
    fn dag(&self) -> Result<Option<Dag<State<T>>>> {
        match self.own {
            None => self.task.dag(),
            Some(_) => Ok(None),
        }
    }

    fn names(&self, config: &Config) -> Names {
        self.task.names(config)
    }

    fn alphabet(&self) -> Option<&Alphabet> {
        self.task.alphabet()
    }

    fn facts(&self) -> Vec<(String, String)> {
        let Some(own) = &self.own else {
            return self.task.facts();
        };
        let counted = own.counts().into_iter().flat_map(|counts| {
            let failures: Vec<String> = counts
                .failures
                .iter()
                .map(|(kind, count)| format!("{} {count}", kind.name()))
                .collect();
            let events: Vec<String> = counts
                .events
                .iter()
                .map(|(event, count)| format!("{} {count}", event.name()))
                .collect();
            let listed = |list: Vec<String>| match list.is_empty() {
                true => "none".to_owned(),
                false => list.join(", "),
            };
            [
                (
                    "Asked".to_owned(),
                    format!(
                        "{} objects of {} wanted ({} known already, {} twice in one batch); {} scored, {} \
                         without a score",
                        counts.asked,
                        counts.requested,
                        counts.known + counts.elsewhere,
                        counts.repeated,
                        counts.answered,
                        counts.failed()
                    ),
                ),
                (
                    "Handed on".to_owned(),
                    format!(
                        "{} with their scores, {} with the smallest reward, {} left out",
                        counts.scored, counts.floored, counts.dropped
                    ),
                ),
                ("Failures".to_owned(), listed(failures)),
                ("Oddities of the oracle".to_owned(), listed(events)),
            ]
        });
        own.facts.iter().cloned().chain(counted).collect()
    }

    fn known(&self) -> Option<&BTreeSet<String>> {
        self.task.known()
    }
}
