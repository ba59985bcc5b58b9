//! Charts as SVG text; their colours are classes that the page's style sheet fills in.

use std::fmt::Write;

use super::axis::{Axis, compact, nice_step};

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 24.0;

/// One line of a chart of curves.
pub(super) struct Line {
    pub(super) label: String,
    /// Colour class.
    pub(super) class: String,
    /// Steps and values, all finite, in order.
    pub(super) points: Vec<(f64, f64)>,
}

/// One population of a histogram.
pub(super) struct Group {
    pub(super) label: String,
    /// Colour class.
    pub(super) class: String,
    /// All finite.
    pub(super) values: Vec<f64>,
}

/// Lines over steps with dashed references; nothing to draw is `None`.
///
/// A long line is drawn twice: faint as it is, strong as its moving mean.
pub(super) fn curves(name: &str, lines: &[Line], references: &[f64]) -> Option<String> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let mut values: Vec<f64> = points().map(|(_, value)| *value).collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let smooth: Vec<Vec<(f64, f64)>> = lines.iter().map(|line| smoothed(&line.points)).collect();
    // Single outliers would flatten the rest: the middle 98 % and every mean decide the range.
    let middle = [values[last / 100], values[last - last / 100]];
    let log = middle[0] > 0.0 && middle[1] / middle[0] > 100.0;
    let means = smooth.iter().flatten().map(|(_, value)| *value);
    let (low, high) = span(means.chain(middle).chain(references.iter().copied()));
    let (start, end) = span(points().map(|(step, _)| *step));
    let (x, y) = (Axis::exact(start, end, 5), Axis::new(low, high, 5, log));
    let mut svg = open(name, "over training steps");
    frame(&mut svg, &x, &y, |tick| y.label(tick));
    for (line, mean) in lines.iter().zip(&smooth) {
        if lines.len() == 1 && mean.len() < line.points.len() {
            path(
                &mut svg,
                &format!("raw {}", line.class),
                &x,
                &y,
                &thinned(&line.points),
            );
        }
    }
    for reference in references {
        let at = row(&y, *reference);
        let _ = write!(
            svg,
            "<line class=\"reference\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"><title>reference {}</title></line>",
            WIDTH - RIGHT,
            compact(*reference)
        );
    }
    for (line, mean) in lines.iter().zip(&smooth) {
        path(&mut svg, &format!("curve {}", line.class), &x, &y, mean);
    }
    let longest = smooth.iter().max_by_key(|mean| mean.len())?;
    let stride = longest.len().div_ceil(60).max(1);
    for (step, _) in longest.iter().step_by(stride) {
        let mut title = format!("step {step}");
        for (line, mean) in lines.iter().zip(&smooth) {
            if let Some((_, value)) = mean.iter().find(|(at, _)| at >= step) {
                let _ = write!(title, "\n{}: {}", line.label, compact(*value));
            }
        }
        let half = (WIDTH - LEFT - RIGHT) / longest.len().div_ceil(stride) as f64 / 2.0;
        strip(&mut svg, column(&x, *step), half, &title);
    }
    svg.push_str("</svg>");
    Some(svg)
}

/// Shares of populations over common bins; nothing to draw is `None`.
pub(super) fn histogram(name: &str, groups: &[Group]) -> Option<String> {
    let all = || groups.iter().flat_map(|group| group.values.iter().copied());
    all().next()?;
    let (low, high) = span(all());
    let whole = all().all(|value| value.fract() == 0.0) && high - low <= 1e6;
    let step = match nice_step(((high - low) / 38.0).max(f64::MIN_POSITIVE * 1e16)) {
        step if whole => step.ceil().max(1.0),
        _ if high - low <= 1e-12 * high.abs().max(low.abs()).max(1e-200) => {
            (high.abs() * 0.1).max(0.1)
        }
        step => step,
    };
    // Whole numbers stand in the middle of their bins.
    let shift = if whole && step == 1.0 { 0.5 } else { 0.0 };
    let first = ((low + shift) / step).floor() * step - shift;
    let bins = (((high - first) / step).floor() as usize + 1).min(60);
    let shares: Vec<Vec<f64>> = groups
        .iter()
        .map(|group| {
            let mut counts = vec![0.0; bins];
            for value in &group.values {
                counts[(((value - first) / step) as usize).min(bins - 1)] += 1.0;
            }
            let total = group.values.len().max(1) as f64;
            counts.iter().map(|count| count / total * 100.0).collect()
        })
        .collect();
    let top = shares.iter().flatten().copied().fold(0.0, f64::max);
    let x = Axis::exact(first, first + step * bins as f64, 6);
    let y = Axis::new(0.0, top, 4, false);
    let mut svg = open(name, "as shares of objects");
    frame(&mut svg, &x, &y, |tick| format!("{}%", y.label(tick)));
    for (group, share) in groups
        .iter()
        .zip(&shares)
        .filter(|(group, _)| !group.values.is_empty())
    {
        let mut d = format!("M{:.1} {:.1}", column(&x, first), row(&y, 0.0));
        for (i, height) in share.iter().enumerate() {
            let _ = write!(
                d,
                "L{:.1} {at:.1}L{:.1} {at:.1}",
                column(&x, first + step * i as f64),
                column(&x, first + step * (i + 1) as f64),
                at = row(&y, *height)
            );
        }
        let _ = write!(
            d,
            "L{:.1} {:.1}Z",
            column(&x, first + step * bins as f64),
            row(&y, 0.0)
        );
        let _ = write!(svg, "<path class=\"area {}\" d=\"{d}\"/>", group.class);
    }
    for group in groups.iter().filter(|group| !group.values.is_empty()) {
        let at = column(&x, mean(&group.values));
        let _ = write!(
            svg,
            "<line class=\"mean {}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>",
            group.class,
            HEIGHT - BOTTOM
        );
    }
    for bin in 0..bins {
        let from = first + step * bin as f64;
        let mut title = if shift > 0.0 {
            compact(from + shift)
        } else {
            format!("{} to {}", compact(from), compact(from + step))
        };
        for (group, share) in groups.iter().zip(&shares) {
            let _ = write!(title, "\n{}: {:.1} %", group.label, share[bin]);
        }
        let half = (column(&x, from + step) - column(&x, from)) / 2.0;
        strip(&mut svg, column(&x, from + step / 2.0), half, &title);
    }
    svg.push_str("</svg>");
    Some(svg)
}

