//! `gfn train`.

use std::process::ExitCode;

use anabranch_tasks::config::{Source, load, to_commented_toml};
use anabranch_tasks::runs;

use super::{around, train_to_the_end};

/// Train a sampler in a new run folder
///
/// TASK is fragments, hypergrid, bit_sequence, tfbind8, qm9, dag or sequences with its defaults, or a TOML
/// file. Settings are written as key=value; --dry-run prints all of them with what they mean. The task
/// sequences needs a score: reward.built_in.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  gfn train fragments\n  gfn train fragments reward.qed=2 reward.logp=1 seed=7\n  \
                        gfn train fragments 'reward.beta={uniform=[1,32]}' steps=5000\n  gfn train settings.toml --name first-try\n  \
                        gfn train hypergrid env.dims=4 objective.name=sub_trajectory_balance\n  \
                        gfn train sequences reward.built_in=rna:L14_RNA1\n  \
                        gfn train sequences reward.built_in=amp env.max_length=25 policy.network=transformer"
)]
pub struct Args {
    /// A task (fragments, hypergrid, bit_sequence, tfbind8, qm9, dag, sequences) or a TOML file
    task: String,
    /// Settings that differ from the defaults or the file
    #[arg(value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Print the resolved settings, fully commented, and leave
    #[arg(long)]
    dry_run: bool,
    /// Name of the run folder [default: the task and a number]
    #[arg(long)]
    name: Option<String>,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = load(Source::from_argument(&args.task)?, &args.settings)?;
    if args.dry_run {
        runs::check(&config, &around())?;
        print!("{}", to_commented_toml(&config));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(name) = &args.name {
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
        anyhow::ensure!(
            plain,
            "--name {name:?} cannot name a folder; use letters, digits, - and _"
        );
    }
    let command = std::env::args().collect();
    let run = runs::create(
        &config,
        &around(),
        args.name.as_deref(),
        command,
        env!("GFN_COMMIT"),
    )?;
    println!("run      {}", run.path().display());
    for (name, value) in runs::facts(&config, &around())? {
        println!("{name}: {value}");
    }
    train_to_the_end(&config, &run, None)
}
