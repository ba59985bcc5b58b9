//! Running recipes: the same numbers however many at a time, and what becomes of seeds that fail.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anabranch_core::objective::Objective;
use anabranch_envs::hypergrid::{Hypergrid, Terminal};
use anabranch_learn::optim::AdamConfig;
use anabranch_learn::policy::{Model, Tabular};
use anabranch_recipes::lab::{Exact, Training, epsilon, on_policy};
use anabranch_recipes::markdown::{caveat, page_of, table};
use anabranch_recipes::{
    Claim, Context, Event, Measurements, Recipe, RecipeResult, Settings, Verdict, reproduce,
};

const CLAIM: Claim = Claim {
    id: "learns",
    text: "A table learns the grid.",
    criterion: "total variation < 0.1 with every seed",
    gated: true,
    check: |m| m.verdict(m.every("tv", |v| v < 0.1)),
};

const RECIPE: Recipe = Recipe {
    name: "table",
    title: "On tables",
    arxiv: "0000.00000",
    year: 2026,
    summary: "tables learn",
    about: "A table is trained.",
    claims: &[CLAIM],
    differs: &["it is no paper"],
    sources: &[],
    run: small_grid,
    result: None,
};

/// A grid of side 4, as a recipe would write it.
fn small_grid(context: &mut Context) -> anyhow::Result<()> {
    let grid = Hypergrid::new(2, 4, Terminal::All)?;
    let reward = grid.corners(0.1)?;
    let log_reward = |cell: &_| reward.reward(cell).ln();
    let exact = Exact::new(&grid, log_reward)?;
    let mut model = Tabular::new(&grid);
    let training = Training {
        name: "TB",
        env: &grid,
        steps: context.scaled(400, 10),
        adam: AdamConfig::with_rates(0.03, 0.1),
    };
    let mut looked = 0;
    let trained = training.run_with(
        context,
        &mut model,
        epsilon(&grid, context.seed(), 16, 0.05),
        |terms| Objective::TrajectoryBalance.loss(terms),
        log_reward,
        |step, _| {
            looked = step;
            Ok(())
        },
    )?;
    anyhow::ensure!(looked == training.steps && trained.trajectories == 16 * looked);
    anyhow::ensure!(trained.visited >= trained.trajectories);
    let figures = exact.figures(&model)?;
    context.record("learns", "tv", figures.total_variation);
    let log_z_error = (model.log_z(&[], 1)?[0] - exact.log_z).abs();
    context.record("learns", "log_z_error", log_z_error);
    Ok(())
}

fn run(recipe: &Recipe, seeds: u64, jobs: usize) -> RecipeResult {
    let settings = Settings {
        seeds,
        quick: false,
        jobs,
        commit: Some("abc"),
        stop: &AtomicBool::new(false),
        observer: &|_| {},
    };
    reproduce(recipe, &settings)
}

fn with_run(run: fn(&mut Context) -> anyhow::Result<()>) -> Recipe {
    Recipe { run, ..RECIPE }
}

#[test]
fn the_numbers_do_not_depend_on_the_jobs() {
    let (one, two) = (run(&RECIPE, 3, 1), run(&RECIPE, 3, 2));
    assert_eq!(one.claims, two.claims);
    assert!(one.complete && one.claims[0].holds, "{}", table(&one));
    let tv = &one.claims[0].values["tv"];
    assert!(tv.len() == 3 && tv[0] != tv[1], "seeds differ: {tv:?}");
    assert_eq!(
        one.seeds.iter().map(|s| s.seed).collect::<Vec<_>>(),
        [0, 1, 2]
    );
}

