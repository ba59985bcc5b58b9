//! The claim of docs/adr/0001: a molecule comes out with probability R(x) / Z, whatever the symmetry
//! of its fragments and however many trees give it. Judged exactly, over all molecules.

use anabranch_tasks::config::{Source, load};
use anabranch_tasks::own_score::Surroundings;
use anabranch_tasks::runs;
use anabranch_tasks::train::Wish;

/// Benzene and piperazine are symmetric, and dimethylamine is also methylamine with a methyl: the ways
/// in which counting goes wrong.
const VOCABULARY: &str = r#"[
    {"smiles": "c1ccccc1", "stems": [0, 1, 2, 3, 4, 5]},
    {"smiles": "C1CNCCN1", "stems": [2, 5]},
    {"smiles": "C", "stems": [0]},
    {"smiles": "CN", "stems": [0, 1]},
    {"smiles": "CNC", "stems": [1]}
]"#;

#[test]
fn molecules_come_out_in_proportion_to_their_reward() {
    let folder = tempfile::tempdir().expect("a folder");
    let vocabulary = folder.path().join("fragments.json");
    std::fs::write(&vocabulary, VOCABULARY).expect("written");
    let settings = [
        format!("env.vocabulary={:?}", vocabulary.display().to_string()),
        format!("output.folder={:?}", folder.path().display().to_string()),
        "env.max_nodes=3".into(),
        "steps=2500".into(),
        "batch=16".into(),
        "policy.width=32".into(),
        "policy.layers=2".into(),
        "reward.beta=2".into(),
        "reward.mw=0".into(),
        "optimizer.learning_rate=0.005".into(),
        "optimizer.half_life=500".into(),
        "exploration.epsilon=0.05".into(),
    ];
    let config = load(
        Source::from_argument("fragments").expect("a task"),
        &settings,
    )
    .expect("sound settings");
    let run = runs::create(
        &config,
        &Surroundings::default(),
        Some("small"),
        Vec::new(),
        "unknown",
    )
    .expect("a run");
    runs::train_run(&config, &run, &Surroundings::default(), None, &mut |_| {
        Wish::GoOn
    })
    .expect("trains");
    let size = anabranch_tasks::evaluate::EvaluationSize {
        samples: 100,
        random: 100,
        held: 16,
        backward: 8,
    };
    let figures = runs::assess(&config, &run, &Surroundings::default(), None, None, size)
        .expect("evaluates")
        .evaluation;
    let exact = figures.exact.expect("small enough to be written down");
    println!("{exact:?}");
    let merged = exact.merged.expect("several trees give one molecule");
    assert!(merged.objects < exact.objects);
    assert!(
        merged.total_variation < 0.03,
        "over molecules: {}",
        merged.total_variation
    );
    assert!((figures.correlation.spearman.expect("defined")) > 0.95);
}
