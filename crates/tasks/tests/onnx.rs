//! Models in ONNX files as the score of a run, and trained policies as ONNX files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anabranch_tasks::config::{Source, TaskName, load, to_commented_toml, to_toml};
use anabranch_tasks::export::{ExportRequest, export_run};
use anabranch_tasks::own_score::Surroundings;
use anabranch_tasks::runs;
use anabranch_tasks::train::{Outcome, Wish};
use tract_onnx::prelude::*;

fn given(task: TaskName, overrides: &[&str]) -> Result<anabranch_tasks::config::Config, String> {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    load(Source::Task(task), &overrides).map_err(|error| error.to_string())
}

fn model(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oracles/tests/golden/onnx");
    format!(
        "{:?}",
        folder.join(format!("{name}.onnx")).display().to_string()
    )
}

#[test]
fn settings_of_a_model_round_trip() {
    let config = given(
        TaskName::Fragments,
        &[
            "reward.onnx=m.onnx",
            "onnx.features=descriptors",
            "onnx.descriptors=[\"mw\", \"logp\"]",
            "oracle.columns=[\"a\", \"b\"]",
            "reward.a={direction=\"lower\", low=-8, high=-2}",
        ],
    )
    .unwrap();
    assert_eq!(
        config.reward.properties.keys().collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(
        load(Source::text("t", to_toml(&config)), &[]).unwrap(),
        config
    );
    let taught = to_commented_toml(&config);
    assert!(
        taught.contains("[onnx]") && taught.contains("# The descriptors, in the order"),
        "{taught}"
    );
    assert_eq!(load(Source::text("t", taught), &[]).unwrap(), config);
    let plain = to_commented_toml(&given(TaskName::Fragments, &[]).unwrap());
    assert!(!plain.contains("[onnx]"));
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let fragments = TaskName::Fragments;
    for (task, overrides, words) in [
        (
            TaskName::Hypergrid,
            &["reward.onnx=m.onnx"][..],
            &["belongs to fragments", "reward.command"][..],
        ),
        (
            fragments,
            &["onnx.bits=1024"],
            &["reward.onnx is not", "reward.onnx=model.onnx"],
        ),
        (
            fragments,
            &["reward.onnx=m.onnx", "onnx.features=descriptors"],
            &["onnx.descriptors is empty", "mw"],
        ),
        (
            fragments,
            &["reward.onnx=m.onnx", "onnx.descriptors=[\"mw\"]"],
            &["no effect", "onnx.features=descriptors"],
        ),
        (
            fragments,
            &[
                "reward.onnx=m.onnx",
                "onnx.features=descriptors",
                "onnx.descriptors=[\"mv\"]",
            ],
            &["\"mv\"", "rotatable_bonds"],
        ),
        (
            fragments,
            &["reward.onnx=m.onnx", "reward.command=cat"],
            &["reward.command and reward.onnx", "keep one"],
        ),
        (
            fragments,
            &["reward.onnx=m.onnx", "onnx.bits=0"],
            &["onnx.bits", "from 1"],
        ),
        (
            fragments,
            &["reward.onnx=m.onnx", "onnx.bit=9"],
            &["onnx.bits"],
        ),
    ] {
        let text = given(task, overrides).unwrap_err();
        for word in words {
            assert!(
                text.contains(word),
                "{overrides:?}: {word:?} is not in: {text}"
            );
        }
    }
}

/// A run of a few steps.
fn trained(
    folder: &Path,
    task: TaskName,
    overrides: &[&str],
) -> (
    anabranch_tasks::config::Config,
    anabranch_learn::run::RunFolder,
) {
    let place = format!("output.folder={:?}", folder.display().to_string());
    let all = [overrides, &["batch=8", "output.samples=8", &place]].concat();
    let config = given(task, &all).unwrap_or_else(|e| panic!("{overrides:?}: {e}"));
    let around = Surroundings::default();
    let run = runs::create(&config, &around, None, vec!["test".into()], "unknown").unwrap();
    let outcome = runs::train_run(&config, &run, &around, None, &mut |_| Wish::GoOn).unwrap();
    assert_eq!(outcome, Outcome::Finished);
    (config, run)
}

#[test]
fn a_model_scores_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let scored = [
        &format!("reward.onnx={}", model("xgboost_regressor")),
        "onnx.radius=3",
        "onnx.bits=512",
        "onnx.counts=true",
        "oracle.columns=[\"energy\"]",
        "reward.energy={direction=\"lower\", low=-12, high=-2}",
        "steps=4",
        "oracle.compare=8",
        "policy.width=16",
        "policy.layers=1",
    ];
    let (config, run) = trained(folder.path(), TaskName::Fragments, &scored);
    let closed = runs::close(&config, &run, &Surroundings::default()).unwrap();
    let table = fs::read_to_string(&closed.samples[0]).unwrap();
    assert!(table.lines().next().unwrap().contains("energy"), "{table}");
    let report = fs::read_to_string(closed.report).unwrap();
    assert!(report.contains("Morgan counts of radius 3 in 512 bits"));
}

