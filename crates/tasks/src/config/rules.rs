//! Settings that must fit together.

use std::collections::BTreeMap;

use anabranch_chem::Descriptor;
use anabranch_oracles::Measure;
use serde_json::Value;

use super::error::{ConfigError, Place, nearest};
use super::keys;
use super::onnx::FeaturesName;
use super::parse::DOCKING;
use super::schema::{
    BitSequenceConfig, Combine, Config, DagConfig, Direction, EnvConfig, NetworkName,
    ObjectiveName, PropertyConfig, ReplayConfig, ReplayKind, RewardConfig, SequencesConfig,
    TaskName,
};
use super::value::Given;

/// Checks settings that a program has built or changed: every range and every rule.
///
/// # Errors
/// [`ConfigError`] for the first thing that is wrong.
pub fn validate(config: &Config) -> Result<(), ConfigError> {
    let tree = serde_json::to_value(config).expect("plain data with string keys");
    for name in config.reward.properties.keys() {
        let own = config
            .oracle
            .as_ref()
            .is_some_and(|o| o.columns.contains(name));
        if !own && !is_measure(name) {
            let known = Descriptor::ALL.map(Descriptor::name).into_iter();
            let known: Vec<&str> = known.chain(Measure::OTHERS).collect();
            return Err(ConfigError::UnknownName {
                place: Box::new(Place::Program),
                key: "reward".to_owned(),
                value: format!("{name:?}"),
                nearest: nearest(name, known.iter().copied()),
                known: known.join(", "),
            });
        }
    }
    check_ranges(&tree, "")?;
    check(config, &BTreeMap::new())
}

/// Whether a name is that of something that is measured of molecules here.
fn is_measure(name: &str) -> bool {
    Descriptor::parse(name).is_ok() || Measure::OTHERS.contains(&name)
}

fn check_ranges(tree: &Value, path: &str) -> Result<(), ConfigError> {
    if let Some(key) = keys::find(path) {
        return Given::from_json(tree)
            .check(path, key.allowed, &Place::Program)
            .map(|_| ());
    }
    for (name, value) in tree.as_object().into_iter().flatten() {
        let dot = if path.is_empty() { "" } else { "." };
        check_ranges(value, &format!("{path}{dot}{name}"))?;
    }
    Ok(())
}

/// What does not fit: the keys it is about, and the sentence.
type Broken = (Vec<String>, String);

/// The rules across settings; `places` says where keys were given.
pub(crate) fn check(config: &Config, places: &BTreeMap<String, Place>) -> Result<(), ConfigError> {
    let Some((keys, message)) = first_broken(config) else {
        return Ok(());
    };
    let given = keys
        .iter()
        .flat_map(|key| {
            let prefix = format!("{key}.");
            places
                .iter()
                .filter(move |(given, _)| *given == key || given.starts_with(&prefix))
        })
        .map(|(_, place)| place);
    // An argument is a likelier cause than a line of a file, and later than it.
    let place = given.max_by_key(|place| match place {
        Place::Argument(_) => (2, 0),
        Place::File { line, .. } => (1, *line),
        Place::Program => (0, 0),
    });
    Err(ConfigError::Rule {
        place: Box::new(place.cloned().unwrap_or(Place::Program)),
        message,
    })
}

fn first_broken(config: &Config) -> Option<Broken> {
    let fits = matches!(
        (config.task, &config.env),
        (TaskName::Fragments, EnvConfig::Fragments(_))
            | (TaskName::Hypergrid, EnvConfig::Hypergrid(_))
            | (TaskName::BitSequence, EnvConfig::BitSequence(_))
            | (TaskName::Tfbind8 | TaskName::Qm9, EnvConfig::Table(_))
            | (TaskName::Dag, EnvConfig::Dag(_))
            | (TaskName::Sequences, EnvConfig::Sequences(_))
    );
    if !fits {
        return broken(
            &["task", "env"],
            format!("env is not of the task {}", config.task),
        );
    }
    env_rule(config)
        .or_else(|| reward_rule(config))
        .or_else(|| objective_rule(config))
        .or_else(|| replay_rule(&config.replay))
}

fn broken(keys: &[&str], message: String) -> Option<Broken> {
    Some((keys.iter().map(|&key| key.to_owned()).collect(), message))
}

fn env_rule(config: &Config) -> Option<Broken> {
    match &config.env {
        EnvConfig::Fragments(_) => heads_rule(config),
        EnvConfig::Sequences(sequences) => sequences_rule(sequences).or_else(|| {
            let attends = config.policy.network == Some(NetworkName::Transformer);
            attends.then(|| heads_rule(config)).flatten()
        }),
        EnvConfig::BitSequence(bits) => bit_rule(bits),
        EnvConfig::Dag(dag) => dag_rule(dag),
        EnvConfig::Hypergrid(_) | EnvConfig::Table(_) => None,
    }
}

