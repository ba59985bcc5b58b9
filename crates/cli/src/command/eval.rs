//! `gfn eval`.

use std::path::PathBuf;
use std::process::ExitCode;

use anabranch_tasks::evaluate::{Evaluation, EvaluationSize};
use anabranch_tasks::runs::assess;

use super::{around, open};
use crate::progress::Waiting;

/// Say how good a trained run is
///
/// Where all states can be written down the distance to the target distribution is exact. Elsewhere
/// log p(x) of held objects is estimated by backward importance sampling, with its standard error.
#[derive(clap::Args)]
pub struct Args {
    /// The run folder
    run: PathBuf,
    /// Objects drawn from the trained and from the random policy
    #[arg(short = 'n', long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(2..))]
    number: u64,
    /// Objects whose log p(x) is estimated
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(4..))]
    held: u64,
    /// Backward trajectories for each of them
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..))]
    backward: u64,
    /// Inverse temperature, where the policy was trained with a distribution of them
    #[arg(long)]
    beta: Option<f64>,
    /// Evaluate the checkpoint of this step instead of the newest
    #[arg(long, value_name = "STEP")]
    from: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (run, config) = open(&args.run)?;
    let size = EvaluationSize {
        held: usize::try_from(args.held)?,
        backward: usize::try_from(args.backward)?,
        ..EvaluationSize::of(&config, usize::try_from(args.number)?)
    };
    let assessment = {
        let _waiting = Waiting::new("evaluating");
        assess(&config, &run, &around(), args.from, args.beta, size)?
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&assessment.evaluation)?);
    } else {
        print(&assessment.evaluation, &assessment.report.numbers);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(evaluation: &Evaluation, numbers: &[anabranch_tasks::report::data::Number]) {
    println!(
        "step {}, inverse temperature {}",
        evaluation.step, evaluation.beta
    );
    if let Some(e) = &evaluation.exact {
        println!("\nexact, over {} objects in {} states", e.objects, e.states);
        if let Some(merged) = &e.merged {
            let count = merged.objects;
            println!(
                "  total variation over {count} distinct texts, several objects reading the same: {:.6}",
                merged.total_variation
            );
        }
        for (name, value) in [
            ("total variation", e.total_variation),
            ("L1", e.l1),
            ("Jensen-Shannon (nats)", e.jensen_shannon),
            ("KL(target || policy) (nats)", e.kl_target),
            ("KL(policy || target) (nats)", e.kl_policy),
            ("log Z (nats)", e.log_z),
            ("log Z error (nats)", e.log_z_error),
            ("trajectory entropy (nats)", e.trajectory_entropy),
            ("mean reward", e.reward),
            ("mean reward of the target", e.target_reward),
            ("relative reward error", e.reward_error),
            ("mean |log p - log p*| (nats)", e.mean_log_error),
        ] {
            println!("  {name:<28} {value:.6}");
        }
        for (name, value) in [("Spearman", e.spearman), ("Pearson", e.pearson)] {
            let value = value.map_or("undefined".into(), |v| format!("{v:.6}"));
            println!("  {name:<28} {value}  of log p with log R, over all objects");
        }
        if let Some(ratio) = e.anderson_darling {
            println!(
                "  {:<28} {ratio:.6}  of rewards, against the target; below 1 the 5 % test passes",
                "Anderson-Darling / critical"
            );
        }
        println!(
            "  {:<28} {:.6} <= log Z <= {:.6}",
            "ELBO, EUBO (nats)", e.elbo, e.eubo
        );
    }
    println!("\n{:<18} {:>12} {:>12}", "", "trained", "random");
    for number in numbers {
        let random = number.random.as_deref().unwrap_or("");
        println!(
            "{:<18} {:>12} {:>12}  {}",
            number.name, number.value, random, number.note
        );
    }
}
