//! Scores a second of a trivial Python command through the store, and of the store alone.
//!
//! `cargo run --release --example scoring_speed -- <folder>`; the folder is where the store is, since its
//! speed is that of the disk's syncs.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anabranch_oracles::{
    Callable, CommandLine, CommandOracle, CommandSettings, Fates, Oracle, OracleError, Scorer,
    Store, StoreSettings,
};

const ECHO: &str = "import sys, json\nfor line in sys.stdin:\n q = json.loads(line)\n \
                    print(json.dumps({'id': q['id'], 'score': 0.5}), flush=True)";
const OBJECTS: usize = 20_000;

fn measure(
    name: &str,
    oracle: Box<dyn Oracle>,
    path: &Path,
    batch: usize,
) -> Result<(), OracleError> {
    let store = Store::open(&StoreSettings {
        path: path.to_path_buf(),
        ..StoreSettings::default()
    })?;
    let scorer = Scorer::new(oracle, store, Fates::default())?;
    // The start of the processes is not what is measured.
    scorer.score(&["first".into(), "second".into()])?;
    let objects: Vec<String> = (0..OBJECTS)
        .map(|i| format!("CC(=O)Oc1ccccc1C(=O)O{i}"))
        .collect();
    let start = Instant::now();
    for batch in objects.chunks(batch) {
        scorer.score(batch)?;
    }
    let asked = OBJECTS as f64 / start.elapsed().as_secs_f64();
    let start = Instant::now();
    for batch in objects.chunks(batch) {
        scorer.score(batch)?;
    }
    let known = OBJECTS as f64 / start.elapsed().as_secs_f64();
    println!("{name:<40} batches of {batch:>5}: {asked:>9.0} new/s {known:>9.0} known/s");
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder)?;
    let output = std::process::Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()?;
    let python = String::from_utf8(output.stdout)?.trim().to_owned();
    let mut number = 0;
    let mut path = || {
        number += 1;
        folder.path().join(format!("{number}.sqlite"))
    };
    for batch in [64, 1000] {
        for (workers, in_flight) in [(1, 1), (2, 1), (1, 8), (2, 8)] {
            let oracle = CommandOracle::new(CommandSettings {
                command: CommandLine::Program(vec![python.clone(), "-c".into(), ECHO.into()]),
                workers,
                in_flight,
                ..CommandSettings::default()
            })?;
            let name = format!("Python, {workers} workers, {in_flight} in flight");
            measure(&name, Box::new(oracle), &path(), batch)?;
        }
        let nothing = Callable::new("half", |objects| Ok(vec![Some(0.5); objects.len()]));
        measure("the store alone", Box::new(nothing), &path(), batch)?;
        let single =
            Callable::new("half", |objects| Ok(vec![Some(0.5); objects.len()])).with_batch(1);
        measure(
            "the store, answers one by one",
            Box::new(single),
            &path(),
            batch,
        )?;
    }
    Ok(())
}
