//! Holds the objectives against the values of an independent program.
//!
//! The file is one JSON document, plain or gzipped: `trajectories` with their terms and what is
//! expected of each alone, and `vargrad_loss` of all of them as one batch.

use std::collections::BTreeMap;
use std::path::Path;

use anabranch_core::objective::{
    TransitionReduction, detailed_balance, log_partition_variance, sub_trajectory_balance,
    trajectory_balance,
};
use anabranch_core::{Ragged, Terms};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::text;

/// Largest error accepted: absolute up to one, relative above.
const TOLERANCE: f64 = 1e-10;

#[derive(Deserialize)]
struct Reference {
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
    /// By lambda, as a decimal.
    subtb: BTreeMap<String, f64>,
}

/// Compares every value in `file`, prints the largest error of each column and returns whether all are
/// within tolerance.
///
/// # Errors
/// Where the file cannot be read, is not of this form, or holds terms that no objective accepts.
pub fn run(file: &Path) -> Result<bool> {
    let name = file.display();
    let reference: Reference = serde_json::from_str(&text(file)?)
        .with_context(|| format!("{name} is not an objectives file"))?;
    let mut columns = Columns::default();
    for (index, trajectory) in reference.trajectories.iter().enumerate() {
        compare(trajectory, &mut columns)
            .with_context(|| format!("trajectory {index} of {name}"))?;
    }
    let all =
        terms(&reference.trajectories).with_context(|| format!("all trajectories of {name}"))?;
    columns.note(
        "vargrad_loss",
        log_partition_variance(&all)?.value,
        reference.vargrad_loss,
    );
    Ok(columns.print(reference.trajectories.len()))
}

fn terms(trajectories: &[Trajectory]) -> Result<Terms> {
    for (index, one) in trajectories.iter().enumerate() {
        let lengths = [one.log_pf.len(), one.log_pb.len(), one.log_flow.len()];
        ensure!(
            lengths.iter().all(|&n| n == lengths[0]),
            "trajectory {index} has log_pf, log_pb and log_flow of lengths {lengths:?}"
        );
    }
    let rows = |pick: fn(&Trajectory) -> &Vec<f64>| -> Ragged<f64> {
        trajectories.iter().map(|one| pick(one).clone()).collect()
    };
    let mut terms = Terms::new(
        rows(|one| &one.log_pf),
        rows(|one| &one.log_pb),
        trajectories.iter().map(|one| one.log_z).collect(),
        trajectories.iter().map(|one| one.log_reward).collect(),
    );
    terms.log_flow = Some(rows(|one| &one.log_flow).items().to_vec());
    Ok(terms)
}

fn compare(trajectory: &Trajectory, columns: &mut Columns) -> Result<()> {
    let terms = terms(std::slice::from_ref(trajectory))?;
    let expect = &trajectory.expect;
    let whole = trajectory_balance(&terms)?;
    let residual = terms.log_z[0] - terms.log_z_estimates()[0];
    columns.note("tb_residual", residual, expect.tb_residual);
    columns.note("tb_loss", whole.value, expect.tb_loss);
    columns.note("tb_dlogz", whole.grad.log_z[0], expect.tb_dlogz);

    let sum = detailed_balance(&terms, TransitionReduction::TrajectorySum)?;
    columns.note("db_loss_sum", sum.value, expect.db_loss_sum);
    ensure!(
        expect.db_residuals.len() == sum.grad.log_pf.len(),
        "{} residuals are expected of {} transitions",
        expect.db_residuals.len(),
        sum.grad.log_pf.len()
    );
    // The slope of a sum of squares along log P_F of one transition is twice its residual.
    for (slope, &residual) in sum.grad.log_pf.iter().zip(&expect.db_residuals) {
        columns.note("db_residuals", slope / 2.0, residual);
    }
    let mean = detailed_balance(&terms, TransitionReduction::Mean)?;
    columns.note("db_loss_mean", mean.value, expect.db_loss_mean);

    for (lambda, &expected) in &expect.subtb {
        let value = lambda
            .parse()
            .with_context(|| format!("lambda is {lambda:?}, not a number"))?;
        let loss = sub_trajectory_balance(&terms, value)?;
        columns.note(&format!("subtb {lambda}"), loss.value, expected);
    }
    Ok(())
}

/// Number of values and largest error of each column.
#[derive(Default)]
struct Columns(BTreeMap<String, (usize, f64)>);

impl Columns {
    fn note(&mut self, column: &str, got: f64, expected: f64) {
        let error = (got - expected).abs() / expected.abs().max(1.0);
        let (count, largest) = self.0.entry(column.to_owned()).or_insert((0, 0.0));
        *count += 1;
        // Not f64::max, which would drop a NaN.
        if error.is_nan() || error > *largest {
            *largest = error;
        }
    }

    fn print(&self, trajectories: usize) -> bool {
        println!("objectives: {trajectories} trajectories, tolerance {TOLERANCE:e}");
        let mut good = true;
        for (column, &(count, largest)) in &self.0 {
            // A NaN is not within tolerance either.
            let within = largest <= TOLERANCE;
            good &= within;
            let verdict = if within { "ok" } else { "OUT OF TOLERANCE" };
            println!("  {column:<14} {count:>4} values  largest error {largest:8.1e}  {verdict}");
        }
        good && trajectories > 0
    }
}
