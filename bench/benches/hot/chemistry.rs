//! Numbers of molecules: one pass over the golden molecules of `anabranch-chem`.

use std::time::Duration;

use anabranch_bench::Workload;
use anabranch_bench::workload::{Chemistry, Molecules};
use criterion::{Criterion, Throughput};
use serde_json::Value;

/// The file's lines have the SMILES under `s`.
const GOLDEN: &str = include_str!("../../../crates/chem/tests/golden/molecules.jsonl");

fn smiles() -> Vec<String> {
    let line = |line: &str| -> Option<String> {
        let value: Value = serde_json::from_str(line).ok()?;
        Some(value.get("s")?.as_str()?.to_owned())
    };
    GOLDEN.lines().filter_map(line).collect()
}

/// Reading, QED, SA, and the fingerprint of radius 2.
pub fn descriptors(c: &mut Criterion) {
    let mut group = c.benchmark_group("molecules");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(4));
    let smiles = smiles();
    for what in [
        Chemistry::Parse,
        Chemistry::Qed,
        Chemistry::Sa,
        Chemistry::Morgan,
    ] {
        let mut molecules = Molecules::new(what, &smiles).expect("molecules");
        group.throughput(Throughput::Elements(smiles.len() as u64));
        group.bench_function(what.to_string(), |b| {
            b.iter(|| molecules.unit().expect("numbers"));
        });
    }
    group.finish();
}
