//! What the template prints, ready made.

use serde::Serialize;

use super::ReportError;
use super::axis::compact;
use super::data::{Card, Number, ReportData, RunReport};
use super::figures::{self, Figure, LogoFigure};
use super::number::{factor, leading};

/// The page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    title: String,
    task: String,
    verdict: String,
    warnings: Vec<String>,
    /// Of a single run.
    tiles: Vec<Tile>,
    /// Of several.
    comparison: Option<Comparison>,
    curves: Vec<Figure>,
    distributions: Vec<Figure>,
    /// Whether any run has logos.
    logos: bool,
    runs: Vec<Run>,
}

/// A big number.
#[derive(Debug, Serialize)]
struct Tile {
    name: String,
    value: String,
    random: Option<String>,
    factor: Option<String>,
    note: String,
    /// Percent of the longer of both bars.
    bars: Option<(f64, f64)>,
}

/// Numbers of several runs beside each other.
#[derive(Debug, Serialize)]
struct Comparison {
    /// Names and colour classes of the runs.
    heads: Vec<(String, String)>,
    rows: Vec<ComparisonRow>,
}

#[derive(Debug, Serialize)]
struct ComparisonRow {
    name: String,
    note: String,
    cells: Vec<Option<Tile>>,
}

/// What each run has of its own.
#[derive(Debug, Serialize)]
struct Run {
    name: String,
    class: String,
    facts: Vec<(String, String)>,
    command: String,
    config: String,
    logos: Vec<LogoFigure>,
    /// The cards that are seen at once.
    cards: Vec<Picture>,
    /// The rest, behind a switch.
    more: Vec<Picture>,
}

/// A card of the gallery.
#[derive(Debug, Serialize)]
struct Picture {
    rank: usize,
    svg: Option<String>,
    text: String,
    reward: String,
    /// Percent of the best reward of the gallery.
    bar: f64,
    properties: Vec<(String, String)>,
}

/// Cards seen at once.
const CARDS: usize = 24;

