//! Settings that are refused, and what the refusal says.

use anabranch_tasks::config::schema::BetaConfig;
use anabranch_tasks::config::{Config, ConfigError, Source, TaskName, load, to_toml, validate};

fn given(arguments: &[&str]) -> Result<Config, ConfigError> {
    of(TaskName::Fragments, arguments)
}

fn of(task: TaskName, arguments: &[&str]) -> Result<Config, ConfigError> {
    let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
    load(Source::Task(task), &arguments)
}

fn file(text: &str) -> Result<Config, ConfigError> {
    load(Source::text("my.toml", text), &[])
}

#[track_caller]
fn refused(result: Result<Config, ConfigError>, parts: &[&str]) {
    let text = result.expect_err("must be refused").to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn unknown_keys_name_the_nearest_one() {
    let near = |argument: &str, nearest: &str| {
        refused(
            given(&[argument]),
            &["unknown key", &format!("did you mean \"{nearest}\"?")],
        );
    };
    near("stepz=5", "steps");
    near("learning_rate=1", "optimizer.learning_rate");
    near("lr=1", "optimizer.learning_rate");
    near("reward.qde=1", "reward.qed");
    near("reward.logP=1", "reward.logp");
    near("policy.widht=8", "policy.width");
    near("exploration.eps=0.1", "exploration.epsilon");
    near("reward.mw.hihg=5", "reward.mw.high");
    near("output.checkpoints=5", "output.keep_checkpoints");
    refused(
        given(&["env.dims=3"]),
        &["It belongs to hypergrid; this task is fragments"],
    );
    refused(
        of(TaskName::Hypergrid, &["reward.qed=1"]),
        &["It belongs to fragments"],
    );
    refused(
        file("task = 'fragments'\n\n[outputs]\nsamples = 3"),
        &["my.toml:3:2", "\"output"],
    );
    refused(
        file("task = 'fragments'\n[reward]\n  qedd = 3"),
        &[
            "my.toml:3:3",
            "\"reward.qedd\"",
            "did you mean \"reward.qed\"?",
            "Keys of reward: ",
        ],
    );
}

#[test]
fn wrong_types_and_ranges_say_what_is_allowed() {
    refused(
        given(&["steps=-5"]),
        &["steps = -5", "a whole number from 1 to 1000000000"],
    );
    refused(given(&["steps=2.5"]), &["steps = 2.5", "a whole number"]);
    refused(given(&["steps=1e3"]), &["a whole number"]);
    refused(
        given(&["steps=many"]),
        &["steps = \"many\"", "argument `steps=many`"],
    );
    refused(
        given(&["seed=9223372036854775808"]),
        &["from 0 to 9223372036854775807"],
    );
    refused(
        given(&["seed=99999999999999999999999999999999999999999999"]),
        &["a whole number"],
    );
    refused(given(&["batch=0"]), &["from 1 to 65536"]);
    refused(
        given(&["reward.qed=nan"]),
        &["reward.qed.weight = nan", "a number from 0.0"],
    );
    refused(given(&["reward.floor=inf"]), &["inf"]);
    refused(given(&["reward.floor=1e999"]), &["above 0.0 to below 1.0"]);
    refused(given(&["reward.floor=0"]), &["above 0.0 to below 1.0"]);
    refused(given(&["reward.qed=-1"]), &["-1"]);
    refused(given(&["exploration.lag=1"]), &["from 0.0 to below 1.0"]);
    refused(given(&["exploration.epsilon=1.5"]), &["from 0.0 to 1.0"]);
    refused(given(&["exploration.temperature=0"]), &["above 0.0"]);
    refused(given(&["env.max_nodes=17"]), &["from 1 to 16"]);
    refused(given(&["policy.shared_trunk=1"]), &["true or false"]);
    refused(given(&["output.folder=\"\""]), &["not empty"]);
    refused(given(&["output.keep_checkpoints=0"]), &["from 1"]);
    refused(
        given(&["output.checkpoint_every=1979-05-27"]),
        &["1979-05-27"],
    );
    refused(given(&["reward=3"]), &["a table: [reward]"]);
    refused(given(&["reward.qed=high"]), &["a weight, or a table"]);
    refused(given(&["env=[1]"]), &["a table: [env]"]);
    refused(of(TaskName::Hypergrid, &["env.side=1"]), &["from 2"]);
    refused(of(TaskName::Hypergrid, &["env.dims=0"]), &["from 1"]);
    refused(
        file("task = 'fragments'\nsteps = '5'"),
        &["my.toml:2:1", "steps = \"5\""],
    );
    refused(
        given(&["objective.name=trajectory_ballance"]),
        &[
            "did you mean \"trajectory_balance\"?",
            "detailed_balance, sub_trajectory_balance",
        ],
    );
    refused(
        given(&["objective.name=tb"]),
        &["did you mean \"trajectory_balance\"?"],
    );
    refused(
        given(&["replay.kind=prioritized"]),
        &["did you mean \"prioritised\"?"],
    );
    // A whole number where a number is expected is one.
    assert_eq!(
        given(&["reward.beta=16"]).unwrap().reward.beta,
        BetaConfig::Fixed(16.0)
    );
}

#[test]
fn inverse_temperatures_are_positive_and_ordered() {
    for beta in [
        "0",
        "-1",
        "nan",
        "{uniform=[2, 1]}",
        "{uniform=[1, 1]}",
        "{log_uniform=[0, 1]}",
        "{gamma=[1]}",
        "{gamma=[1, -2]}",
        "{beta=[1, nan]}",
        "{uniform=[1,2], beta=[1,2]}",
        "{}",
        "[1, 2]",
        "true",
        "{gamma=3}",
    ] {
        refused(
            given(&[&format!("reward.beta={beta}")]),
            &["reward.beta = "],
        );
    }
    refused(
        given(&["reward.beta={unifrom=[1,2]}"]),
        &["did you mean \"uniform\"?"],
    );
    refused(
        given(&["reward.beta.unifrom=[1,2]"]),
        &["did you mean \"uniform\"?"],
    );
    refused(given(&["reward.beta={uniform=[2,1]}"]), &["low below high"]);
}

#[test]
fn settings_must_fit_together() {
    refused(
        given(&["policy.heads=3"]),
        &["argument `policy.heads=3`", "take a width of 66"],
    );
    refused(
        given(&["reward.qed=0", "reward.sa=0", "reward.mw=0"]),
        &["every property has weight 0"],
    );
    refused(
        file("task='fragments'\n[reward.mw]\nlow = 600"),
        &[
            "my.toml:3:1",
            "reward.mw.low = 600.0 must be below reward.mw.high = 500.0",
        ],
    );
    refused(
        given(&["reward.logp.low=1"]),
        &["no effect", "reward.logp.weight = 1"],
    );
    given(&["reward.logp.low=1", "reward.logp=0"]).unwrap();
    let lpv = "objective.name=log_partition_variance";
    refused(given(&[lpv, "batch=1"]), &["a batch of at least 2"]);
    given(&[lpv, "batch=2"]).unwrap();
    refused(
        given(&["replay.kind=uniform", "replay.capacity=10"]),
        &["is below replay.warmup"],
    );
    refused(
        given(&["replay.kind=uniform", "replay.warmup=10"]),
        &["raise the warmup to 16"],
    );
    given(&["replay.capacity=10"]).unwrap();
    let bits = TaskName::BitSequence;
    refused(
        of(bits, &["env.word=7"]),
        &["does not divide env.bits = 120", "1, 2, 3, 4, 5, 6, 8"],
    );
    refused(
        of(bits, &["env.bits=100"]),
        &["not a multiple of 8; take 104"],
    );
    refused(of(bits, &["env.bits=8"]), &["the 5 modes"]);
}

#[test]
fn files_and_arguments_that_are_none_are_refused() {
    refused(
        file(""),
        &["my.toml", "the task is missing", "task = \"fragments\""],
    );
    refused(
        file("task = 'fragment'"),
        &["my.toml:1:1", "did you mean \"fragments\"?"],
    );
    refused(file("task = 3"), &["task = 3"]);
    refused(
        file("task = 'fragments'\nsteps = = 3"),
        &["my.toml:2:9", "not valid TOML"],
    );
    refused(
        file("task = 'fragments'\nsteps = 1\nsteps = 2"),
        &["my.toml:3", "not valid TOML"],
    );
    refused(given(&["steps"]), &["there is no = in it"]);
    refused(given(&["steps="]), &["the value is missing"]);
    refused(given(&["=5"]), &["names joined by dots"]);
    refused(given(&["a..b=5"]), &["names joined by dots"]);
    refused(given(&["reward.beta={uniform=[1"]), &["not valid TOML"]);
    refused(
        given(&["task=hypergrid"]),
        &["the task is fragments already"],
    );
    given(&["task=fragments"]).unwrap();
    refused(
        load(Source::File("none/such.toml".into()), &[]),
        &["none/such.toml", "cannot read"],
    );
    refused(load(Source::File(".".into()), &[]), &["cannot read"]);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.toml");
    std::fs::write(&path, b"task = 'fragments'\xff").unwrap();
    refused(
        load(Source::File(path.clone()), &[]),
        &["byte 18 is not UTF-8"],
    );
    std::fs::write(&path, vec![b'#'; 2 << 20]).unwrap();
    refused(
        load(Source::File(path.clone()), &[]),
        &["not a settings file"],
    );
    std::fs::write(&path, "task = 'hypergrid'").unwrap();
    assert_eq!(
        load(Source::File(path), &[]).unwrap().task,
        TaskName::Hypergrid
    );

    assert_eq!(
        Source::from_argument("hypergrid").unwrap(),
        Source::Task(TaskName::Hypergrid)
    );
    let named = Source::from_argument("mine.toml").unwrap();
    assert_eq!(named, Source::File("mine.toml".into()));
    let error = Source::from_argument("hypergird").unwrap_err().to_string();
    assert!(error.contains("did you mean \"hypergrid\"?"), "{error}");
}

#[test]
fn settings_changed_by_a_program_are_checked_too() {
    let mut config = Config::default_for(TaskName::Fragments);
    config.reward.floor = f64::NAN;
    let error = validate(&config).unwrap_err().to_string();
    assert!(error.contains("reward.floor = nan"), "{error}");
    let mut config = Config::default_for(TaskName::Fragments);
    let property = config.reward.properties["qed"].clone();
    config.reward.properties.insert("qeed".into(), property);
    assert!(
        validate(&config)
            .unwrap_err()
            .to_string()
            .contains("\"qed\"")
    );
    let mut config = Config::default_for(TaskName::Fragments);
    config.env = Config::default_for(TaskName::Hypergrid).env;
    assert!(validate(&config).is_err());
    config.seed = u64::MAX;
    assert!(to_toml(&config).contains("seed = 18446744073709551615"));
}