/// Attention divides tokens among its heads.
fn heads_rule(config: &Config) -> Option<Broken> {
    let (width, heads) = (config.policy.width, config.policy.heads);
    if width.is_multiple_of(heads) {
        return None;
    }
    let wider = width.div_ceil(heads) * heads;
    broken(
        &["policy.width", "policy.heads"],
        format!(
            "policy.width = {width} is not a multiple of policy.heads = {heads}; take a width of {wider}"
        ),
    )
}

fn sequences_rule(config: &SequencesConfig) -> Option<Broken> {
    let (min, max) = (config.min_length, config.max_length);
    if min > max {
        return broken(
            &["env.min_length", "env.max_length"],
            format!(
                "env.min_length = {min} is over env.max_length = {max}; raise the one or lower the other"
            ),
        );
    }
    if let Err(error) = crate::sequences::Alphabet::parse(&config.alphabet) {
        return broken(&["env.alphabet"], error.to_string());
    }
    None
}

fn bit_rule(config: &BitSequenceConfig) -> Option<Broken> {
    let BitSequenceConfig {
        bits, word, modes, ..
    } = *config;
    if !bits.is_multiple_of(8) {
        return broken(
            &["env.bits"],
            format!(
                "env.bits = {bits} is not a multiple of 8; take {}",
                bits.div_ceil(8) * 8
            ),
        );
    }
    if !bits.is_multiple_of(word) {
        let divisors: Vec<_> = (1..=16)
            .filter(|k| bits.is_multiple_of(*k))
            .map(|k| k.to_string())
            .collect();
        return broken(
            &["env.bits", "env.word"],
            format!(
                "env.word = {word} does not divide env.bits = {bits}; take one of {}",
                divisors.join(", ")
            ),
        );
    }
    // Modes are made of five 8-bit words (arXiv 2201.13259, section 3.3).
    let most = 5usize.saturating_pow(u32::try_from(bits / 8).unwrap_or(u32::MAX));
    if modes > most {
        return broken(
            &["env.bits", "env.modes"],
            format!("env.modes = {modes} is over the {most} modes that {bits} bits can have"),
        );
    }
    None
}

fn dag_rule(config: &DagConfig) -> Option<Broken> {
    let most = (config.variables as f64 - 1.0) / 2.0;
    if config.data == "random" && config.edges_per_variable > most {
        return broken(
            &["env.edges_per_variable", "env.variables"],
            format!(
                "env.edges_per_variable = {:?} is over {most:?}, which is every pair of {} variables",
                config.edges_per_variable, config.variables
            ),
        );
    }
    None
}

fn reward_rule(config: &Config) -> Option<Broken> {
    let properties = &config.reward.properties;
    let docks =
        config.task == TaskName::Fragments && config.reward.built_in.as_deref() == Some(DOCKING);
    for (key, given, task) in [
        (
            "reward.built_in",
            config.reward.built_in.is_some() && !docks,
            TaskName::Sequences,
        ),
        (
            "policy.network",
            config.policy.network.is_some(),
            TaskName::Sequences,
        ),
    ] {
        if given && config.task != task {
            let message = format!("{key} belongs to {task}; this task is {}", config.task);
            return broken(&[key], message);
        }
    }
    let found = docking_rule(config, docks)
        .or_else(|| own_score_rule(config))
        .or_else(|| onnx_rule(config));
    if found.is_some() {
        return found;
    }
    if let Some(broken) = measure_rule(config) {
        return Some(broken);
    }
    let is_own = |name: &String| {
        config
            .oracle
            .as_ref()
            .is_some_and(|o| o.columns.contains(name))
    };
    if config.task != TaskName::Fragments {
        let name = properties.keys().find(|name| !is_own(name))?;
        return broken(
            &["reward"],
            format!(
                "reward.{name} is a property of molecules; the task {} has none",
                config.task
            ),
        );
    }
    if properties.values().all(|property| property.weight == 0.0) {
        return broken(
            &["reward"],
            "every property has weight 0, so all objects are worth the same; give one a weight, \
             for example reward.qed = 1"
                .to_owned(),
        );
    }
    for (name, property) in properties {
        let PropertyConfig { low, high, .. } = property;
        let ordered = matches!(
            property.direction,
            Direction::Higher | Direction::Lower | Direction::Window
        );
        if property.direction == Direction::Sigmoid && low == high {
            return broken(
                &[&format!("reward.{name}.low")],
                format!(
                    "reward.{name} is a sigmoid from {low:?} to {high:?}; its ends must differ"
                ),
            );
        }
        if ordered && low >= high {
            return broken(
                &[
                    &format!("reward.{name}.low"),
                    &format!("reward.{name}.high"),
                ],
                format!("reward.{name}.low = {low:?} must be below reward.{name}.high = {high:?}"),
            );
        }
    }
    None
}

