//! Settings: what is accepted, how layers add up, and that what is written is read back.

use anabranch_chem::Descriptor;
use anabranch_tasks::config::keys::{self, Allowed, KEYS, PROPERTY_KEYS};
use anabranch_tasks::config::parse::keys_of;
use anabranch_tasks::config::schema::{BetaConfig, BetaDistribution, ReplayKind};
use anabranch_tasks::config::{
    Config, ConfigError, Source, TaskName, load, to_commented_toml, to_toml, validate,
};

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

#[test]
fn every_default_is_valid_and_round_trips() {
    for task in TaskName::ALL {
        let config = of(task, &[]).unwrap();
        assert_eq!(config, Config::default_for(task));
        validate(&config).unwrap();
        assert_eq!(file(&to_toml(&config)).unwrap(), config);
        assert_eq!(file(&to_commented_toml(&config)).unwrap(), config);
        assert_eq!(file(&format!("task = \"{task}\"")).unwrap(), config);
    }
}

#[test]
fn changed_settings_round_trip_exactly() {
    for arguments in [
        &["reward.sa=0", "reward.logp=0.30000000000000004"][..],
        &[
            "reward.beta={log_uniform=[1, 96]}",
            "seed=9223372036854775807",
        ],
        &[
            "reward.beta.gamma=[2.5, 0.1]",
            "optimizer.learning_rate=1e-300",
        ],
        &[
            "output.folder=\"a \\\"b\\\" \\n # = [c]\"",
            "env.vocabulary=mine.json",
        ],
        &["reward.tpsa={weight=2, margin=1.5}", "reward.combine=sum"],
        &[
            "replay.kind=uniform",
            "policy.log_z=-3",
            "policy.shared_trunk=false",
        ],
    ] {
        let config = given(arguments).unwrap();
        validate(&config).unwrap();
        assert_eq!(
            file(&to_toml(&config)).unwrap(),
            config,
            "{}",
            to_toml(&config)
        );
        assert_eq!(file(&to_commented_toml(&config)).unwrap(), config);
    }
}

#[test]
fn every_key_has_a_text_and_every_text_a_key() {
    let mut seen = Vec::new();
    for task in TaskName::ALL {
        for path in keys_of(task) {
            let key = keys::find(&path).unwrap_or_else(|| panic!("{path} has no text"));
            assert!(key.text.ends_with('.'), "{path}: {:?}", key.text);
            seen.push(path);
        }
    }
    for key in KEYS {
        assert!(
            seen.iter().any(|path| path == key.path),
            "{} is no setting",
            key.path
        );
    }
    for key in PROPERTY_KEYS {
        assert!(
            seen.contains(&format!("reward.logp.{}", key.path)),
            "{}",
            key.path
        );
    }
}

#[test]
fn the_names_in_the_table_are_those_of_the_schema() {
    for key in KEYS {
        let Allowed::Choice(names) = key.allowed else {
            continue;
        };
        if key.path == "task" {
            assert_eq!(names, TaskName::ALL.map(TaskName::name));
            continue;
        }
        let task = TaskName::ALL
            .into_iter()
            .find(|task| keys_of(*task).iter().any(|path| path == key.path))
            .unwrap();
        // What these two wait for.
        let with: &[&str] = match key.path.split_once('.') {
            Some(("onnx", _)) => &["reward.onnx=model.onnx", "onnx.descriptors=[\"mw\"]"],
            _ => &[],
        };
        for name in names {
            let given = format!("{}={name}", key.path);
            let with = match *name {
                "morgan" => &with[..1],
                _ => with,
            };
            of(task, &[with, &[&given]].concat()).unwrap();
        }
    }
    for name in ["higher", "lower", "window"] {
        given(&[&format!("reward.qed.direction={name}")]).unwrap();
    }
}

#[test]
fn dry_run_prints_an_explanation_above_every_key() {
    for task in TaskName::ALL {
        let text = to_commented_toml(&Config::default_for(task));
        let mut above = "";
        for line in text.lines() {
            assert!(
                line.chars().count() <= 110 || !line.starts_with('#'),
                "{line}"
            );
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(above.starts_with("# "), "nothing above {line}");
            }
            above = line;
        }
        if task == TaskName::Fragments {
            for descriptor in Descriptor::ALL {
                assert!(text.contains(&format!("\n{} = {{ weight", descriptor.name())));
            }
        }
    }
}

