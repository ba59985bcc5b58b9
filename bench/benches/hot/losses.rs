//! Objectives by themselves, on 256 trajectories of 30 edges.

use anabranch_core::Terms;
use anabranch_core::objective::Objective;
use criterion::Criterion;

const TRAJECTORIES: usize = 256;
const EDGES: usize = 30;

/// Numbers of no meaning, the same every time.
fn terms() -> Terms {
    let some = |count: usize, scale: f64| -> Vec<f64> {
        let angles = (0..count).map(|i| i as f64);
        angles.map(|i| -scale * (1.0 + (0.7 * i).sin())).collect()
    };
    let total = TRAJECTORIES * EDGES;
    Terms {
        offsets: (0..=TRAJECTORIES).map(|i| i * EDGES).collect(),
        log_pf: some(total, 1.1),
        log_pb: some(total, 0.9),
        log_flow: Some(some(total, 5.0)),
        log_stop: None,
        log_z: vec![1.0; TRAJECTORIES],
        log_reward: some(TRAJECTORIES, 3.0),
    }
}

/// Value and gradient.
pub fn losses(c: &mut Criterion) {
    let terms = terms();
    let mut group = c.benchmark_group("loss of 256 trajectories");
    for (name, objective) in [
        ("trajectory balance", Objective::TrajectoryBalance),
        (
            "sub-trajectory balance",
            Objective::SubTrajectoryBalance { lambda: 0.9 },
        ),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| objective.loss(&terms).expect("a loss"));
        });
    }
    group.finish();
}
