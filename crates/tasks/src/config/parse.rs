//! Settings from defaults, a file and arguments, the later over the earlier.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use anabranch_chem::Descriptor;
use anabranch_oracles::Measure;
use serde_json::{Map, Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::defaults::{
    affinity_property, default_measure, default_property, docking_oracle, own_property,
    sequences_with,
};
use super::docking::DockingConfig;
use super::error::{ConfigError, Place, nearest};
use super::keys::{self, Allowed, SECTIONS};
use super::onnx::OnnxConfig;
use super::oracle::OracleConfig;
use super::rules;
use super::schema::{Config, NetworkName, OutputConfig, RewardConfig, TaskName};
use super::value::Given;

/// Largest settings file that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// Where settings start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The defaults of a task.
    Task(TaskName),
    /// A TOML file that names its task; what it leaves out has that task's defaults.
    File(PathBuf),
    /// The text of such a file.
    Text {
        /// What errors call it.
        name: String,
        /// The TOML.
        text: String,
    },
}

impl Source {
    /// The text of a settings file.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Text {
            name: name.into(),
            text: text.into(),
        }
    }

    /// What a user means by a first argument: a task, or a settings file.
    ///
    /// # Errors
    /// [`ConfigError::UnknownTask`] for what is neither the name of a task nor looks like a file.
    pub fn from_argument(argument: &str) -> Result<Self, ConfigError> {
        match argument.parse() {
            Ok(task) => Ok(Self::Task(task)),
            Err(error) => {
                let path = Path::new(argument);
                let named_like_a_file = path.extension().is_some_and(|end| end == "toml")
                    || path.components().count() > 1;
                if named_like_a_file || path.is_file() {
                    Ok(Self::File(path.to_owned()))
                } else {
                    Err(error)
                }
            }
        }
    }
}

/// The settings of a run: defaults, then the file, then `overrides` (`a.b.c=value`, in order).
///
/// The value of an override is TOML; a bare word is a text, and `reward.qed=2` sets the weight.
///
/// # Errors
/// [`ConfigError`] for the first thing that is wrong, with its place and the remedy.
pub fn load(source: Source, overrides: &[String]) -> Result<Config, ConfigError> {
    read_all(source, overrides, false)
}

/// As [`load`], of a run whose objects are scored by a function of the calling program: the section oracle is
/// there, and nobody else is asked.
///
/// # Errors
/// As [`load`], and where the settings say who else scores.
pub fn load_scored_by_function(
    source: Source,
    overrides: &[String],
) -> Result<Config, ConfigError> {
    read_all(source, overrides, true)
}

fn read_all(source: Source, overrides: &[String], function: bool) -> Result<Config, ConfigError> {
    let (task, mut settings) = match source {
        Source::Task(task) => (task, Vec::new()),
        Source::File(path) => read_file(&path.display().to_string(), &read(&path)?)?,
        Source::Text { name, text } => read_file(&name, &text)?,
    };
    for text in overrides {
        read_override(text, &mut settings)?;
    }
    let config = with_own_score(defaults(task, &settings), &settings, function);
    let mut draft = Draft::of(task, config);
    for setting in settings {
        draft.apply(setting)?;
    }
    let config = draft.finish()?;
    match rules::scored_elsewhere(&config) {
        Some(key) if function => Err(ConfigError::Rule {
            place: Box::new(Place::Program),
            message: format!("{key} is given beside a function that scores; keep one"),
        }),
        _ => Ok(config),
    }
}

/// The defaults of a task; those of sequences depend on the score and the network that are asked for.
fn defaults(task: TaskName, settings: &[Setting]) -> Config {
    if task == TaskName::Fragments {
        let wanted = last(settings, ["reward", "built_in"]) == Some(DOCKING);
        let mentioned = || settings.iter().any(|setting| setting.path[0] == "docking");
        let config = Config::default_for(task);
        return match wanted {
            true => with_docking(config),
            // For the rule that says what is missing.
            false if mentioned() => Config {
                docking: Some(DockingConfig::default()),
                ..config
            },
            false => config,
        };
    }
    if task != TaskName::Sequences {
        return Config::default_for(task);
    }
    let last = |path| last(settings, path);
    let network = match last(["policy", "network"]) {
        Some("transformer") => NetworkName::Transformer,
        _ => NetworkName::Mlp,
    };
    sequences_with(last(["reward", "built_in"]).unwrap_or("none"), network)
}

/// What `reward.built_in` is where molecules are docked.
pub(crate) const DOCKING: &str = "docking";

/// The keys of `reward` that say who scores.
pub(crate) const ONE_S_OWN: [&str; 3] = ["command", "url", "onnx"];