#[test]
fn later_layers_win() {
    let source = Source::text(
        "my.toml",
        "task = 'fragments'\nsteps = 7\n[reward]\nqed = 2\n[reward.mw]\nhigh = 450\n",
    );
    let config = load(
        source,
        &[
            "steps=8".into(),
            "steps=9".into(),
            "reward.mw.low=150".into(),
        ],
    );
    let config = config.unwrap();
    assert_eq!(config.steps, 9);
    assert_eq!(config.reward.properties["qed"].weight, 2.0);
    let mw = &config.reward.properties["mw"];
    assert_eq!(
        (mw.weight, mw.low, mw.high, mw.margin),
        (1.0, 150.0, 450.0, 150.0)
    );
    assert_eq!(config.batch, Config::default_for(TaskName::Fragments).batch);
}

#[test]
fn arguments_take_words_tables_and_shorthands() {
    let config = given(&[
        "reward.logp=1",
        "reward.sa = 0",
        "replay.kind=prioritised",
        "output.folder=2024",
        "reward.beta={ uniform = [1, 64] }",
        "optimizer={learning_rate=1e-4, clip_norm=0}",
    ])
    .unwrap();
    let logp = &config.reward.properties["logp"];
    assert_eq!(
        (logp.weight, logp.low, logp.high, logp.margin),
        (1.0, -0.5, 5.0, 2.0)
    );
    assert!(!config.reward.properties.contains_key("sa"));
    assert_eq!(config.replay.kind, ReplayKind::Prioritised);
    assert_eq!(config.output.folder.to_str(), Some("2024"));
    let drawn = BetaConfig::Drawn(BetaDistribution::Uniform([1.0, 64.0]));
    assert_eq!(config.reward.beta, drawn);
    assert_eq!(config.optimizer.learning_rate, 1e-4);
    let same = given(&["reward.beta.uniform=[1,64]"]).unwrap();
    assert_eq!(same.reward.beta, config.reward.beta);
}

/// xorshift64*; the same garbage every time.
struct Garbage(u64);

impl Garbage {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }
}

#[test]
fn garbage_never_panics() {
    let pieces = [
        "reward",
        "qed",
        ".",
        "=",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "\n",
        "1",
        "-",
        "e9",
        "nan",
        "é",
        "task",
        "fragments",
        "beta",
        "uniform",
        ",",
        "#",
        " ",
        "\u{0}",
        "true",
        "0x",
        "_",
        "steps",
        "env",
        "1979-05-27",
        "\\u",
        "\u{feff}",
        "weight",
    ];
    let valid: Vec<char> = to_commented_toml(&Config::default_for(TaskName::Fragments))
        .chars()
        .collect();
    let mut garbage = Garbage(20_260_101);
    for round in 0..3000 {
        let length = garbage.below(24);
        let text: String = (0..length)
            .map(|_| pieces[garbage.below(pieces.len())])
            .collect();
        let _ = given(&[&text]);
        let _ = given(&[&format!("reward.{text}=1"), &format!("reward.beta={text}")]);
        let _ = file(&text);
        let _ = file(&format!("task = 'fragments'\n{text}"));
        if round % 10 == 0 {
            let mut broken = valid.clone();
            for _ in 0..=garbage.below(4) {
                let piece = pieces[garbage.below(pieces.len())];
                let at = garbage.below(broken.len());
                let end = (at + garbage.below(3)).min(broken.len());
                broken.splice(at..end, piece.chars());
            }
            if let Ok(config) = file(&broken.into_iter().collect::<String>()) {
                validate(&config).unwrap();
                assert_eq!(file(&to_toml(&config)).unwrap(), config);
            }
        }
    }
    for depth in [100, 100_000] {
        let _ = file(&format!("task = 'fragments'\nx = {}", "[".repeat(depth)));
        let _ = file(&format!("task = 'fragments'\n[{}a]", "a.".repeat(depth)));
        let _ = given(&[&format!("{}a=1", "a.".repeat(depth))]);
        let _ = given(&[&format!("a={}", "{a=".repeat(depth))]);
    }
}