#[test]
fn a_model_that_cannot_be_used_stops_a_run_before_there_is_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let place = format!(
        "output.folder={:?}",
        folder.path().join("runs").display().to_string()
    );
    let wrong = format!("reward.onnx={}", model("forest_regressor"));
    let config = given(TaskName::Fragments, &[&wrong, &place]).unwrap();
    let error =
        runs::create(&config, &Surroundings::default(), None, vec![], "unknown").unwrap_err();
    assert!(error.to_string().contains("onnx.bits=1024"), "{error}");
    assert!(!folder.path().join("runs").exists());
}

/// An array of a `.npz` file: its shape and its values.
enum Array {
    Float(Vec<usize>, Vec<f32>),
    Double(Vec<usize>, Vec<f64>),
    Whole(Vec<usize>, Vec<i64>),
}

fn arrays(path: &Path) -> BTreeMap<String, Array> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let mut out = BTreeMap::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).unwrap();
        let name = file
            .name()
            .unwrap()
            .strip_suffix(".npy")
            .unwrap()
            .to_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert!(start.is_multiple_of(64));
        let header = std::str::from_utf8(&bytes[10..start]).unwrap();
        let shape = header.split(['(', ')']).nth(1).unwrap();
        let shape = shape.split(',').filter(|s| !s.trim().is_empty());
        let shape: Vec<usize> = shape.map(|size| size.trim().parse().unwrap()).collect();
        let data = &bytes[start..];
        let four = data.as_chunks::<4>().0.iter();
        let eight = data.as_chunks::<8>().0.iter();
        let array = if header.contains("<f4") {
            Array::Float(shape, four.map(|b| f32::from_le_bytes(*b)).collect())
        } else if header.contains("<f8") {
            Array::Double(shape, eight.map(|b| f64::from_le_bytes(*b)).collect())
        } else {
            assert!(header.contains("<i8"));
            Array::Whole(shape, eight.map(|b| i64::from_le_bytes(*b)).collect())
        };
        out.insert(name, array);
    }
    out
}