impl Page {
    pub(super) fn of(data: &ReportData) -> Result<Self, ReportError> {
        let runs = &data.runs;
        let first = runs.first().ok_or(ReportError::NoRuns)?;
        let single = runs.len() == 1;
        let mut tasks: Vec<&str> = Vec::new();
        for run in runs {
            if !tasks.contains(&run.task.as_str()) {
                tasks.push(&run.task);
            }
        }
        let warnings = runs.iter().flat_map(|run| {
            run.warnings.iter().map(move |warning| {
                if single {
                    warning.clone()
                } else {
                    format!("{}: {warning}", run.name)
                }
            })
        });
        Ok(Self {
            title: if single {
                first.name.clone()
            } else {
                format!("{} runs compared", runs.len())
            },
            task: tasks.join(", ").replace('_', " "),
            verdict: if single {
                verdict(first)
            } else {
                verdict_of_several(runs)
            },
            warnings: warnings.collect(),
            tiles: if single {
                first.numbers.iter().map(Tile::of).collect()
            } else {
                Vec::new()
            },
            comparison: (!single).then(|| Comparison::of(runs)),
            curves: figures::of_curves(runs),
            distributions: figures::of_distributions(runs),
            logos: runs.iter().any(|run| !run.logos.is_empty()),
            runs: runs
                .iter()
                .enumerate()
                .map(|(i, run)| Run::of(i, run))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// One sentence on a run: its most important number that can be compared.
fn verdict(run: &RunReport) -> String {
    let compared = run.numbers.iter().find_map(|number| {
        let random = number.random.as_ref()?;
        let factor = factor(leading(&number.value)?, leading(random)?)?;
        let times = match factor.as_str() {
            "same" => "the same as".to_owned(),
            factor => format!("{} times", factor.trim_end_matches('×')),
        };
        Some(format!(
            "{} is {}, {times} the random policy's {random}.",
            number.name, number.value
        ))
    });
    compared
        .or_else(|| {
            let number = run.numbers.first()?;
            Some(format!("{} is {}.", number.name, number.value))
        })
        .unwrap_or_else(|| "This run has no evaluation yet.".to_owned())
}

fn verdict_of_several(runs: &[RunReport]) -> String {
    let Some(name) = runs
        .iter()
        .find_map(|run| run.numbers.first().map(|n| &n.name))
    else {
        return "These runs have no evaluation yet.".to_owned();
    };
    let values: Vec<String> = runs
        .iter()
        .filter_map(|run| {
            let number = run.numbers.iter().find(|number| number.name == *name)?;
            Some(format!("{} in {}", number.value, run.name))
        })
        .collect();
    format!("{name}: {}.", values.join("; "))
}

impl Tile {
    fn of(number: &Number) -> Self {
        let trained = leading(&number.value);
        let random = number.random.as_deref().and_then(leading);
        let both = trained.zip(random);
        let bars = both
            .filter(|(trained, random)| *trained >= 0.0 && *random >= 0.0)
            .map(|(trained, random)| (trained, random, trained.max(random)))
            .filter(|(.., longest)| *longest > 0.0)
            .map(|(trained, random, longest)| {
                (trained / longest * 100.0, random / longest * 100.0)
            });
        Self {
            name: number.name.clone(),
            value: number.value.clone(),
            random: number.random.clone(),
            factor: both.and_then(|(trained, random)| factor(trained, random)),
            note: number.note.clone(),
            bars,
        }
    }
}

impl Comparison {
    fn of(runs: &[RunReport]) -> Self {
        let mut rows: Vec<ComparisonRow> = Vec::new();
        for number in runs.iter().flat_map(|run| &run.numbers) {
            if rows.iter().any(|row| row.name == number.name) {
                continue;
            }
            let cells = runs.iter().map(|run| {
                let found = run.numbers.iter().find(|other| other.name == number.name);
                found.map(Tile::of)
            });
            rows.push(ComparisonRow {
                name: number.name.clone(),
                note: number.note.clone(),
                cells: cells.collect(),
            });
        }
        let heads = runs.iter().enumerate();
        Self {
            heads: heads
                .map(|(i, run)| (run.name.clone(), figures::colour(i)))
                .collect(),
            rows,
        }
    }
}

impl Run {
    fn of(index: usize, run: &RunReport) -> Result<Self, ReportError> {
        let rewards = run.gallery.iter().map(|card| card.reward);
        let best = rewards
            .filter(|reward| reward.is_finite())
            .fold(0.0, f64::max);
        let mut cards = run
            .gallery
            .iter()
            .enumerate()
            .map(|(i, card)| Picture::of(i + 1, card, best))
            .collect::<Result<Vec<_>, _>>()?;
        let more = cards.split_off(cards.len().min(CARDS));
        Ok(Self {
            name: run.name.clone(),
            class: figures::colour(index),
            facts: run.facts.clone(),
            command: run.command.clone(),
            config: run.config.clone(),
            logos: figures::of_logos(run),
            cards,
            more,
        })
    }
}

impl Picture {
    fn of(rank: usize, card: &Card, best: f64) -> Result<Self, ReportError> {
        let share = card.reward / best * 100.0;
        let svg = card.svg.as_deref().map(|svg| drawing(svg, &card.text));
        Ok(Self {
            rank,
            svg: svg.transpose()?,
            text: card.text.clone(),
            reward: match card.reward {
                // Rewards that can be compared at a glance, one card under the other.
                reward if reward.abs() < 10.0 => format!("{reward:.3}"),
                reward => compact(reward),
            },
            bar: if share.is_finite() {
                share.clamp(0.0, 100.0)
            } else {
                0.0
            },
            properties: card.properties.clone(),
        })
    }
}

/// A drawing as an element: without its XML declaration, and refused if it does more than draw.
fn drawing(svg: &str, text: &str) -> Result<String, ReportError> {
    let refuse = |reason| ReportError::Drawing {
        text: text.to_owned(),
        reason,
    };
    let start = svg.find("<svg").ok_or_else(|| refuse("it is no SVG"))?;
    let end = svg
        .rfind("</svg>")
        .ok_or_else(|| refuse("it does not end"))?
        + "</svg>".len();
    let element = svg
        .get(start..end.max(start))
        .filter(|text| !text.is_empty());
    let element = element.ok_or_else(|| refuse("it ends before it begins"))?;
    let lower = element.to_lowercase();
    let active = [
        "<script",
        "<foreignobject",
        "<iframe",
        "<image",
        "<use",
        "<a ",
        "<style",
        "javascript:",
    ];
    if active.iter().any(|word| lower.contains(word)) {
        return Err(refuse("it holds scripts, styles or embedded content"));
    }
    let event = lower.match_indices(" on").any(|(at, _)| {
        let name = lower[at + 3..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
        name.trim_start().starts_with('=')
    });
    if event || lower.contains("href") || lower.contains("url(") {
        return Err(refuse("it holds links or event handlers"));
    }
    Ok(element.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_that_do_more_than_draw_are_refused() {
        let good = "<?xml version='1.0'?>\n<svg viewBox='0 0 1 1'><path d='M0 0'/></svg>\n";
        assert!(drawing(good, "C").is_ok_and(|svg| svg.starts_with("<svg") && svg.ends_with('>')));
        for bad in [
            "",
            "<svg>",
            "</svg><svg",
            "<svg><script>1</script></svg>",
            "<svg onload =\"x()\"></svg>",
            "<svg><image href='http://x'/></svg>",
            "<svg style='fill:url(http://x)'></svg>",
        ] {
            assert!(drawing(bad, "C").is_err(), "{bad}");
        }
    }
}