/// The text that was given last for a key.
fn last<'a>(settings: &'a [Setting], path: [&str; 2]) -> Option<&'a str> {
    let given = settings.iter().rev().find(|setting| setting.path == path)?;
    match &given.value {
        Given::Text(text) => Some(text.as_str()),
        _ => None,
    }
}

/// The same with molecules that are docked: their affinity alone is the reward, as long as nothing else is
/// said.
fn with_docking(config: Config) -> Config {
    let oracle = docking_oracle();
    let properties = oracle
        .columns
        .iter()
        .map(|c| (c.clone(), affinity_property()));
    Config {
        reward: RewardConfig {
            built_in: Some(DOCKING.to_owned()),
            properties: properties.collect(),
            ..config.reward
        },
        output: OutputConfig {
            samples: 100,
            ..config.output
        },
        oracle: Some(oracle),
        docking: Some(DockingConfig::default()),
        ..config
    }
}

/// The same with a place for a score of one's own, where some setting is about one: its values alone are
/// the reward then, as long as nothing else is said.
fn with_own_score(config: Config, settings: &[Setting], function: bool) -> Config {
    let is_own = |setting: &Setting| match setting.path.as_slice() {
        [section, key] if section == "reward" => ONE_S_OWN.contains(&key.as_str()),
        [section, ..] => section == "oracle" || section == "onnx",
        [] => false,
    };
    if config.docking.is_some() || !(function || settings.iter().any(is_own)) {
        return config;
    }
    let mut oracle = OracleConfig::default();
    let columns = settings
        .iter()
        .rev()
        .find(|s| s.path == ["oracle", "columns"]);
    if let Some(Given::Array(names)) = columns.map(|setting| &setting.value) {
        let names = names.iter().filter_map(|name| match name {
            Given::Text(name) => Some(name.clone()),
            _ => None,
        });
        oracle.columns = names.collect();
    }
    let is_onnx = |s: &Setting| s.path[0] == "onnx" || s.path == ["reward", "onnx"];
    let onnx = settings.iter().any(is_onnx).then(OnnxConfig::default);
    Config {
        onnx,
        ..own_score(config, oracle)
    }
}

/// Settings with a score of one's own, whose values are the reward.
fn own_score(config: Config, oracle: OracleConfig) -> Config {
    let properties = oracle.columns.iter().map(|c| (c.clone(), own_property()));
    Config {
        reward: RewardConfig {
            properties: properties.collect(),
            ..config.reward
        },
        oracle: Some(oracle),
        ..config
    }
}

/// All keys of a task, collected from its defaults; tables are not among them.
#[must_use]
pub fn keys_of(task: TaskName) -> Vec<String> {
    let mut all = Vec::new();
    let defaults = Config::default_for(task);
    collect(&Draft::of(task, defaults.clone()).tree, "", &mut all);
    if task == TaskName::Fragments {
        let docking = with_docking(defaults.clone());
        collect(&Draft::of(task, docking).tree, "", &mut all);
    }
    let own = Config {
        onnx: (task == TaskName::Fragments).then(OnnxConfig::default),
        ..own_score(defaults, OracleConfig::default())
    };
    collect(&Draft::of(task, own).tree, "", &mut all);
    all.sort();
    all.dedup();
    all
}

fn collect(tree: &Value, prefix: &str, all: &mut Vec<String>) {
    match tree {
        Value::Object(table) => {
            for (key, value) in table {
                let dot = if prefix.is_empty() { "" } else { "." };
                collect(value, &format!("{prefix}{dot}{key}"), all);
            }
        }
        _ => all.push(prefix.to_owned()),
    }
}

/// One value given by the user.
struct Setting {
    path: Vec<String>,
    value: Given,
    /// The characters after `=` of an argument.
    raw: Option<String>,
    place: Place,
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(ConfigError::TooLarge {
            path: path.to_owned(),
            limit: LARGEST_FILE,
        });
    }
    String::from_utf8(bytes).map_err(|error| ConfigError::NotText {
        path: path.to_owned(),
        position: error.utf8_error().valid_up_to(),
    })
}

fn read_file(name: &str, text: &str) -> Result<(TaskName, Vec<Setting>), ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let place = |offset: usize| {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place::File {
            name: name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    };
    let document = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        place: Box::new(place(error.span().map_or(0, |span| span.start))),
        message: error.message().replace('\n', "; "),
    })?;
    let mut found = Vec::new();
    flatten(document.get_ref(), &mut Vec::new(), &mut found);
    // In the order of the file, so that the first error is the topmost.
    found.sort_by_key(|(_, _, offset)| *offset);
    let settings: Vec<Setting> = found
        .into_iter()
        .map(|(path, value, offset)| Setting {
            path,
            value,
            raw: None,
            place: place(offset),
        })
        .collect();
    let task = settings
        .iter()
        .find(|setting| setting.path == ["task"])
        .ok_or_else(|| ConfigError::MissingTask {
            name: name.to_owned(),
            known: TaskName::ALL.map(TaskName::name).join(", "),
        })?;
    let allowed = keys::find("task").map_or(Allowed::Text, |key| key.allowed);
    let task = task.value.check("task", allowed, &task.place)?;
    Ok((task.as_str().unwrap_or_default().parse()?, settings))
}

