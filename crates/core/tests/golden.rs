//! Objectives against values of an independent program (`golden/objectives.json` says which).

use std::collections::BTreeMap;

use anabranch_core::objective::{
    TransitionReduction, detailed_balance, log_partition_variance, sub_trajectory_balance,
    trajectory_balance,
};
use anabranch_core::{Ragged, Terms};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    trajectories: Vec<Trajectory>,
    vargrad_loss: f64,
}

#[derive(Deserialize)]
struct Trajectory {
    log_pf: Vec<f64>,
    log_pb: Vec<f64>,
    log_flow: Vec<f64>,
    log_reward: f64,
    log_z: f64,
    expect: Expect,
}

#[derive(Deserialize)]
struct Expect {
    tb_residual: f64,
    tb_loss: f64,
    tb_dlogz: f64,
    db_residuals: Vec<f64>,
    db_loss_mean: f64,
    db_loss_sum: f64,
    subtb: BTreeMap<String, f64>,
}

fn terms(trajectories: &[Trajectory]) -> Terms {
    let rows = |pick: fn(&Trajectory) -> &Vec<f64>| -> Ragged<f64> {
        trajectories.iter().map(|t| pick(t).clone()).collect()
    };
    let mut terms = Terms::new(
        rows(|t| &t.log_pf),
        rows(|t| &t.log_pb),
        trajectories.iter().map(|t| t.log_z).collect(),
        trajectories.iter().map(|t| t.log_reward).collect(),
    );
    terms.log_flow = Some(rows(|t| &t.log_flow).items().to_vec());
    terms
}

#[track_caller]
fn close(got: f64, expected: f64) {
    let error = (got - expected).abs() / expected.abs().max(1.0);
    assert!(error < 1e-10, "got {got}, expected {expected}");
}

#[test]
fn values_of_an_independent_program() {
    let golden: Golden = serde_json::from_str(include_str!("golden/objectives.json")).unwrap();
    assert!(golden.trajectories.len() >= 6);
    for trajectory in &golden.trajectories {
        let terms = terms(std::slice::from_ref(trajectory));
        let expect = &trajectory.expect;
        let balance = trajectory_balance(&terms).unwrap();
        close(
            terms.log_z[0] - terms.log_z_estimates()[0],
            expect.tb_residual,
        );
        close(balance.value, expect.tb_loss);
        close(balance.grad.log_z[0], expect.tb_dlogz);
        let sum = detailed_balance(&terms, TransitionReduction::TrajectorySum).unwrap();
        close(sum.value, expect.db_loss_sum);
        assert_eq!(expect.db_residuals.len(), sum.grad.log_pf.len());
        for (slope, &residual) in sum.grad.log_pf.iter().zip(&expect.db_residuals) {
            close(slope / 2.0, residual);
        }
        let mean = detailed_balance(&terms, TransitionReduction::Mean).unwrap();
        close(mean.value, expect.db_loss_mean);
        assert_eq!(expect.subtb.len(), 6);
        for (lambda, &expected) in &expect.subtb {
            let loss = sub_trajectory_balance(&terms, lambda.parse().unwrap()).unwrap();
            close(loss.value, expected);
        }
    }
    let all = terms(&golden.trajectories);
    close(
        log_partition_variance(&all).unwrap().value,
        golden.vargrad_loss,
    );
}