fn objective_rule(config: &Config) -> Option<Broken> {
    if config.objective.name == ObjectiveName::LogPartitionVariance && config.batch < 2 {
        return broken(
            &["batch", "objective.name"],
            "log_partition_variance compares trajectories; it needs a batch of at least 2"
                .to_owned(),
        );
    }
    None
}

fn replay_rule(replay: &ReplayConfig) -> Option<Broken> {
    let ReplayConfig {
        kind,
        capacity,
        batch,
        warmup,
    } = *replay;
    if kind == ReplayKind::Off {
        return None;
    }
    if capacity < warmup {
        return broken(
            &["replay.capacity", "replay.warmup"],
            format!(
                "replay.capacity = {capacity} is below replay.warmup = {warmup}: replay would never \
                 begin; raise the capacity or lower the warmup"
            ),
        );
    }
    if warmup < batch {
        return broken(
            &["replay.warmup", "replay.batch"],
            format!(
                "replay.warmup = {warmup} is below replay.batch = {batch}: the first draw would be \
                 larger than what is kept; raise the warmup to {batch}"
            ),
        );
    }
    None
}

/// Docking has a receptor, a box and one column.
fn docking_rule(config: &Config, docks: bool) -> Option<Broken> {
    let (reward, oracle) = (&config.reward, config.oracle.as_ref());
    let Some(docking) = &config.docking else {
        return docks.then(|| {
            let message = "reward.built_in is docking and the section docking is not given; add it with \
                           receptor and box";
            (vec!["reward.built_in".to_owned()], message.to_owned())
        });
    };
    if !docks {
        return broken(
            &["docking", "reward.built_in"],
            "the section docking is given and reward.built_in is not docking; set it".to_owned(),
        );
    }
    for (key, value, example) in [
        ("docking.receptor", &docking.receptor, "PARP1.pdbqt.gz"),
        ("docking.box", &docking.search_box, "PARP1.box.txt"),
    ] {
        if value.is_empty() {
            return broken(
                &["reward.built_in"],
                format!(
                    "reward.built_in is docking and {key} is not given; set it, for example {key}={example}"
                ),
            );
        }
    }
    if !own_score_keys(reward).is_empty() {
        return broken(
            &["reward.command", "reward.url", "reward.onnx"],
            "reward.built_in=docking is given beside reward.command, reward.url or reward.onnx; keep one"
                .to_owned(),
        );
    }
    let named = oracle.is_some_and(|oracle| oracle.columns == ["affinity"]);
    if !named {
        return broken(
            &["oracle.columns"],
            "docking has one value, oracle.columns = [\"affinity\"]; leave the key out".to_owned(),
        );
    }
    None
}

/// Similarity has a target and substructure a pattern, both readable.
fn measure_rule(config: &Config) -> Option<Broken> {
    let reward = &config.reward;
    for (name, key, texts, example) in [
        (
            "similarity",
            "reward.target",
            &reward.target,
            "reward.target=\"CC(=O)Oc1ccccc1C(=O)O\"",
        ),
        (
            "substructure",
            "reward.smarts",
            &reward.smarts,
            "reward.smarts=\"C(=O)[OH]\"",
        ),
    ] {
        let wanted = reward.properties.get(name).is_some_and(|p| p.weight > 0.0);
        let Some(texts) = texts else {
            if wanted {
                let message = format!(
                    "reward.{name} is on and {key} is not given; set it, for example {example}"
                );
                return broken(&[&format!("reward.{name}")], message);
            }
            continue;
        };
        if config.task != TaskName::Fragments {
            let message = format!("{key} belongs to fragments; this task is {}", config.task);
            return broken(&[key], message);
        }
        if !wanted {
            return broken(
                &[key],
                format!("{key} has no effect while reward.{name} is off; add reward.{name}=1"),
            );
        }
        let read = match name {
            "similarity" => Measure::similarity(texts),
            _ => Measure::substructure(texts),
        };
        if let Err(error) = read {
            return broken(&[key], format!("{key}: {error}"));
        }
    }
    None
}