#[test]
fn a_result_survives_json_and_is_never_replaced() {
    let result = run(&RECIPE, 1, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("results");
    let first = result.write(&output).expect("written");
    let second = result.write(&output).expect("written");
    assert!(first.ends_with("table.json") && second.ends_with("table-002.json"));
    let text = std::fs::read_to_string(first).expect("a file");
    assert_eq!(RecipeResult::from_json(&text).expect("a result"), result);
    assert_eq!(std::fs::read_dir(output).expect("a folder").count(), 2);
    let other = text.replacen("\"format\": 1", "\"format\": 2", 1);
    assert!(RecipeResult::from_json(&other).is_err());
}

#[test]
fn a_seed_that_fails_is_told_and_the_others_go_on() {
    for recipe in [
        with_run(|context| {
            context.record("learns", "tv", 0.0);
            anyhow::ensure!(context.seed().value() != 1, "no luck");
            Ok(())
        }),
        with_run(|context| {
            context.record("learns", "tv", 0.0);
            assert!(context.seed().value() != 1, "no luck");
            Ok(())
        }),
    ] {
        let result = run(&recipe, 3, 1);
        assert!(result.complete && result.seeds.len() == 3);
        let error = result.seeds[1].error.as_deref().expect("it failed");
        assert!(error.contains("no luck"), "{error}");
        assert!(result.seeds[0].error.is_none() && result.seeds[2].error.is_none());
        assert!(!result.claims[0].holds);
        assert!(result.claims[0].measured.contains("seed 1 failed"));
        assert!(caveat(&result).contains("1 of 3 seeds failed"));
    }
}

#[test]
fn what_is_not_finite_or_missing_never_holds() {
    fn anything(m: &Measurements) -> Verdict {
        m.verdict(true)
    }
    const EASY: &[Claim] = &[Claim {
        check: anything,
        ..CLAIM
    }];
    let easy = |run| Recipe {
        claims: EASY,
        ..with_run(run)
    };
    let fine = run(
        &easy(|context| {
            context.record("learns", "tv", 1.0);
            Ok(())
        }),
        2,
        1,
    );
    assert!(fine.claims[0].holds);
    for (bad, told) in [
        (
            easy(|context| {
                context.record("learns", "tv", f64::NAN);
                Ok(())
            }),
            "tv is no number with seed 0",
        ),
        (
            easy(|context| {
                context.record("learns", "tv", f64::INFINITY);
                Ok(())
            }),
            "tv is no number with seed 1",
        ),
        (
            easy(|context| {
                if context.seed().value() == 0 {
                    context.record("learns", "tv", 1.0);
                }
                Ok(())
            }),
            "tv is no number with seed 1",
        ),
        (easy(|_| Ok(())), "nothing was measured"),
    ] {
        let claim = &run(&bad, 2, 1).claims[0];
        assert!(!claim.holds && claim.measured.contains(told), "{claim:?}");
    }
}

#[test]
fn a_number_under_no_claim_or_twice_makes_the_seed_fail() {
    let stranger = with_run(|context| {
        context.record("learns", "tv", 0.0);
        context.record("leans", "tv", 0.0);
        Ok(())
    });
    let error = run(&stranger, 1, 1).seeds[0].error.clone();
    assert_eq!(error.as_deref(), Some("leans is no claim of this recipe"));
    let twice = with_run(|context| {
        context.record("learns", "tv", 0.0);
        context.record("learns", "tv", 0.1);
        Ok(())
    });
    let error = run(&twice, 1, 1).seeds[0].error.clone();
    assert_eq!(error.as_deref(), Some("tv was recorded twice under learns"));
}

#[test]
fn interruption_keeps_the_seeds_that_have_ended() {
    let stop = AtomicBool::new(false);
    let events = Mutex::new(Vec::new());
    let observer = |event: Event| {
        // Seed 1 is stopped in the middle.
        if matches!(
            event,
            Event::Progress {
                seed: 1,
                done: 20..,
                ..
            }
        ) {
            stop.store(true, Ordering::Relaxed);
        }
        events.lock().expect("no panic").push(event);
    };
    let settings = Settings {
        seeds: 3,
        quick: false,
        jobs: 1,
        commit: None,
        stop: &stop,
        observer: &observer,
    };
    let result = reproduce(&RECIPE, &settings);
    assert!(!result.complete);
    assert_eq!(result.seeds.iter().map(|s| s.seed).collect::<Vec<_>>(), [0]);
    assert_eq!(result.claims[0].values["tv"].len(), 1);
    assert_eq!(
        result.claims[0].values["tv"][0],
        run(&RECIPE, 1, 1).claims[0].values["tv"][0]
    );
    assert!(caveat(&result).contains("incomplete: stopped after 1 seeds"));
    let begun = events.lock().expect("no panic");
    assert!(
        !begun.contains(&Event::Began { seed: 2 }),
        "seed 2 never began"
    );
}

#[test]
fn a_quick_run_is_small_and_says_so() {
    let settings = Settings {
        seeds: 1,
        quick: true,
        jobs: 1,
        commit: None,
        stop: &AtomicBool::new(false),
        observer: &|_| {},
    };
    let result = reproduce(&RECIPE, &settings);
    assert!(result.quick && !result.claims[0].holds);
    assert!(caveat(&result).contains("quick trial"));
}

#[test]
fn exploration_changes_what_is_trained_on() {
    let grid = Hypergrid::new(2, 4, Terminal::All).expect("a grid");
    let model = Tabular::new(&grid);
    let seed = anabranch_core::Seed::new(0);
    let own = on_policy(&grid, seed, 8)(&model, 3).expect("samples");
    let same = epsilon(&grid, seed, 8, 0.0)(&model, 3).expect("samples");
    assert_eq!(own.objects(), same.objects());
    let other = on_policy(&grid, seed, 8)(&model, 4).expect("samples");
    assert_ne!(own.objects(), other.objects());
}

#[test]
fn the_page_shows_results_and_gaps() {
    let result = run(&RECIPE, 3, 1);
    let other = Recipe {
        name: "later",
        ..RECIPE
    };
    let page = page_of(&[(&RECIPE, Some(&result)), (&other, None)]);
    for part in [
        "| [table](#table) | [0000.00000](https://arxiv.org/abs/0000.00000) (2026) | tables learn | 1 of 1 |",
        "| [later](#later) |",
        "| not run |",
        "**not run**",
        "- it is no paper",
        "commit abc",
        "gfn reproduce table --seeds 3",
        "| holds |",
        "median",
    ] {
        assert!(page.contains(part), "no {part:?} in\n{page}");
    }
}
