//! Rows a second that models in ONNX files do, and molecules a second with their features; for
//! docs/adr/0010-onnx.md.
//!
//! `cargo build --workspace --example onnx_speed`, then `target/debug/examples/onnx_speed molecules.csv` with SMILES
//! in the first column.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use anabranch_chem::Descriptor;
use anabranch_oracles::onnx::Features;
use anabranch_oracles::{OnnxOracle, OnnxSettings, Oracle, OracleError};

/// How long each measurement takes.
const TIME: Duration = Duration::from_millis(400);
/// How often it is repeated; the fastest counts.
const TIMES: usize = 5;
/// Rows of a batch.
const ROWS: usize = 64;

/// Things done in a second, `each` telling how many it did.
fn rate(mut each: impl FnMut() -> Result<usize, OracleError>) -> Result<f64, OracleError> {
    let mut best: f64 = 0.0;
    for _ in 0..TIMES {
        let (begin, mut done) = (Instant::now(), 0);
        while begin.elapsed() < TIME {
            done += each()?;
        }
        best = best.max(done as f64 / begin.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn morgan(radius: u32, bits: u32, counts: bool) -> Features {
    Features::Morgan {
        radius,
        bits,
        counts,
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("give a file of SMILES")?;
    let text = std::fs::read_to_string(file)?;
    let smiles = text.lines().skip(1).filter_map(|l| l.split(',').next());
    let smiles: Vec<String> = smiles.take(1000).map(str::to_owned).collect();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/onnx");
    let descriptors = ["mw", "logp", "tpsa", "hbd", "hba", "rings"];
    let descriptors = descriptors.iter().filter_map(|n| Descriptor::parse(n).ok());
    for (name, features, values) in [
        ("forest_regressor", morgan(2, 1024, false), 1),
        ("xgboost_regressor", morgan(3, 512, true), 1),
        (
            "perceptron",
            Features::Descriptors(descriptors.collect()),
            1,
        ),
        ("torch_perceptron", morgan(2, 512, false), 2),
    ] {
        let oracle = OnnxOracle::new(OnnxSettings {
            features,
            columns: (0..values).map(|i| format!("v{i}")).collect(),
            ..OnnxSettings::new(models.join(format!("{name}.onnx")))
        })?;
        let count = oracle.settings().features.count();
        let features: Vec<f64> = (0..ROWS * count)
            .map(|i| f64::from(u8::from(i * 7919 % 50 == 0)))
            .collect();
        let rows = rate(|| Ok(oracle.evaluate(&features, ROWS)?.len() / values))?;
        println!("{name}: {rows:.0} rows");
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new();
            let pool = pool.num_threads(threads).build()?;
            let whole = pool.install(|| {
                rate(|| {
                    oracle.ask(&smiles, &|| false, &mut |_| Ok(()))?;
                    Ok(smiles.len())
                })
            })?;
            println!("{name}: {whole:.0} molecules, features included, {threads} threads");
        }
    }
    Ok(())
}
