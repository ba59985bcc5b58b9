//! The task `sequences`: learning against exact figures, interruption, what is refused.

use std::path::Path;

use anabranch_core::Seed;
use anabranch_envs::sequence::{AppendSequence, EdgeCount, Insertion, Letters, PrependAppend};
use anabranch_learn::run::CheckpointStore;
use anabranch_tasks::Result;
use anabranch_tasks::config::{Config, ConfigError, Source, TaskName, load};
use anabranch_tasks::evaluate::{Evaluation, EvaluationSize, evaluate};
use anabranch_tasks::own_score::Surroundings;
use anabranch_tasks::runs;
use anabranch_tasks::sampler::Sampler;
use anabranch_tasks::sequences::{Alphabet, SequenceScore, SequencesTask, Worth};
use anabranch_tasks::task::{Column, Task};
use anabranch_tasks::train::{Wish, train};

fn of(arguments: &[&str]) -> std::result::Result<Config, ConfigError> {
    let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
    load(Source::Task(TaskName::Sequences), &arguments)
}

/// Share of letters that equal the one before, and a bonus for each `b`.
struct Runs;

impl SequenceScore for Runs {
    fn columns(&self) -> Vec<Column> {
        Vec::new()
    }

    fn score(&self, text: &str) -> Result<Worth> {
        let equal = text.as_bytes().windows(2).filter(|w| w[0] == w[1]).count();
        let b = text.matches('b').count();
        Ok(Worth {
            reward: (0.1 + 0.15 * equal as f64 + 0.05 * b as f64).min(1.0),
            values: Vec::new(),
        })
    }

    fn fits(&self, _: &Alphabet, _: usize, _: usize) -> Result<()> {
        Ok(())
    }
}

fn trained<T: Task>(task: &T, arguments: &[&str]) -> Evaluation {
    let folder = tempfile::tempdir().unwrap();
    let place = format!("output.folder={}", folder.path().display());
    let base = [
        "reward.built_in=rna:L5_RNA1",
        "steps=600",
        "batch=64",
        "policy.width=64",
        "optimizer.learning_rate=5e-3",
        "optimizer.half_life=150",
        "exploration.epsilon=0.1",
        "reward.beta=2",
        &place,
    ];
    let config = of(&[&base[..], arguments].concat()).unwrap();
    let run = runs::create(
        &config,
        &Surroundings::default(),
        None,
        Vec::new(),
        "unknown",
    )
    .unwrap();
    train(task, &config, &run, None, &mut |_| Wish::GoOn).unwrap();
    let store = CheckpointStore::new(&run.file("checkpoints"), 1);
    let checkpoint = store.load(None).unwrap().unwrap();
    let sampler = Sampler::new(task, &config, &checkpoint).unwrap();
    let size = EvaluationSize {
        samples: 200,
        random: 200,
        held: 32,
        backward: 4,
    };
    let evaluated = evaluate(&sampler, checkpoint.step, 2.0, size, Seed::new(0)).unwrap();
    evaluated.evaluation
}

/// Lengths 1 to 5 of three letters are 363 objects; every order and both networks come near the target.
#[test]
fn lengths_between_are_learned_in_every_order_and_by_both_networks() {
    let alphabet = || Alphabet::parse("abc").unwrap();
    let task = SequencesTask::new(
        AppendSequence::between(3, 1, 5).unwrap(),
        alphabet(),
        Box::new(Runs),
        1e-2,
    );
    let check = |name: &str, evaluation: Evaluation, most: f64| {
        let exact = evaluation.exact.unwrap();
        assert_eq!((exact.objects, exact.states), (363, 364), "{name}");
        println!("{name}: {:.4}", exact.total_variation);
        assert!(
            exact.total_variation < most,
            "{name}: {}",
            exact.total_variation
        );
    };
    check("append", trained(&task, &[]), 0.03);
    let attention = [
        "policy.network=transformer",
        "policy.width=32",
        "policy.layers=1",
        "optimizer.learning_rate=3e-3",
        "steps=400",
    ];
    check("transformer", trained(&task, &attention), 0.08);
    let ends = PrependAppend::between(3, 1, 5, EdgeCount::Actions).unwrap();
    let task = SequencesTask::new(ends, alphabet(), Box::new(Runs), 1e-2);
    check("both ends", trained(&task, &[]), 0.06);
    let anywhere = Insertion::between(3, 1, 5).unwrap();
    let task = SequencesTask::new(anywhere, alphabet(), Box::new(Runs), 1e-2);
    check("insertion", trained(&task, &[]), 0.06);
}

