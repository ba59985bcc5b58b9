//! Charts of one or several runs with their captions.

use serde::Serialize;

use super::axis::{LARGEST, with_digits};
use super::chart::{self, Group, Line};
use super::data::{Curve, Distribution, RunReport};
use super::logo;

/// Colours there are for runs; further runs begin again.
const COLOURS: usize = 6;

/// A chart with its caption.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    name: String,
    unit: String,
    /// SVG of our own making; absent where there is nothing to draw.
    svg: Option<String>,
    legend: Vec<Entry>,
}

/// A logo with its caption.
#[derive(Debug, Serialize)]
pub(super) struct LogoFigure {
    name: String,
    note: String,
    svg: String,
    /// Width in pixels below which letters cannot be told apart.
    width: f64,
    /// Whether it needs a row for itself.
    wide: bool,
    /// Colour classes and what they stand for.
    legend: Vec<(&'static str, &'static str)>,
}

/// The logos of a run that can be drawn.
pub(super) fn of_logos(run: &RunReport) -> Vec<LogoFigure> {
    let drawn = run.logos.iter().filter_map(|logo| {
        let (svg, width) = logo::draw(logo)?;
        Some(LogoFigure {
            name: logo.name.clone(),
            note: logo.note.clone(),
            svg,
            width,
            wide: logo.positions.len() > logo::WIDE,
            legend: logo::legend(logo.kind),
        })
    });
    drawn.collect()
}

/// One line of a legend.
#[derive(Debug, Serialize)]
struct Entry {
    class: String,
    label: String,
    value: String,
}

/// The colour class of a run.
pub(super) fn colour(run: usize) -> String {
    format!("s{}", run % COLOURS)
}

/// Names in the order in which they first come.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// One figure for each curve that any run has, the runs overlaid.
pub(super) fn of_curves(runs: &[RunReport]) -> Vec<Figure> {
    names(
        runs.iter()
            .flat_map(|run| run.curves.iter().map(|curve| curve.name.as_str())),
    )
    .into_iter()
    .map(|name| curve_figure(runs, name))
    .collect()
}

fn curve_figure(runs: &[RunReport], name: &str) -> Figure {
    let found: Vec<(usize, &Curve)> = runs
        .iter()
        .enumerate()
        .filter_map(|(i, run)| Some((i, run.curves.iter().find(|curve| curve.name == name)?)))
        .collect();
    let lines: Vec<Line> = found
        .iter()
        .map(|(i, curve)| Line {
            label: if runs.len() > 1 {
                runs[*i].name.clone()
            } else {
                name.to_owned()
            },
            class: colour(*i),
            points: points(curve),
        })
        .collect();
    let mut references: Vec<f64> = Vec::new();
    for reference in found.iter().filter_map(|(_, curve)| curve.reference) {
        if reference.is_finite() && !references.contains(&reference) {
            references.push(reference);
        }
    }
    let last = |line: &Line| {
        let tail = &line.points[line.points.len() - (line.points.len() / 20).clamp(0, 50)..];
        let values: Vec<f64> = tail.iter().map(|(_, value)| *value).collect();
        let last = line.points.last().map_or(f64::NAN, |(_, value)| *value);
        with_digits(
            if values.is_empty() {
                last
            } else {
                chart::mean(&values)
            },
            4,
        )
    };
    let mut legend: Vec<Entry> = lines
        .iter()
        .map(|line| Entry {
            class: format!("line {}", line.class),
            label: if runs.len() > 1 {
                line.label.clone()
            } else {
                "at the end".to_owned()
            },
            value: last(line),
        })
        .collect();
    legend.extend(references.iter().map(|reference| Entry {
        class: "dashed".to_owned(),
        label: "reference".to_owned(),
        value: with_digits(*reference, 4),
    }));
    Figure {
        name: name.to_owned(),
        unit: found
            .first()
            .map_or_else(String::new, |(_, curve)| curve.unit.clone()),
        svg: chart::curves(name, &lines, &references),
        legend,
    }
}

fn points(curve: &Curve) -> Vec<(f64, f64)> {
    let steps = curve.steps.iter().map(|step| *step as f64);
    let mut points: Vec<(f64, f64)> = steps
        .zip(curve.values.iter().copied())
        .filter(|(_, value)| value.is_finite())
        .map(|(step, value)| (step, value.clamp(-LARGEST, LARGEST)))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// One figure for each distribution that any run has: the random policy, and the runs over it.
pub(super) fn of_distributions(runs: &[RunReport]) -> Vec<Figure> {
    let all = runs.iter().flat_map(|run| &run.distributions);
    names(all.map(|distribution| distribution.name.as_str()))
        .into_iter()
        .map(|name| distribution_figure(runs, name))
        .collect()
}

fn distribution_figure(runs: &[RunReport], name: &str) -> Figure {
    let found: Vec<(usize, &Distribution)> = runs
        .iter()
        .enumerate()
        .filter_map(|(i, run)| Some((i, run.distributions.iter().find(|d| d.name == name)?)))
        .collect();
    let finite = |values: &[f64]| {
        let finite = values.iter().copied().filter(|value| value.is_finite());
        finite.map(|value| value.clamp(-LARGEST, LARGEST)).collect()
    };
    let mut groups = vec![Group {
        label: "random policy".to_owned(),
        class: "random".to_owned(),
        values: found
            .iter()
            .flat_map(|(_, d)| finite(&d.random))
            .collect::<Vec<f64>>(),
    }];
    let only = runs.len() == 1;
    groups.extend(found.iter().map(|(i, distribution)| Group {
        label: if only {
            "trained".to_owned()
        } else {
            runs[*i].name.clone()
        },
        class: if only {
            format!("only {}", colour(*i))
        } else {
            colour(*i)
        },
        values: finite(&distribution.trained),
    }));
    let svg = chart::histogram(name, &groups);
    groups.rotate_left(1);
    Figure {
        name: name.to_owned(),
        unit: found
            .first()
            .map_or_else(String::new, |(_, d)| d.unit.clone()),
        svg,
        legend: groups
            .iter()
            .filter(|group| !group.values.is_empty())
            .map(|group| Entry {
                class: format!("box {}", group.class),
                label: group.label.clone(),
                value: format!("mean {}", with_digits(chart::mean(&group.values), 3)),
            })
            .collect(),
    }
}