/// Runs the exported model on its examples by tract; the largest difference, and how many numbers there were.
fn verify(model: &Path) -> (f64, usize) {
    let description: serde_json::Value =
        serde_json::from_slice(&fs::read(model.with_extension("json")).unwrap()).unwrap();
    let arrays = arrays(&model.with_extension("npz"));
    let plan = tract_onnx::onnx()
        .model_for_path(model)
        .unwrap()
        .into_optimized()
        .unwrap()
        .into_runnable()
        .unwrap();
    let mut inputs: TVec<TValue> = tvec!();
    for input in description["inputs"].as_array().unwrap() {
        let name = input["name"].as_str().unwrap();
        inputs.push(match &arrays[name] {
            Array::Float(shape, values) => Tensor::from_shape(shape, values).unwrap().into(),
            Array::Double(shape, values) => Tensor::from_shape(shape, values).unwrap().into(),
            Array::Whole(shape, values) => Tensor::from_shape(shape, values).unwrap().into(),
        });
    }
    let outputs = plan.run(inputs).unwrap();
    let (mut worst, mut count) = (0.0_f64, 0);
    for (output, found) in description["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .zip(&outputs)
    {
        let name = output["name"].as_str().unwrap();
        let Array::Double(shape, expected) = &arrays[&format!("expected_{name}")] else {
            panic!("{name} is not f64")
        };
        assert_eq!(found.shape(), shape.as_slice(), "{name}");
        if let Some(names) = output.get("names") {
            assert_eq!(
                names.as_array().unwrap().len(),
                *shape.last().unwrap(),
                "{name}"
            );
        }
        let found = found.to_plain_array_view::<f32>().unwrap();
        let before = count;
        for (found, expected) in found.iter().zip(expected).filter(|(_, e)| !e.is_nan()) {
            worst = worst.max((f64::from(*found) - expected).abs() / expected.abs().max(1.0));
            count += 1;
        }
        let rare = ["edge_forward", "edge_backward", "whole_backward"].contains(&name);
        assert!(count > before || rare, "{name} has no example");
    }
    (worst, count)
}

#[test]
fn exported_policies_compute_what_ours_do() {
    const DRAWN: &str = "reward.beta={uniform=[1, 16]}";
    const SMALL: &str = "policy.width=32";
    const FLOW: &str = "objective.name=sub_trajectory_balance";
    const LEARNED: &str = "policy.backward=learned";
    let letters = [
        "env.alphabet=ACDE",
        "env.min_length=3",
        "env.max_length=6",
        "steps=8",
    ];
    let scored = "reward.built_in=none";
    let transformer = [
        "policy.network=transformer",
        SMALL,
        "policy.layers=2",
        "policy.heads=4",
    ];
    let fragments = [
        "steps=8",
        SMALL,
        "policy.layers=2",
        "policy.heads=2",
        "env.max_nodes=5",
    ];
    let own = "reward.command=\"awk -W interactive '{n=gsub(/A/,\\\"\\\"); print n/6; fflush()}'\"";
    let _ = scored;
    let mut cases: Vec<(&str, TaskName, Vec<&str>)> = vec![
        (
            "grid",
            TaskName::Hypergrid,
            vec!["env.side=6", "steps=8", SMALL],
        ),
        (
            "grid-heads",
            TaskName::Hypergrid,
            vec![
                "env.side=6",
                "steps=8",
                SMALL,
                LEARNED,
                FLOW,
                DRAWN,
                "policy.shared_trunk=true",
            ],
        ),
        (
            "grid-apart",
            TaskName::Hypergrid,
            vec![
                "env.side=6",
                "steps=8",
                SMALL,
                LEARNED,
                "policy.shared_trunk=false",
            ],
        ),
        (
            "bits",
            TaskName::BitSequence,
            vec!["env.bits=16", "env.word=4", "env.modes=4", "steps=8", SMALL],
        ),
        (
            "dag",
            TaskName::Dag,
            vec!["env.variables=4", "steps=8", SMALL],
        ),
        (
            "dag-drawn",
            TaskName::Dag,
            vec!["env.variables=3", "steps=8", SMALL, DRAWN, LEARNED],
        ),
        ("fragments", TaskName::Fragments, fragments.to_vec()),
        (
            "fragments-heads",
            TaskName::Fragments,
            [&fragments[..], &[DRAWN, FLOW, LEARNED]].concat(),
        ),
    ];
    for (name, order, extra) in [
        ("append", "env.order=append", &[DRAWN][..]),
        ("ends", "env.order=prepend_append", &[LEARNED, FLOW]),
        ("insertion", "env.order=insertion", &[LEARNED, DRAWN]),
    ] {
        let all = [
            &letters[..],
            &[own, "oracle.protocol=lines", "oracle.compare=4", order],
            extra,
        ]
        .concat();
        cases.push((
            name,
            TaskName::Sequences,
            [&all[..], &transformer[..]].concat(),
        ));
        if name != "append" {
            cases.push((name, TaskName::Sequences, [&all[..], &[SMALL]].concat()));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    // Where somebody checks them by another runtime too.
    let out: PathBuf = match std::env::var_os("ANABRANCH_EXPORTS") {
        Some(kept) => kept.into(),
        None => folder.path().to_owned(),
    };
    for (place, (name, task, overrides)) in cases.iter().enumerate() {
        let (config, run) = trained(&folder.path().join("runs"), *task, overrides);
        let path = out.join(format!("{place}-{name}.onnx"));
        let request = ExportRequest {
            path: path.clone(),
            from: None,
            examples: 60,
            overwrite: std::env::var_os("ANABRANCH_EXPORTS").is_some(),
        };
        let written = export_run(&config, &run, &request).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(written.step, config.steps);
        let (error, count) = verify(&path);
        println!("{place}-{name}: {count} numbers, {error:e}");
        assert!(
            count > 60 && error < 1e-5,
            "{name} is off by {error} in {count} numbers"
        );
        if std::env::var_os("ANABRANCH_EXPORTS").is_none() {
            let again = export_run(&config, &run, &request).unwrap_err().to_string();
            assert!(again.contains("--overwrite"), "{again}");
        }
        let named = ExportRequest {
            path: out.join("policy.bin"),
            ..request
        };
        let error = export_run(&config, &run, &named).unwrap_err().to_string();
        assert!(error.contains(".onnx"), "{error}");
    }
}
