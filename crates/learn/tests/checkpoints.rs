//! Checkpoints: what is written is read back, and damage is found.

use std::fs;

use anabranch_core::Seed;
use anabranch_learn::params::Params;
use anabranch_learn::run::{Checkpoint, CheckpointStore};

fn params(seed: u64) -> Params {
    let mut rng = Seed::new(seed).stream("init", &[]);
    let mut params = Params::new();
    // Not in alphabetical order: the order of declaration must survive the file.
    params.linear("policy.z", 3, 4, &mut rng);
    params.linear("policy.a", 4, 2, &mut rng);
    params.constant("log_z.value", [1, 1], -1.5);
    params
}

fn checkpoint(step: u64) -> Checkpoint {
    let model = params(step);
    let memory = |scale: f32| {
        let values = model
            .iter()
            .map(|p| p.values.iter().map(|v| v * scale).collect());
        values.collect::<Vec<Vec<f32>>>()
    };
    Checkpoint {
        step,
        metrics_bytes: 7 * step,
        average: Some(params(step + 1)),
        adam: (step, memory(0.5), memory(-2.0)),
        extra: serde_json::json!({"trajectories": 16 * step}),
        model,
    }
}

fn store(keep: usize) -> (tempfile::TempDir, CheckpointStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = CheckpointStore::new(folder.path(), keep);
    (folder, store)
}

#[test]
fn what_is_saved_is_loaded() {
    let (_folder, store) = store(2);
    assert_eq!(store.load(None).expect("reads"), None);
    for step in [10, 20, 30] {
        store.save(&checkpoint(step)).expect("saves");
    }
    assert_eq!(
        store.steps().expect("reads"),
        [20, 30],
        "only the newest two stay"
    );
    assert_eq!(store.load(None).expect("reads"), Some(checkpoint(30)));
    assert_eq!(store.load(Some(20)).expect("reads"), Some(checkpoint(20)));
    assert!(store.load(Some(10)).is_err());
}

#[test]
fn any_damaged_file_is_found_and_named() {
    let (folder, store) = store(2);
    store.save(&checkpoint(10)).expect("saves");
    store.save(&checkpoint(20)).expect("saves");
    for name in [
        "model.safetensors",
        "state.safetensors",
        "state.json",
        "manifest.json",
    ] {
        let path = folder.path().join("20").join(name);
        let whole = fs::read(&path).expect("written");
        let mut flipped = whole.clone();
        let last = flipped.len() - 2;
        flipped[last] ^= 1;
        for damaged in [&whole[..whole.len() - 1], &[], &flipped] {
            fs::write(&path, damaged).expect("damages");
            let message = match store.load(None) {
                Err(error) => error.to_string(),
                // A flipped bit of white space in the manifest damages nothing.
                Ok(loaded) => {
                    assert_eq!(loaded, Some(checkpoint(20)), "{name}");
                    continue;
                }
            };
            assert!(
                message.contains(name) && message.contains("--from 10"),
                "{message}"
            );
        }
        fs::write(&path, &whole).expect("mends");
    }
    assert_eq!(store.load(None).expect("mended"), Some(checkpoint(20)));
}

#[test]
fn later_checkpoints_are_set_aside_not_lost() {
    let (folder, store) = store(3);
    for step in [10, 20] {
        store.save(&checkpoint(step)).expect("saves");
    }
    store.set_aside_after(10).expect("renames");
    store.save(&checkpoint(20)).expect("saves");
    store.set_aside_after(10).expect("renames");
    assert_eq!(store.steps().expect("reads"), [10]);
    assert!(
        folder.path().join("set-aside-20").exists()
            && folder.path().join("set-aside-20-2").exists()
    );
}

#[test]
fn leftovers_of_a_kill_are_swept() {
    let (folder, store) = store(2);
    store.save(&checkpoint(10)).expect("saves");
    for leftover in [".new-abc", ".old-5"] {
        fs::create_dir(folder.path().join(leftover)).expect("a folder");
    }
    assert_eq!(store.steps().expect("reads"), [10]);
    store.clean();
    assert_eq!(fs::read_dir(folder.path()).expect("reads").count(), 1);
}
