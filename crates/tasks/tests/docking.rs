//! Docking and the measures that are no descriptors, as settings and as rewards.

use std::fs;

use anabranch_tasks::config::{
    Config, ConfigError, Source, TaskName, load, to_commented_toml, to_toml, validate,
};
use anabranch_tasks::own_score::Surroundings;
use anabranch_tasks::runs;

fn given(arguments: &[&str]) -> Result<Config, ConfigError> {
    let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
    load(Source::Task(TaskName::Fragments), &arguments)
}

const RECEPTOR: &str =
    "ATOM      1  N   SER     2      16.100  37.415   4.008  1.00  0.00    -0.055 N \n";

const DOCKING: [&str; 3] = [
    "reward.built_in=docking",
    "docking.receptor=PARP1.pdbqt.gz",
    "docking.box=PARP1.box.txt",
];

#[test]
fn docking_has_defaults_of_its_own_and_round_trips() {
    let config = given(&DOCKING).unwrap();
    let names: Vec<&String> = config.reward.properties.keys().collect();
    assert_eq!(names, ["affinity"]);
    let affinity = &config.reward.properties["affinity"];
    assert_eq!(
        (affinity.low, affinity.high, affinity.weight),
        (-12.0, -4.0, 1.0)
    );
    assert!((affinity.transform().apply("affinity", -8.0).unwrap() - 0.5).abs() < 1e-12);
    assert_eq!(config.oracle.as_ref().unwrap().timeout, 600.0);
    for arguments in [
        &DOCKING[..],
        &[
            DOCKING[0],
            DOCKING[1],
            DOCKING[2],
            "docking.seed=7",
            "oracle.workers=4",
            "reward.qed=1",
        ],
        &["reward.similarity=1", "reward.target=CCO"],
        &[
            "reward.substructure=2",
            "reward.smarts=[\"[OH]\", \"c1ccccc1\"]",
        ],
        &["reward.seh={weight=1, high=10}"],
    ] {
        let config = given(arguments).unwrap();
        validate(&config).unwrap();
        for text in [to_toml(&config), to_commented_toml(&config)] {
            let again = load(Source::text("my.toml", text.as_str()), &[]);
            assert_eq!(
                again.unwrap_or_else(|e| panic!("{e}\n{text}")),
                config,
                "{text}"
            );
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_remedy() {
    for (arguments, parts) in [
        (&DOCKING[..1], &["docking.receptor", "PARP1.pdbqt.gz"][..]),
        (&DOCKING[..2], &["docking.box"]),
        (&DOCKING[1..], &["reward.built_in is not docking"]),
        (
            &[
                DOCKING[0],
                DOCKING[1],
                DOCKING[2],
                "reward.url=http://localhost",
            ],
            &["keep one"],
        ),
        (
            &[DOCKING[0], DOCKING[1], DOCKING[2], "docking.seed=0"],
            &["docking.seed", "from 1"],
        ),
        (
            &[DOCKING[0], DOCKING[1], DOCKING[2], "docking.sed=1"],
            &["docking.seed"],
        ),
        (&["reward.built_in=amp"], &["belongs to sequences"]),
        (&["reward.similarity=1"], &["reward.target is not given"]),
        (&["reward.target=CCO"], &["reward.similarity is off"]),
        (
            &["reward.similarity=1", "reward.target=C(C"],
            &["reward.target", "\"C(C\""],
        ),
        (
            &["reward.similarity=1", "reward.target=[]"],
            &["reward.target", "list of texts"],
        ),
        (&["reward.substructure=1"], &["reward.smarts is not given"]),
        (
            &["reward.substructure=1", "reward.smarts=\"[#\""],
            &["reward.smarts", "\"[#\""],
        ),
        (
            &["reward.substructur=1"],
            &["did you mean \"reward.substructure\"?"],
        ),
    ] {
        let error = given(arguments).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{arguments:?}: {error}");
        }
    }
    let hypergrid = load(
        Source::Task(TaskName::Hypergrid),
        &["reward.built_in=docking".into()],
    );
    assert!(hypergrid.unwrap_err().to_string().contains("belongs to"));
    // Checked when a run begins: the files, and the program.
    let check = |arguments: &[&str]| {
        let config = given(arguments).unwrap();
        runs::check(&config, &Surroundings::default())
            .unwrap_err()
            .to_string()
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let text = "center_x=0\ncenter_y=0\ncenter_z=0\nsize_x=9\nsize_y=9\nsize_z=9\n";
    let search_box = format!("docking.box={}", write("box.txt", text));
    let receptor = format!("docking.receptor={}", write("r.pdbqt", RECEPTOR));
    let absent = check(&[DOCKING[0], "docking.receptor=absent.pdbqt", &search_box]);
    assert!(
        absent.contains("absent.pdbqt") && absent.contains("docking.receptor"),
        "{absent}"
    );
    let absent = check(&[DOCKING[0], &receptor, "docking.box=absent.txt"]);
    assert!(
        absent.contains("absent.txt") && absent.contains("docking.box"),
        "{absent}"
    );
    let none = check(&[
        DOCKING[0],
        &receptor,
        &search_box,
        "docking.vina=no-such-vina",
    ]);
    assert!(none.contains("apt-get install autodock-vina"), "{none}");
}
