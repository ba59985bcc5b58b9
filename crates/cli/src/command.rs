//! The commands.

pub mod data;
pub mod eval;
pub mod export;
pub mod report;
pub mod reproduce;
pub mod resume;
pub mod sample;
pub mod scores;
pub mod train;

use std::path::Path;
use std::process::ExitCode;

use anabranch_learn::run::RunFolder;
use anabranch_tasks::config::Config;
use anabranch_tasks::own_score::Surroundings;
use anabranch_tasks::runs;
use anabranch_tasks::train::{Outcome, Wish};

use crate::{interrupt, progress};

/// Trains and, when all steps are done, writes samples and report. Ctrl-C saves.
fn train_to_the_end(
    config: &Config,
    run: &RunFolder,
    from: Option<u64>,
) -> anyhow::Result<ExitCode> {
    interrupt::listen();
    let mut bar = progress::Training::new(config.steps);
    let outcome = runs::train_run(config, run, &around(), from, &mut |tick| {
        bar.tick(tick);
        if interrupt::asked() {
            Wish::Stop
        } else {
            Wish::GoOn
        }
    })?;
    bar.finish();
    let folder = run.path().display();
    match outcome {
        Outcome::Stopped { step } => {
            println!(
                "stopped after step {step} of {}; everything is saved",
                config.steps
            );
            println!("go on with:  gfn resume {folder}");
            // The shell's convention for a program ended by Ctrl-C.
            Ok(ExitCode::from(130))
        }
        Outcome::Finished => {
            interrupt::nothing_to_save();
            let closed = {
                let _waiting =
                    progress::Waiting::new("sampling, evaluating and writing the report");
                runs::close(config, run, &around())?
            };
            let files: Vec<String> = closed
                .samples
                .iter()
                .map(|p| p.display().to_string())
                .collect();
            println!("samples  {}", files.join("  "));
            println!("report   {}", closed.report.display());
            // In the format that the objects have for their own, written above beside the table.
            let format = closed.samples.last().and_then(|path| path.extension());
            let format = format.map_or("csv".into(), |format| format.to_string_lossy());
            println!(
                "more     gfn sample {folder} -n 10000 -o hits.{format}    gfn resume {folder} steps={}",
                config.steps * 2
            );
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What a score of one's own needs: Ctrl-C ends the wait for it.
fn around() -> Surroundings {
    Surroundings::default().stopping(interrupt::asked)
}

/// The run and its settings.
fn open(path: &Path) -> anyhow::Result<(RunFolder, Config)> {
    let run = RunFolder::open(path)?;
    let config = runs::settings(&run, &[])?;
    Ok((run, config))
}