/// The key that says who scores, where it is nobody of the calling program.
pub(crate) fn scored_elsewhere(config: &Config) -> Option<&'static str> {
    let reward = &config.reward;
    let built_in = reward
        .built_in
        .as_deref()
        .is_some_and(|name| name != "none");
    let given = own_score_keys(reward).into_iter();
    given.chain(built_in.then_some("reward.built_in")).next()
}

/// The keys that are given of those that say who scores.
fn own_score_keys(reward: &RewardConfig) -> Vec<&'static str> {
    let keys = [
        ("reward.command", reward.command.is_some()),
        ("reward.url", reward.url.is_some()),
        ("reward.onnx", reward.onnx.is_some()),
    ];
    let given = keys.into_iter().filter(|(_, given)| *given);
    given.map(|(key, _)| key).collect()
}

/// A model in an ONNX file has features, and molecules to score.
fn onnx_rule(config: &Config) -> Option<Broken> {
    let (model, onnx) = match (&config.reward.onnx, &config.onnx) {
        (None, None) => return None,
        (Some(_), None) => {
            return broken(
                &["reward.onnx"],
                "reward.onnx is given and the section onnx is not; add it".to_owned(),
            );
        }
        (None, Some(_)) => {
            return broken(
                &["onnx", "reward.onnx"],
                "the section onnx is given and reward.onnx is not; set it to a model, for example \
                 reward.onnx=model.onnx"
                    .to_owned(),
            );
        }
        (Some(model), Some(onnx)) => (model, onnx),
    };
    if config.task != TaskName::Fragments {
        return broken(
            &["reward.onnx"],
            format!(
                "reward.onnx = {model:?} scores molecules, so it belongs to fragments; this task is {}: score its \
                 objects with a program (reward.command)",
                config.task
            ),
        );
    }
    for (i, name) in onnx.descriptors.iter().enumerate() {
        if let Err(error) = Descriptor::parse(name) {
            return broken(&["onnx.descriptors"], format!("onnx.descriptors: {error}"));
        }
        if onnx.descriptors[..i].contains(name) {
            return broken(
                &["onnx.descriptors"],
                format!(
                    "onnx.descriptors has {name:?} twice; name each once, in the order of the model"
                ),
            );
        }
    }
    match (onnx.features, onnx.descriptors.is_empty()) {
        (FeaturesName::Descriptors, true) => broken(
            &["onnx.features"],
            "onnx.features is descriptors and onnx.descriptors is empty; name them in the order of the model, for \
             example onnx.descriptors='[\"mw\", \"logp\"]'"
                .to_owned(),
        ),
        (FeaturesName::Morgan, false) => broken(
            &["onnx.descriptors"],
            "onnx.descriptors has no effect while onnx.features is morgan; add onnx.features=descriptors".to_owned(),
        ),
        _ => None,
    }
}

/// A score of one's own has somebody who gives it, and its values have names of their own.
fn own_score_rule(config: &Config) -> Option<Broken> {
    let reward = &config.reward;
    let given = own_score_keys(reward);
    let Some(oracle) = &config.oracle else {
        let key = given.first()?;
        return broken(
            &[key],
            format!("{key} is given and the section oracle is not"),
        );
    };
    if let [one, other, ..] = given[..] {
        return broken(
            &[one, other],
            format!("{one} and {other} are both given; keep one"),
        );
    }
    if reward
        .built_in
        .as_deref()
        .is_some_and(|name| name != "none" && name != DOCKING)
    {
        return broken(
            &["reward.built_in"],
            "reward.built_in is given beside a score of one's own; keep one".to_owned(),
        );
    }
    for (i, name) in oracle.columns.iter().enumerate() {
        let taken = is_measure(name) || keys::find(&format!("reward.{name}")).is_some();
        if taken {
            return broken(
                &["oracle.columns"],
                format!(
                    "oracle.columns has {name:?}, which is the name of a setting or a descriptor; give the \
                     value another name, such as \"my_{name}\""
                ),
            );
        }
        if oracle.columns[..i].contains(name) {
            return broken(
                &["oracle.columns"],
                format!("oracle.columns has {name:?} twice; name each value once"),
            );
        }
    }
    if reward.combine == Combine::Tchebycheff
        && let Some((name, _)) = reward
            .properties
            .iter()
            .find(|(_, property)| property.direction == Direction::Raw)
    {
        return broken(
            &["reward.combine"],
            format!(
                "reward.combine = tchebycheff measures how far scores are from 1, and reward.{name} is raw; \
                 give it another direction with low and high"
            ),
        );
    }
    None
}
