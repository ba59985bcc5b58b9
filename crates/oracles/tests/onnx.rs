//! Models in ONNX files against what onnxruntime says of them (`golden/onnx/make.py`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anabranch_chem::Descriptor;
use anabranch_oracles::onnx::Features;
use anabranch_oracles::{
    Answer, Fates, Heard, OnnxOracle, OnnxSettings, Oracle, OracleError, Scorer, Store, Verdict,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    smiles: Vec<String>,
    models: BTreeMap<String, Said>,
}

/// What onnxruntime said, and of what.
#[derive(Deserialize)]
struct Said {
    features: String,
    #[serde(default)]
    radius: u32,
    #[serde(default)]
    bits: u32,
    #[serde(default)]
    counts: bool,
    #[serde(default)]
    descriptors: Vec<String>,
    output: String,
    values: Vec<Vec<f64>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/onnx")
}

fn golden() -> Golden {
    let text = fs::read_to_string(folder().join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn model(name: &str) -> PathBuf {
    folder().join(format!("{name}.onnx"))
}

impl Said {
    fn settings(&self, file: PathBuf) -> OnnxSettings {
        let features = match self.features.as_str() {
            "morgan" => Features::Morgan {
                radius: self.radius,
                bits: self.bits,
                counts: self.counts,
            },
            _ => {
                let names = self.descriptors.iter();
                Features::Descriptors(names.map(|n| Descriptor::parse(n).unwrap()).collect())
            }
        };
        OnnxSettings {
            features,
            columns: (0..self.values[0].len()).map(|i| format!("v{i}")).collect(),
            ..OnnxSettings::new(file)
        }
    }
}

fn ask(oracle: &OnnxOracle, objects: &[String]) -> Vec<Answer> {
    let mut answers = vec![None; objects.len()];
    let mut heard = |news: Vec<Heard>| {
        for news in news {
            let Heard::Answer { index, answer, .. } = news else {
                panic!("{news:?}")
            };
            assert!(answers[index].replace(answer).is_none(), "{index} twice");
        }
        Ok(())
    };
    oracle.ask(objects, &|| false, &mut heard).unwrap();
    answers
        .into_iter()
        .map(|a| a.expect("every object is answered"))
        .collect()
}

#[test]
fn models_say_what_onnxruntime_says() {
    let golden = golden();
    // Largest difference, relative to the larger of 1 and the value.
    let mut worst: BTreeMap<&str, f64> = BTreeMap::new();
    for (name, said) in &golden.models {
        let oracle =
            OnnxOracle::new(said.settings(model(name))).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(oracle.output(), said.output, "{name}");
        // More than a batch, so that batches are seen not to matter.
        let objects: Vec<String> = (0..5).flat_map(|_| golden.smiles.clone()).collect();
        for (place, answer) in ask(&oracle, &objects).into_iter().enumerate() {
            let Answer::Scores(values) = answer else {
                panic!("{name}, {}: {answer:?}", objects[place])
            };
            let expected = &said.values[place % golden.smiles.len()];
            assert_eq!(values.len(), expected.len());
            for (value, expected) in values.iter().zip(expected) {
                let error = (value - expected).abs() / expected.abs().max(1.0);
                let worst = worst.entry(name).or_default();
                *worst = worst.max(error);
            }
        }
    }
    println!("{worst:#?}");
    assert_eq!(worst.len(), 11);
    for (name, error) in worst {
        assert!(error < 1e-5, "{name} is off by {error}");
    }
}

#[test]
fn one_molecule_that_is_none_does_not_spoil_the_others() {
    let golden = golden();
    let said = &golden.models["perceptron"];
    let oracle = OnnxOracle::new(said.settings(model("perceptron"))).unwrap();
    let alone = ask(&oracle, &golden.smiles[..2]);
    let mixed = [&golden.smiles[0], "C(C", &golden.smiles[1], ""].map(str::to_owned);
    let mixed = ask(&oracle, &mixed);
    assert_eq!((&mixed[0], &mixed[2]), (&alone[0], &alone[1]));
    assert!(matches!(&mixed[1], Answer::Failed { message, .. } if message.contains("C(C")));
}

#[test]
fn stored_scores_are_those_of_the_same_file_and_features() {
    let golden = golden();
    let said = &golden.models["torch_perceptron"];
    let settings = said.settings(model("torch_perceptron"));
    let source = |settings: OnnxSettings| OnnxOracle::new(settings).unwrap().source();
    let one = source(settings.clone());
    let copy = tempfile::tempdir().unwrap();
    let other_path = copy.path().join("elsewhere.onnx");
    fs::copy(&settings.model, &other_path).unwrap();
    assert_eq!(
        one,
        source(OnnxSettings {
            model: other_path,
            ..settings.clone()
        })
    );
    let counts = Features::Morgan {
        radius: 2,
        bits: 512,
        counts: true,
    };
    assert_ne!(
        one,
        source(OnnxSettings {
            features: counts,
            ..settings.clone()
        })
    );
    assert_ne!(
        one,
        source(OnnxSettings {
            model: model("torch_single"),
            ..settings.clone()
        })
    );
    let named = |model: &str| {
        source(OnnxSettings {
            model: self::model(model),
            version: Some("mine".into()),
            ..settings.clone()
        })
    };
    assert_eq!(named("torch_perceptron"), named("torch_single"));

    let oracle = OnnxOracle::new(settings).unwrap();
    let scorer = Scorer::new(
        Box::new(oracle),
        Store::in_memory().unwrap(),
        Fates::default(),
    )
    .unwrap();
    let verdicts = scorer
        .score(&["CCO".into(), "C".into(), "CCO".into()])
        .unwrap();
    assert_eq!(verdicts[0], verdicts[2]);
    assert!(matches!(&verdicts[1], Verdict::Scores(values) if values.len() == 2));
    assert_eq!(scorer.counts().asked, 2);
}

fn refused(settings: OnnxSettings) -> String {
    OnnxOracle::new(settings).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_used_is_refused_with_the_remedy() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let with_bits = |file: PathBuf, bits| OnnxSettings {
        features: Features::Morgan {
            radius: 2,
            bits,
            counts: false,
        },
        ..OnnxSettings::new(file)
    };
    let has = |text: String, words: &[&str]| {
        for word in words {
            assert!(text.contains(word), "{word:?} is not in: {text}");
        }
        assert!(!text.contains('\n'), "{text}");
    };
    has(
        refused(OnnxSettings::new("absent.onnx")),
        &["absent.onnx", "reward.onnx"],
    );
    has(
        refused(OnnxSettings::new(folder.path())),
        &["cannot be read"],
    );
    has(
        refused(OnnxSettings::new(write("empty", b""))),
        &["is empty"],
    );
    has(
        refused(OnnxSettings::new(write("t", b"Dear reader,\n"))),
        &["is no ONNX file"],
    );
    has(
        refused(OnnxSettings::new(write("j", b"{\"a\": 1}"))),
        &["is no ONNX file"],
    );
    let zipmap = model("zipmap");
    has(
        refused(with_bits(zipmap.clone(), 512)),
        &["ZipMap", "zipmap': False", "onnx.output"],
    );
    has(
        refused(OnnxSettings {
            output: "label".into(),
            ..with_bits(zipmap.clone(), 512)
        }),
        &["output_probability", "onnx.output"],
    );
    has(
        refused(OnnxSettings {
            output: "output_label".into(),
            ..with_bits(zipmap, 512)
        }),
        &["label", "probabilities"],
    );
    has(
        refused(with_bits(model("forest_regressor"), 2048)),
        &["takes 1024 features", "make 2048", "onnx.bits=1024"],
    );
    let said = &golden.models["forest_classifier"];
    let one = OnnxSettings {
        columns: vec!["score".into()],
        ..said.settings(model("forest_classifier"))
    };
    has(
        refused(one),
        &["3 values", "\"probabilities\"", "value_2", "oracle.columns"],
    );
    let said = &golden.models["perceptron"];
    let few = OnnxSettings {
        features: Features::Descriptors(vec![Descriptor::Mw]),
        ..said.settings(model("perceptron"))
    };
    has(
        refused(few),
        &["takes 6 features", "make 1", "onnx.descriptors"],
    );
    has(
        refused(with_bits(model("forest_regressor"), 0)),
        &["onnx.bits is 0", "from 1"],
    );
}

/// Everything that was cut off or changed at one place is refused, or is a model all the same: nothing panics
/// out of it, hangs or gives other than finite numbers and failures.
#[test]
fn damaged_files_are_errors() {
    // Panics of the library that runs models are caught; what they print is not to drown the output.
    std::panic::set_hook(Box::new(|_| {}));
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    let objects = &golden.smiles[..3];
    let (mut refused, mut run, mut failed) = (0, 0, 0);
    for (name, said) in &golden.models {
        let whole = fs::read(model(name)).unwrap();
        let path = folder.path().join("damaged.onnx");
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut draw = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for round in 0..60 {
            let mut bytes = whole.clone();
            match round % 3 {
                0 => bytes.truncate(draw(whole.len())),
                // The head of a file, where its structure is, and anywhere.
                1 => {
                    let place = draw(whole.len().min(600));
                    bytes[place] ^= 1 << draw(8);
                }
                _ => {
                    for _ in 0..4 {
                        let place = draw(whole.len());
                        bytes[place] = draw(256) as u8;
                    }
                }
            }
            fs::write(&path, &bytes).unwrap();
            match OnnxOracle::new(said.settings(path.clone())) {
                Err(OracleError::Onnx(_)) => refused += 1,
                Err(other) => panic!("{name}: {other}"),
                Ok(oracle) => match oracle.ask(objects, &|| false, &mut |_| Ok(())) {
                    Ok(()) => run += 1,
                    Err(OracleError::Onnx(_)) => failed += 1,
                    Err(other) => panic!("{name}: {other}"),
                },
            }
        }
    }
    let _ = std::panic::take_hook();
    println!("{refused} refused, {run} run, {failed} failed while running");
    assert!(refused > 200 && run > 20, "{refused} refused, {run} run");
}