#[test]
fn equal_keys_are_equal_sequences() {
    let env = AppendSequence::between(3, 1, 128).unwrap();
    let alphabet = Alphabet::parse("abc").unwrap();
    let task = SequencesTask::new(env, alphabet, Box::new(Runs), 1e-2);
    let key = |text: &str| task.key(&Letters::from_text(text, "abc").unwrap());
    let texts = ["a", "aa", "aaa", "b", "ab", "ba", "c", "ca"];
    for (i, a) in texts.iter().enumerate() {
        for (j, b) in texts.iter().enumerate() {
            assert_eq!(key(a) == key(b), i == j, "{a} {b}");
        }
    }
    assert_eq!(key(&"c".repeat(100)), None, "too long for a number");
}

/// Bytes of the files that training leaves, after `steps` in stretches.
fn bytes(folder: &Path, name: &str, network: &str, stretches: &[u64]) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    let settings = |steps: u64| {
        of(&[
            "reward.built_in=rna:L6_RNA2",
            &format!("steps={steps}"),
            &format!("output.folder={}", folder.display()),
            &format!("policy.network={network}"),
            "policy.width=16",
            "policy.layers=1",
            "output.checkpoint_every=10",
            "output.samples=20",
            "replay.kind=prioritised",
            "replay.warmup=32",
            "exploration.lag=0.5",
        ])
        .unwrap()
    };
    let run = runs::create(
        &settings(stretches[0]),
        &Surroundings::default(),
        Some(name),
        Vec::new(),
        "unknown",
    )
    .unwrap();
    for steps in stretches {
        let config = settings(*steps);
        runs::train_run(&config, &run, &Surroundings::default(), None, &mut |_| {
            Wish::GoOn
        })
        .unwrap();
        runs::close(&config, &run, &Surroundings::default()).unwrap();
    }
    for file in ["metrics.jsonl", "samples.csv", "samples.fasta"] {
        files.push(std::fs::read(run.file(file)).unwrap());
    }
    files
}

#[test]
fn a_run_in_stretches_is_a_run_in_one() {
    let folder = tempfile::tempdir().unwrap();
    for network in ["mlp", "transformer"] {
        let whole = bytes(folder.path(), &format!("{network}-whole"), network, &[40]);
        let parts = bytes(
            folder.path(),
            &format!("{network}-parts"),
            network,
            &[7, 30, 40],
        );
        assert!(whole == parts, "{network}");
        let fasta = String::from_utf8_lossy(&whole[2]).into_owned();
        assert!(
            fasta.starts_with(">1 reward=") && fasta.contains(" length=6.0\n"),
            "{fasta}"
        );
        let report = folder.path().join(format!("{network}-whole/report.html"));
        let page = std::fs::read_to_string(report).unwrap();
        assert!(
            page.contains("Sequence logo: All samples") && page.contains("Sequence logo: Top ")
        );
    }
}

#[test]
fn defaults_follow_the_score_and_the_network() {
    let strands = of(&["reward.built_in=rna:L50_RNA1+2"]).unwrap();
    let text = anabranch_tasks::config::to_toml(&strands);
    for line in ["alphabet = \"rna\"", "min_length = 50", "max_length = 50"] {
        assert!(text.contains(line), "{text}");
    }
    let again = load(Source::text("config.toml", text), &[]).unwrap();
    assert_eq!(again, strands);
    let peptides = of(&[
        "reward.built_in=amp",
        "policy.network=transformer",
        "env.max_length=20",
    ]);
    let text = anabranch_tasks::config::to_toml(&peptides.unwrap());
    for line in ["alphabet = \"protein\"", "max_length = 20", "heads = 4"] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn bad_settings_are_refused_with_the_remedy() {
    for (arguments, part) in [
        (&["env.alphabet=ACCA"][..], "\"C\" twice"),
        (&["env.alphabet=A"], "2 to 256"),
        (
            &["env.min_length=9", "env.max_length=8"],
            "env.min_length = 9 is over env.max_length = 8",
        ),
        (&["env.max_length=0"], "from 1 to 128"),
        (&["env.max_length=129"], "from 1 to 128"),
        (&["env.order=backwards"], "insertion"),
        (&["policy.network=rnn"], "transformer"),
        (
            &["policy.network=transformer", "policy.width=50"],
            "multiple of policy.heads",
        ),
    ] {
        let error = of(arguments).unwrap_err().to_string();
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    let other = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        load(Source::Task(TaskName::Hypergrid), &arguments)
            .unwrap_err()
            .to_string()
    };
    assert!(other(&["reward.built_in=amp"]).contains("belongs to fragments, sequences"));
    assert!(other(&["policy.network=mlp"]).contains("belongs to sequences"));
    for (arguments, part) in [
        (&[][..], "gfn train sequences reward.built_in="),
        (&["reward.built_in=rna:L9_RNA7"], "L14_RNA1"),
        (
            &["reward.built_in=rna:L14_RNA1", "env.max_length=15"],
            "14 letters",
        ),
        (
            &["reward.built_in=rna:L14_RNA1", "env.alphabet=protein"],
            "\"D\"",
        ),
    ] {
        let error = runs::check(&of(arguments).unwrap(), &Surroundings::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}
