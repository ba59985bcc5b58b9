//! Runs a recipe with several seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::context::{Context, Event, Interrupted, Recorded};
use crate::machine::Machine;
use crate::recipe::Recipe;
use crate::result::{ClaimResult, FORMAT, RecipeResult, SeedRun, verdict};

/// How a recipe is run.
pub struct Settings<'a> {
    /// Seeds 0 to `seeds - 1`.
    pub seeds: u64,
    /// Whether it is only tried.
    pub quick: bool,
    /// Seeds at a time; each computes on one thread, and the numbers do not depend on it.
    pub jobs: usize,
    /// Commit of the program, where known.
    pub commit: Option<&'a str>,
    /// Set from outside to end early; seeds that have ended by then are kept.
    pub stop: &'a AtomicBool,
    /// Told how it goes, from several threads at once.
    pub observer: &'a (dyn Fn(Event) + Sync),
}

/// How one seed ended; `None` where it was interrupted.
type Ended = Option<(SeedRun, Recorded)>;

/// Runs `recipe` and judges its claims.
///
/// A seed that fails or panics is noted with its error, and no claim holds then; the others go on.
pub fn reproduce(recipe: &Recipe, settings: &Settings<'_>) -> RecipeResult {
    let next = AtomicU64::new(0);
    let ended: Mutex<BTreeMap<u64, (SeedRun, Recorded)>> = Mutex::default();
    let jobs = settings.jobs.clamp(
        1,
        usize::try_from(settings.seeds).unwrap_or(usize::MAX).max(1),
    );
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while !settings.stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= settings.seeds {
                        break;
                    }
                    if let Some(end) = one_seed(recipe, seed, settings) {
                        let mut ended = ended.lock().unwrap_or_else(|e| e.into_inner());
                        ended.insert(seed, end);
                    }
                }
            });
        }
    });
    let ended = ended.into_inner().unwrap_or_else(|e| e.into_inner());
    let complete = ended.len() as u64 == settings.seeds;
    let (seeds, recorded): (Vec<SeedRun>, Vec<Recorded>) = ended.into_values().unzip();
    RecipeResult {
        format: FORMAT,
        recipe: recipe.name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: settings.commit.map(str::to_owned),
        quick: settings.quick,
        complete,
        claims: claims(recipe, &seeds, &recorded),
        seeds,
        jobs,
        machine: Machine::here(),
    }
}

fn one_seed(recipe: &Recipe, seed: u64, settings: &Settings<'_>) -> Ended {
    (settings.observer)(Event::Began { seed });
    let begin = Instant::now();
    let mut context = Context::new(seed, settings.quick, settings.stop, settings.observer);
    let outcome = on_one_thread(|| {
        catch_unwind(AssertUnwindSafe(|| (recipe.run)(&mut context)))
            .unwrap_or_else(|panic| Err(anyhow::anyhow!("panicked: {}", text(&*panic))))
    });
    let seconds = begin.elapsed().as_secs_f64();
    let interrupted = matches!(&outcome, Err(e) if e.is::<Interrupted>());
    let error = match outcome {
        Err(error) => Some(format!("{error:#}")),
        Ok(()) => mistakes(recipe, &context),
    };
    (settings.observer)(Event::Ended {
        seed,
        seconds,
        error: error.clone(),
    });
    let run = SeedRun {
        seed,
        seconds,
        error,
    };
    (!interrupted).then_some((run, context.recorded))
}

/// Does `work` where everything parallel has one thread, so that seconds of seeds can be compared.
fn on_one_thread<R: Send>(work: impl FnOnce() -> anyhow::Result<R> + Send) -> anyhow::Result<R> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(work)
}

fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

/// What is wrong with the numbers that a seed noted.
fn mistakes(recipe: &Recipe, context: &Context<'_>) -> Option<String> {
    let known: BTreeSet<&str> = recipe.claims.iter().map(|c| c.id).collect();
    let strangers = context
        .recorded
        .keys()
        .filter(|id| !known.contains(id.as_str()))
        .map(|id| format!("{id} is no claim of this recipe"));
    let all: Vec<String> = context.mistakes.iter().cloned().chain(strangers).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn claims(recipe: &Recipe, seeds: &[SeedRun], recorded: &[Recorded]) -> Vec<ClaimResult> {
    let claim = |claim: &crate::Claim| {
        let of_seed: Vec<Option<&BTreeMap<String, f64>>> =
            recorded.iter().map(|r| r.get(claim.id)).collect();
        let keys: BTreeSet<&String> = of_seed
            .iter()
            .flatten()
            .flat_map(|values| values.keys())
            .collect();
        let column = |key: &String| -> Vec<Option<f64>> {
            let value =
                |values: &Option<&BTreeMap<String, f64>>| values.as_ref()?.get(key).copied();
            of_seed
                .iter()
                .map(|values| value(values).filter(|v| v.is_finite()))
                .collect()
        };
        let values = keys.into_iter().map(|k| (k.clone(), column(k))).collect();
        let verdict = verdict(claim.check, &values, seeds);
        ClaimResult {
            id: claim.id.to_owned(),
            text: claim.text.to_owned(),
            criterion: claim.criterion.to_owned(),
            gated: claim.gated,
            holds: verdict.holds,
            measured: verdict.measured,
            values,
        }
    };
    recipe.claims.iter().map(claim).collect()
}