type Found = (Vec<String>, Given, usize);

/// Goes into the tables that settings know; any other table stands as one value.
fn flatten(table: &DeTable<'_>, path: &mut Vec<String>, found: &mut Vec<Found>) {
    for (key, value) in table {
        let name: &str = key.get_ref();
        path.push(name.to_owned());
        match value.get_ref() {
            DeValue::Table(inner) if is_table(path) => flatten(inner, path, found),
            other => found.push((path.clone(), Given::from_toml(other), key.span().start)),
        }
        path.pop();
    }
}

fn is_table(path: &[String]) -> bool {
    match path {
        [section] => SECTIONS.iter().any(|(name, _)| name == section),
        // Descriptors, and values of one's own score whatever they are called.
        [section, name] => section == "reward" && keys::find(&format!("reward.{name}")).is_none(),
        _ => false,
    }
}

fn read_override(text: &str, settings: &mut Vec<Setting>) -> Result<(), ConfigError> {
    let place = Place::Argument(text.to_owned());
    let refuse = |message: &str| ConfigError::Argument {
        place: Box::new(place.clone()),
        message: message.to_owned(),
    };
    let (key, raw) = text
        .split_once('=')
        .ok_or_else(|| refuse("there is no = in it"))?;
    let raw = raw.trim();
    let mut path: Vec<String> = key.trim().split('.').map(str::to_owned).collect();
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if path
        .iter()
        .any(|part| part.is_empty() || !part.chars().all(is_bare))
    {
        return Err(refuse("the key must be names joined by dots"));
    }
    if raw.is_empty() {
        return Err(refuse("the value is missing"));
    }
    let mut found: Vec<Found> = Vec::new();
    match DeValue::parse(raw) {
        Ok(value) => match Spanned::into_inner(value) {
            DeValue::Table(table) if is_table(&path) => flatten(&table, &mut path, &mut found),
            value => found.push((path, Given::from_toml(&value), 0)),
        },
        Err(error) if raw.starts_with(['"', '\'', '[', '{']) || raw.contains(char::is_control) => {
            return Err(ConfigError::Syntax {
                message: error.message().replace('\n', "; "),
                place: Box::new(place),
            });
        }
        Err(_) => found.push((path, Given::Text(raw.to_owned()), 0)),
    }
    settings.extend(found.into_iter().map(|(path, value, _)| Setting {
        path,
        value,
        raw: Some(raw.to_owned()),
        place: place.clone(),
    }));
    Ok(())
}

/// Settings under way.
struct Draft {
    task: TaskName,
    /// The configuration as a tree, with every descriptor, those that are off with weight 0.
    tree: Value,
    /// Where the keys were given that do not have their default.
    places: BTreeMap<String, Place>,
}

impl Draft {
    /// From given defaults of a task.
    fn of(task: TaskName, mut config: Config) -> Self {
        if task == TaskName::Fragments {
            for descriptor in Descriptor::ALL {
                let name = descriptor.name().to_owned();
                let properties = &mut config.reward.properties;
                properties
                    .entry(name)
                    .or_insert_with(|| default_property(descriptor));
            }
            for name in Measure::OTHERS {
                let properties = &mut config.reward.properties;
                properties
                    .entry(name.to_owned())
                    .or_insert_with(|| default_measure(name));
            }
        }
        let own = config.oracle.is_some();
        let mut tree = serde_json::to_value(config).expect("plain data with string keys");
        let open: &[&str] = match (own, task) {
            (true, TaskName::Fragments) => &["command", "url", "onnx", "target", "smarts"],
            (false, TaskName::Fragments) => &["target", "smarts"],
            (true, _) => &["command", "url", "onnx"],
            (false, _) => &[],
        };
        if let Some(reward) = tree.get_mut("reward").and_then(Value::as_object_mut) {
            for key in open {
                reward.entry(*key).or_insert(Value::Null);
            }
        }
        Self {
            task,
            tree,
            places: BTreeMap::new(),
        }
    }

    fn node(&mut self, path: &[String]) -> Option<&mut Value> {
        path.iter().try_fold(&mut self.tree, |node, part| {
            node.as_object_mut().and_then(|table| table.get_mut(part))
        })
    }