/// The arithmetic mean; of no values, NaN.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

fn column(x: &Axis, value: f64) -> f64 {
    LEFT + x.place(value) * (WIDTH - LEFT - RIGHT)
}

fn row(y: &Axis, value: f64) -> f64 {
    HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM)
}

fn open(name: &str, what: &str) -> String {
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{} {what}\">",
        escaped(name)
    )
}

fn frame(svg: &mut String, x: &Axis, y: &Axis, label: impl Fn(f64) -> String) {
    for tick in &y.ticks {
        let at = row(y, *tick);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 7.0,
            at + 3.7,
            label(*tick)
        );
    }
    for tick in &x.ticks {
        let at = column(x, *tick);
        // The last label must not stick out.
        let anchor = if at > WIDTH - RIGHT - 12.0 {
            "end"
        } else {
            "middle"
        };
        let _ = write!(
            svg,
            "<line class=\"tick\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 4.0,
            HEIGHT - BOTTOM + 17.0,
            x.label(*tick)
        );
    }
}

fn path(svg: &mut String, class: &str, x: &Axis, y: &Axis, points: &[(f64, f64)]) {
    let _ = write!(svg, "<path class=\"{class}\" d=\"");
    for (i, (step, value)) in points.iter().enumerate() {
        let command = if i == 0 { 'M' } else { 'L' };
        let _ = write!(
            svg,
            "{command}{:.1} {:.1}",
            column(x, *step),
            row(y, *value)
        );
    }
    svg.push_str("\"/>");
}

/// An invisible column that shows a guide and a text under the pointer.
fn strip(svg: &mut String, at: f64, half: f64, title: &str) {
    let _ = write!(
        svg,
        "<g class=\"hit\"><title>{}</title><rect x=\"{:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/><line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/></g>",
        escaped(title),
        at - half,
        half * 2.0,
        HEIGHT - TOP - BOTTOM,
        HEIGHT - BOTTOM
    );
}

/// At most 200 points of the centred moving mean; short lines as they are.
fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() < 60 {
        return points.to_vec();
    }
    let half = (points.len() / 60).max(2);
    let stride = points.len().div_ceil(200);
    let last = points.len() - 1;
    (0..=last)
        .filter(|i| i.is_multiple_of(stride) || *i == last)
        .map(|i| {
            let window = &points[i.saturating_sub(half)..=(i + half).min(last)];
            let sum: f64 = window
                .iter()
                .map(|(_, value)| value / window.len() as f64)
                .sum();
            (points[i].0, sum)
        })
        .collect()
}

/// At most some 600 points: the extremes of each stretch.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let stretch = points.len().div_ceil(300);
    if stretch <= 2 {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for chunk in points.chunks(stretch) {
        let extremes = [
            chunk.iter().min_by(|a, b| a.1.total_cmp(&b.1)),
            chunk.iter().max_by(|a, b| a.1.total_cmp(&b.1)),
        ];
        let mut pair: Vec<_> = extremes.into_iter().flatten().copied().collect();
        pair.sort_by(|a, b| a.0.total_cmp(&b.0));
        kept.extend(pair);
    }
    kept
}

/// Text that may stand in SVG, in quotation marks too.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
