//! Training steps, and sampling by itself.

use anabranch_bench::workload::{fragments, hypergrid, hypergrid_on_burn, message_passing};
use criterion::Criterion;

/// The native perceptron on the 8-dimensional grid, where products of matrices take most of a step, and
/// beside the one on burn.
pub fn perceptron(c: &mut Criterion) {
    let mut group = c.benchmark_group("perceptron");
    group.sample_size(20);
    for batch in [16, 256] {
        let mut training = hypergrid(8, 10, batch).expect("a grid");
        group.bench_function(format!("sample 8x10, batch {batch}"), |b| {
            b.iter(|| training.sample().expect("a batch"));
        });
        group.bench_function(format!("step 8x10, batch {batch}"), |b| {
            b.iter(|| training.step().expect("a step"));
        });
    }
    let mut native = hypergrid(4, 8, 16).expect("a grid");
    group.bench_function("step 4x8, batch 16", |b| {
        b.iter(|| native.step().expect("a step"));
    });
    let mut burn = hypergrid_on_burn(4, 8, 16).expect("a grid");
    group.bench_function("step 4x8, batch 16, on burn", |b| {
        b.iter(|| burn.step().expect("a step"));
    });
    group.finish();
}

/// The two graph networks on the 72 fragments.
pub fn graphs(c: &mut Criterion) {
    let mut group = c.benchmark_group("fragments");
    group.sample_size(10);
    let mut transformer = fragments(16);
    group.bench_function("step of the transformer, batch 16", |b| {
        b.iter(|| transformer.step().expect("a step"));
    });
    let mut messages = message_passing(16);
    group.bench_function("step of message passing, batch 16", |b| {
        b.iter(|| messages.step().expect("a step"));
    });
    group.finish();
}