    fn apply(&mut self, mut setting: Setting) -> Result<(), ConfigError> {
        // A key below one that holds a small table itself: reward.beta.uniform=[1, 64].
        if let [section, key, kind] = setting.path.as_slice()
            && keys::find(&format!("{section}.{key}")).is_some_and(|k| k.allowed == Allowed::Beta)
        {
            setting.value = Given::Table(vec![(kind.clone(), setting.value)]);
            setting.path.pop();
        }
        // `reward.qed = 2` sets the weight.
        let is_number = matches!(setting.value, Given::Integer(_) | Given::Number(_));
        if is_number && setting.path.len() == 2 && is_table(&setting.path) {
            setting.path.push("weight".to_owned());
        }
        let path = setting.path.join(".");
        let task = self.task;
        let Some(node) = self.node(&setting.path) else {
            // Of a property that is not there the name is what is wrong, not its field.
            let known = setting
                .path
                .get(..2)
                .is_some_and(|p| self.node(p).is_some());
            let path = match setting.path.as_slice() {
                [section, name, _] if section == "reward" && !known => format!("reward.{name}"),
                _ => path,
            };
            return Err(self.unknown(&path, setting.place));
        };
        let Some(key) = keys::find(&path).filter(|_| !node.is_object()) else {
            let what = if is_table(&setting.path) && setting.path.len() == 2 {
                format!("a weight, or a table such as {{weight = 1, low = 0}}: [{path}]")
            } else {
                format!("a table: [{path}]")
            };
            return Err(setting.value.refuse(&path, what, &setting.place));
        };
        // A folder may look like a number on the command line.
        if let (Allowed::Text, Some(raw), false) = (
            key.allowed,
            setting.raw,
            matches!(setting.value, Given::Text(_)),
        ) {
            setting.value = Given::Text(raw);
        }
        let value = setting.value.check(&path, key.allowed, &setting.place)?;
        if path == "task" && value != json!(task.name()) {
            return Err(ConfigError::OtherTask {
                place: Box::new(setting.place),
                task: task.to_string(),
                given: value.as_str().unwrap_or_default().to_owned(),
            });
        }
        *node = value;
        self.places.insert(path, setting.place);
        Ok(())
    }

    fn unknown(&self, path: &str, place: Place) -> ConfigError {
        let mut known = keys_of(self.task);
        let descriptors = self.tree["reward"].as_object().into_iter().flatten();
        known.extend(
            descriptors
                .filter(|(_, value)| value.is_object())
                .map(|(name, _)| format!("reward.{name}")),
        );
        let below = format!("{path}.");
        let has = |key: &String| key == path || key.starts_with(&below);
        let others = TaskName::ALL.into_iter().filter(|task| *task != self.task);
        let owners: Vec<&str> = others
            .filter(|task| keys_of(*task).iter().any(has))
            .map(TaskName::name)
            .collect();
        let section = path.rsplit_once('.').map_or("", |(section, _)| section);
        let node = section
            .split('.')
            .try_fold(&self.tree, |node, part| node.get(part))
            .and_then(Value::as_object);
        let names = |table: &Map<String, Value>| {
            let names: Vec<_> = table.keys().map(String::as_str).collect();
            names.join(", ")
        };
        let hint = match (owners.is_empty(), node) {
            (false, _) => format!(
                "It belongs to {}; this task is {}.",
                owners.join(", "),
                self.task
            ),
            (true, Some(table)) => format!("Keys of {section}: {}.", names(table)),
            (true, None) => format!(
                "Keys: {}.",
                self.tree.as_object().map_or_else(String::new, names)
            ),
        };
        ConfigError::UnknownKey {
            place: Box::new(place),
            nearest: nearest(path, known.iter().map(String::as_str)),
            key: super::error::shortened(path),
            hint,
        }
    }

    fn finish(mut self) -> Result<Config, ConfigError> {
        let places = self.places;
        if let Some(Value::Object(reward)) = self.tree.get_mut("reward") {
            for (name, property) in reward.iter().filter(|(_, value)| value.is_object()) {
                let prefix = format!("reward.{name}.");
                let given = places.iter().find(|(key, _)| key.starts_with(&prefix));
                let off = property["weight"].as_f64() == Some(0.0);
                if let (true, Some((key, place))) = (off, given)
                    && !places.contains_key(&format!("{prefix}weight"))
                {
                    return Err(ConfigError::Rule {
                        place: Box::new(place.clone()),
                        message: format!(
                            "{key} has no effect while reward.{name} is off; add \
                             reward.{name}.weight = 1 (or 0, to say that it stays off)"
                        ),
                    });
                }
            }
            reward.retain(|_, value| value.get("weight").and_then(Value::as_f64) != Some(0.0));
        }
        let config: Config =
            serde_json::from_value(self.tree).map_err(|error| ConfigError::Rule {
                place: Box::new(Place::Program),
                message: error.to_string(),
            })?;
        rules::check(&config, &places)?;
        Ok(config)
    }
}
