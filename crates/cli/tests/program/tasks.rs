//! The tasks with data: graphs and tables.

use crate::place::{Place, text};

#[test]
fn graphs_are_learned_from_random_data_and_from_a_file() {
    let place = Place::new();
    let small = ["steps=20", "env.variables=3", "output.samples=5"];
    place.ok(&[&["train", "dag"], &small[..]].concat());
    let eval = place.ok(&["eval", "runs/dag-001"]);
    assert!(eval.contains("over 25 objects in 25 states"), "{eval}");
    assert!(
        eval.contains("Spearman") && eval.contains("Anderson-Darling"),
        "{eval}"
    );
    write(
        &place,
        "mine.csv",
        "rain,river\n0.1,0.2\n-0.4,0.3\n1.5,1.2\n0.2,-0.9\n",
    );
    let own = [
        "train",
        "dag",
        "env.data=mine.csv",
        "steps=5",
        "output.samples=20",
    ];
    place.ok(&own);
    let samples = text(&place.read("runs/dag-002/samples.csv"));
    assert!(
        samples.contains("rain->river") || samples.contains("river->rain"),
        "{samples}"
    );
}

#[test]
fn bad_tables_of_data_are_refused_by_line() {
    let place = Place::new();
    write(&place, "bad.csv", "rain,river\n0.1,0.2\n0.4,wet\n");
    place.refused(&["train", "dag", "env.data=bad.csv"], &["bad.csv", "wet"]);
    place.refused(&["train", "dag", "env.data=none.csv"], &["none.csv"]);
    let dense = [
        "train",
        "dag",
        "env.variables=3",
        "env.edges_per_variable=4",
    ];
    place.refused(&dense, &["env.edges_per_variable"]);
}

#[test]
fn a_missing_data_folder_is_told_with_the_remedy() {
    let place = Place::new();
    let mut command = place.command(&["train", "tfbind8"]);
    command
        .env("GFN_DATA", "nowhere")
        .env("XDG_CACHE_HOME", "nowhere");
    let output = command.output().expect("the program starts");
    let error = text(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(
        error.contains("GFN_DATA") && error.contains("tfbind8/six6_ref_r1.csv.gz"),
        "{error}"
    );
}

#[test]
fn every_objective_trains_by_its_name() {
    let place = Place::new();
    for objective in [
        "trajectory_balance",
        "detailed_balance",
        "sub_trajectory_balance",
        "log_partition_variance",
        "flow_matching",
        "modified_detailed_balance",
        "forward_looking_detailed_balance",
        "forward_looking_sub_trajectory_balance",
        "soft_q_learning",
        "policy_gradient",
    ] {
        let name = format!("objective.name={objective}");
        let small = ["train", "hypergrid", "steps=3", "output.samples=3", &name];
        place.ok(&small);
    }
    for more in [
        [
            "policy.backward=trajectory_likelihood",
            "objective.residual=huber",
        ],
        ["policy.backward=learned", "exploration.epsilon_half_life=2"],
        ["replay.kind=top_tenth", "objective.residual=linex"],
    ] {
        let small = ["train", "hypergrid", "steps=3", "output.samples=3"];
        place.ok(&[&small[..], &more[..]].concat());
    }
    // Bits are no objects before they are complete.
    let name = "objective.name=modified_detailed_balance";
    let bits = ["train", "bit_sequence", "steps=3", name];
    place.refused(&bits, &["every state to be a finished object"]);
}

fn write(place: &Place, name: &str, content: &str) {
    std::fs::write(place.path(name), content).expect("a file in the temporary folder");
}

#[test]
fn sequences_need_a_score_and_their_data() {
    let place = Place::new();
    place.refused(
        &["train", "sequences"],
        &["gfn train sequences reward.built_in=", "amp"],
    );
    for (score, file) in [
        ("reward.built_in=amp", "amp/amp_vs_uniprot.csv"),
        ("reward.built_in=tfbind8", "tfbind8/six6_ref_r1.csv.gz"),
    ] {
        let mut command = place.command(&["train", "sequences", score]);
        command
            .env("GFN_DATA", "nowhere")
            .env("XDG_CACHE_HOME", "nowhere");
        let output = command.output().expect("the program starts");
        let error = text(&output.stderr);
        assert!(!output.status.success(), "{error}");
        assert!(
            error.contains("GFN_DATA") && error.contains(file),
            "{error}"
        );
    }
    let dry = place.ok(&[
        "train",
        "sequences",
        "reward.built_in=rna:L14_RNA1",
        "--dry-run",
    ]);
    for line in ["alphabet = \"rna\"", "max_length = 14", "network = \"mlp\""] {
        assert!(dry.contains(line), "{dry}");
    }
    let said = place.ok(&[
        "train",
        "sequences",
        "reward.built_in=rna:L6_RNA1",
        "steps=5",
        "policy.width=16",
        "output.samples=30",
    ]);
    assert!(
        said.contains("samples.fasta") && said.contains("Turner"),
        "{said}"
    );
    place.ok(&[
        "sample",
        "runs/sequences-001",
        "-n",
        "3",
        "-o",
        "more.fasta",
    ]);
    assert_eq!(text(&place.read("more.fasta")).matches('>').count(), 3);
}
