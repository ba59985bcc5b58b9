//! Results as text: a table for the terminal, and the page `docs/REPRODUCTIONS.md`.

use std::fmt::Write as _;

use crate::lab::table::columns;
use crate::papers::recipes;
use crate::recipe::Recipe;
use crate::result::{ClaimResult, RecipeResult};

/// Characters of a column on the terminal.
const WIDEST: usize = 36;

/// Whether a claim holds, in words.
pub fn verdict_word(claim: &ClaimResult) -> &'static str {
    match (claim.holds, claim.gated) {
        (true, true) => "holds",
        (false, true) => "DOES NOT HOLD",
        (true, false) => "holds (reported only)",
        (false, false) => "does not hold (reported only)",
    }
}

/// The claims of a result with criterion, numbers and verdict, for a terminal.
pub fn table(result: &RecipeResult) -> String {
    let head = ["claim", "criterion", "measured", ""].map(str::to_owned);
    let mut rows = vec![head.to_vec()];
    rows.extend(result.claims.iter().map(|c| {
        vec![
            format!("{}: {}", c.id, c.text),
            c.criterion.clone(),
            c.measured.clone(),
            verdict_word(c).to_owned(),
        ]
    }));
    let mut out = columns(&rows, WIDEST);
    for run in &result.seeds {
        if let Some(error) = &run.error {
            let _ = writeln!(out, "seed {} failed: {error}", run.seed);
        }
    }
    out
}

/// What is unusual about a result, in one line; empty where nothing is.
pub fn caveat(result: &RecipeResult) -> String {
    let mut parts = Vec::new();
    if result.quick {
        parts.push("a quick trial: sizes are too small for the criteria".to_owned());
    }
    if !result.complete {
        parts.push(format!(
            "incomplete: stopped after {} seeds",
            result.seeds.len()
        ));
    }
    let failed = result.seeds.iter().filter(|s| s.error.is_some()).count();
    if failed > 0 {
        parts.push(format!(
            "{failed} of {} seeds failed, so no claim holds",
            result.seeds.len()
        ));
    }
    parts.join("; ")
}

/// The page of all recipes with their committed results.
///
/// # Errors
/// Where a committed result is damaged.
pub fn page() -> anyhow::Result<String> {
    let results = recipes().iter().map(Recipe::committed);
    let results: Vec<Option<RecipeResult>> = results.collect::<anyhow::Result<_>>()?;
    let entries = recipes().iter().zip(results.iter().map(Option::as_ref));
    Ok(page_of(&entries.collect::<Vec<_>>()))
}

/// The page of recipes with their results, where there are any.
pub fn page_of(entries: &[(&Recipe, Option<&RecipeResult>)]) -> String {
    let mut out = String::from(
        "# Reproductions\n\n\
         What the papers say, run again at a size that takes minutes. The numbers are those of the \
         committed results\n`crates/recipes/results/<name>.json`, measured by the programs \
         `crates/recipes/src/papers/<name>.rs`.\nGenerated; renew it with \
         `cargo xtask reproductions`.\n\n\
         | recipe | paper | shows | claims that hold | seconds per seed |\n\
         |---|---|---|---|---|\n",
    );
    for (recipe, result) in entries {
        let (score, seconds) = match result {
            Some(result) => {
                let (held, gated) = result.score();
                (
                    format!("{held} of {gated}"),
                    format!("{:.0}", result.seconds_per_seed()),
                )
            }
            None => ("not run".to_owned(), String::new()),
        };
        let _ = writeln!(
            out,
            "| [{0}](#{0}) | [{1}](https://arxiv.org/abs/{1}) ({2}) | {3} | {score} | {seconds} |",
            recipe.name,
            recipe.arxiv,
            recipe.year,
            cell(recipe.summary),
        );
    }
    out += "\nClaims that are only reported are not counted. A claim that does not hold is shown as such.\n";
    for (recipe, result) in entries {
        section(&mut out, recipe, *result);
    }
    out
}

fn section(out: &mut String, recipe: &Recipe, result: Option<&RecipeResult>) {
    let _ = write!(
        out,
        "\n## {0}\n\n*{1}*, [arXiv {2}](https://arxiv.org/abs/{2}) ({3}).\n\n{4}\n\n",
        recipe.name, recipe.title, recipe.arxiv, recipe.year, recipe.about
    );
    match result {
        Some(result) => measured(out, result),
        None => {
            *out += "**not run**\n\n| claim | criterion |\n|---|---|\n";
            for claim in recipe.claims {
                let only = if claim.gated { "" } else { " (reported only)" };
                let _ = writeln!(
                    out,
                    "| {} | {}{only} |",
                    cell(claim.text),
                    cell(claim.criterion)
                );
            }
        }
    }
    if !recipe.differs.is_empty() {
        *out += "\nDiffers:\n\n";
        for line in recipe.differs {
            let _ = writeln!(out, "- {line}");
        }
    }
    if !recipe.sources.is_empty() {
        *out += "\n| constant | value | from |\n|---|---|---|\n";
        for source in recipe.sources {
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                cell(source.constant),
                cell(source.value),
                cell(source.origin)
            );
        }
    }
    let seeds = result.map_or(3, |r| r.seeds.len());
    let _ = write!(
        out,
        "\nAgain: `gfn reproduce {} --seeds {seeds}`\n",
        recipe.name
    );
}

fn measured(out: &mut String, result: &RecipeResult) {
    let caveat = caveat(result);
    if !caveat.is_empty() {
        let _ = write!(out, "**{caveat}**\n\n");
    }
    *out += "| claim | criterion | measured, seed by seed | |\n|---|---|---|---|\n";
    for claim in &result.claims {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            cell(&claim.text),
            cell(&claim.criterion),
            // A line for each number: in one run of text nobody finds the second one.
            cell(&claim.measured).replace("; ", "<br>"),
            verdict_word(claim)
        );
    }
    let seconds: Vec<String> = result
        .seeds
        .iter()
        .map(|s| format!("{:.0}", s.seconds))
        .collect();
    let machine = &result.machine;
    let _ = writeln!(
        out,
        "\nSeconds per seed: {} ({} at a time; {}, {} processors{}). Program {}{}.",
        seconds.join(" / "),
        result.jobs,
        machine.cpu.as_deref().unwrap_or(&machine.system),
        machine.cores,
        machine
            .peak_memory_mib
            .map_or_else(String::new, |m| format!(", {m} MiB at most")),
        result.version,
        result
            .commit
            .as_ref()
            .map_or_else(String::new, |c| format!(", commit {c}")),
    );
}

/// Text that cannot end a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
