//! Exact figures of the 4-dimensional grid with sides of 8.

use anabranch_bench::workload::ExactGrid;
use anabranch_core::exact::terminating_distribution;
use criterion::Criterion;

/// The sweep over the cells, and the network before it.
pub fn grid(c: &mut Criterion) {
    let grid = ExactGrid::new(4, 8).expect("a grid");
    let log_pf = grid.log_pf().expect("scores");
    let mut group = c.benchmark_group("exact 4x8");
    group.bench_function("sweep", |b| {
        b.iter(|| terminating_distribution(grid.dag(), &log_pf));
    });
    group.bench_function("network and sweep", |b| {
        b.iter(|| grid.evaluate().expect("scores"));
    });
    group.finish();
}
