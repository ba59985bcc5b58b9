//! `gfn reproduce`.

use std::path::PathBuf;
use std::process::ExitCode;

use anabranch_recipes::lab::table::columns;
use anabranch_recipes::{Recipe, RecipeResult, Settings, find, markdown, recipes, reproduce};

use crate::{interrupt, progress};

/// Seeds where nobody asks for another number.
const SEEDS: u64 = 3;

/// Run the experiments of papers again and say which of their claims hold
///
/// A recipe is one paper's experiment, scaled down to minutes. It is run with several seeds; then each
/// claim of the paper is shown with its criterion, the number that every seed measured, and whether it
/// holds. All of it goes to a JSON file. The numbers depend on the seeds only, not on --jobs.
///
/// Ctrl-C stops: the seeds that have ended by then are kept, in a result that is marked as incomplete.
/// The exit code is 0 where everything ran, also where a claim does not hold, and 1 where a seed failed.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  gfn reproduce --list                      what there is\n  \
                        gfn reproduce flow_matching               3 seeds, result in results/flow_matching.json\n  \
                        gfn reproduce subtb maxent --seeds 5      two papers, 5 seeds each\n  \
                        gfn reproduce flow_matching --quick       does it work? sizes too small for the criteria\n  \
                        gfn reproduce all --jobs 2 --output runs/papers"
)]
pub struct Args {
    /// Names of recipes, or all; --list shows them
    #[arg(required_unless_present_any = ["list", "markdown"], value_name = "NAME")]
    names: Vec<String>,
    /// Show every recipe: its paper, how long it takes, what it shows
    #[arg(long)]
    list: bool,
    /// Only try: below 20 s a seed, at sizes too small for the criteria
    #[arg(long)]
    quick: bool,
    /// Run seeds 0 to N - 1
    #[arg(long, value_name = "N", default_value_t = SEEDS, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seeds: u64,
    /// Seeds at a time, each on one thread [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Folder for the results; a file that exists is never replaced
    #[arg(long, value_name = "DIR", default_value = "results")]
    output: PathBuf,
    /// Print the committed results as the page docs/REPRODUCTIONS.md
    #[arg(long, conflicts_with_all = ["list", "names"])]
    markdown: bool,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.markdown {
        print!("{}", markdown::page()?);
        return Ok(ExitCode::SUCCESS);
    }
    if args.list {
        print!("{}", list()?);
        return Ok(ExitCode::SUCCESS);
    }
    // All names before the first minute of work.
    let chosen = chosen(&args.names)?;
    interrupt::listen();
    let mut failed = false;
    for recipe in chosen {
        let result = one(recipe, args);
        failed |= result.seeds.iter().any(|seed| seed.error.is_some());
        show(recipe, &result, args)?;
        if interrupt::asked() {
            return Ok(ExitCode::from(130));
        }
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The recipes of `names`, each once, in the order of the names.
fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Recipe>> {
    let mut out: Vec<&Recipe> = Vec::new();
    for name in names {
        let more: Vec<&Recipe> = match name.as_str() {
            "all" => recipes().iter().collect(),
            name => vec![find(name)?],
        };
        for recipe in more {
            if !out.iter().any(|known| known.name == recipe.name) {
                out.push(recipe);
            }
        }
    }
    Ok(out)
}

fn one(recipe: &Recipe, args: &Args) -> RecipeResult {
    println!(
        "\n{}  {} (arXiv {}, {})",
        recipe.name, recipe.title, recipe.arxiv, recipe.year
    );
    let commit = Some(env!("GFN_COMMIT")).filter(|commit| *commit != "unknown");
    let bars = progress::Seeds::new();
    let settings = Settings {
        seeds: args.seeds,
        quick: args.quick,
        jobs: args
            .jobs
            .map_or_else(rayon::current_num_threads, usize::from),
        commit,
        stop: interrupt::flag(),
        observer: &|event| bars.show(event),
    };
    reproduce(recipe, &settings)
}

fn show(recipe: &Recipe, result: &RecipeResult, args: &Args) -> anyhow::Result<()> {
    if result.seeds.iter().all(|seed| seed.error.is_some()) {
        for run in &result.seeds {
            let error = run.error.as_deref().unwrap_or_default();
            eprintln!("error: {}: seed {} failed: {error}", recipe.name, run.seed);
        }
        println!(
            "no seed of {} came to its end; no result is written",
            recipe.name
        );
        return Ok(());
    }
    println!("\n{}", markdown::table(result));
    let caveat = markdown::caveat(result);
    if !caveat.is_empty() {
        println!("{caveat}");
    }
    let (held, gated) = result.score();
    let lost: Vec<&str> = result
        .claims
        .iter()
        .filter(|claim| claim.gated && !claim.holds)
        .map(|claim| claim.id.as_str())
        .collect();
    println!("{held} of {gated} claims hold");
    if !lost.is_empty() {
        println!("does not hold: {}", lost.join(", "));
    }
    println!("seconds  {:.1} for each seed", result.seconds_per_seed());
    println!("result   {}", result.write(&args.output)?.display());
    Ok(())
}

/// The recipes as a table.
fn list() -> anyhow::Result<String> {
    let head = ["name", "paper", "minutes", "what it shows"].map(str::to_owned);
    let mut rows = vec![head.to_vec()];
    for recipe in recipes() {
        let minutes = recipe.committed()?.map_or_else(
            || "not run".to_owned(),
            |result| {
                let minutes = result.seconds_per_seed() * SEEDS as f64 / 60.0;
                format!("{minutes:.1}")
            },
        );
        rows.push(vec![
            recipe.name.to_owned(),
            format!("arXiv {} ({})", recipe.arxiv, recipe.year),
            minutes,
            recipe.summary.to_owned(),
        ]);
    }
    Ok(columns(&rows, usize::MAX)
        + &format!(
            "\nMinutes: {SEEDS} seeds one after another, measured when the result was committed.\n"
        ))
}
