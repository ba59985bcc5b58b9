//! Sequence logos as SVG.

use std::fmt::Write;

use super::axis::{Axis, with_digits};
use super::chart::escaped;
use super::glyph::outline;
use crate::logo::{Logo, Position};
use crate::sequences::Kind;

const HEIGHT: f64 = 190.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 24.0;
/// Width of a figure that has half a row, and of one that has a row; a longer logo can be scrolled.
const WIDTHS_OF_ROWS: (f64, f64) = (460.0, 1150.0);
/// Positions above which a logo needs a row for itself.
pub(super) const WIDE: usize = 24;
/// Width of a position, at least and at most.
const WIDTHS: (f64, f64) = (15.0, 56.0);
/// Share of a position's width that letters leave free.
const GAP: f64 = 0.06;
/// Letters lower than this are not seen and not drawn.
const LOWEST: f64 = 0.4;
/// Colours there are for letters that stand for nothing known.
const COLOURS: usize = 6;

/// The drawing of a logo, and its width in pixels at natural size; `None` for one without positions.
pub(super) fn draw(logo: &Logo) -> Option<(String, f64)> {
    let count = logo.positions.len();
    if count == 0 || !logo.most.is_finite() || logo.most <= 0.0 {
        return None;
    }
    let least = if count > WIDE {
        WIDTHS_OF_ROWS.1
    } else {
        WIDTHS_OF_ROWS.0
    };
    let room = least - LEFT - RIGHT;
    let step = (room / count as f64).clamp(WIDTHS.0, WIDTHS.1);
    let width = (LEFT + RIGHT + step * count as f64).max(least);
    // A logo of samples that are all different would be a flat line on the scale of the alphabet.
    let highest = logo.positions.iter().map(|p| p.information);
    let highest = highest.fold(0.0, f64::max);
    let top = if highest > 0.4 * logo.most {
        logo.most
    } else {
        (1.25 * highest).clamp(0.1, logo.most)
    };
    let y = Axis::exact(0.0, top, 4);
    let row = |bits: f64| HEIGHT - BOTTOM - y.place(bits) * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg class=\"chart logo\" viewBox=\"0 0 {width:.0} {HEIGHT}\" role=\"img\" \
         aria-label=\"Sequence logo: {name}\"><title>{name}</title><desc>{}</desc>",
        escaped(&described(logo)),
        name = escaped(&logo.name)
    );
    for tick in &y.ticks {
        let at = row(*tick);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            width - RIGHT,
            LEFT - 6.0,
            at + 3.5,
            y.label(*tick)
        );
    }
    let _ = write!(
        svg,
        "<text transform=\"translate(13 {:.1}) rotate(-90)\" text-anchor=\"middle\">bits</text>",
        (TOP + HEIGHT - BOTTOM) / 2.0
    );
    let every = if step < 20.0 { 5 } else { 1 };
    for (i, position) in logo.positions.iter().enumerate() {
        let left = LEFT + step * i as f64;
        let _ = write!(
            svg,
            "<g class=\"hit\"><title>{}</title>",
            escaped(&told(i, position))
        );
        // Something to point at where the stack is low.
        let _ = write!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{TOP}\" width=\"{step:.1}\" height=\"{:.1}\"/>",
            HEIGHT - TOP - BOTTOM
        );
        let mut bits = 0.0;
        // The most frequent letter stands on top.
        for (letter, share) in position.letters.iter().rev() {
            let (low, high) = (row(bits), row(bits + share * position.information));
            bits += share * position.information;
            if low - high >= LOWEST {
                let free = step * GAP / 2.0;
                let area = (left + free, high, step - 2.0 * free, low - high);
                letter_into(&mut svg, letter, logo.kind, area);
            }
        }
        svg.push_str("</g>");
        if i == 0 || (i + 1).is_multiple_of(every) {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                left + step / 2.0,
                HEIGHT - BOTTOM + 16.0,
                i + 1
            );
        }
    }
    svg.push_str("</svg>");
    Some((svg, width))
}

/// A letter that fills `area`: left, top, width, height.
fn letter_into(svg: &mut String, letter: &str, kind: Kind, area: (f64, f64, f64, f64)) {
    let (x, y, width, height) = area;
    let class = colour(letter, kind);
    let mut characters = letter.chars();
    let only = characters.next().filter(|_| characters.next().is_none());
    if let Some(path) = only.and_then(outline) {
        let _ = write!(
            svg,
            "<path class=\"letter {class}\" transform=\"translate({x:.2} {y:.2}) scale({:.4} {:.4})\" d=\"{path}\"/>",
            width / 100.0,
            height / 100.0
        );
        return;
    }
    // Capitals and digits of common sans-serif fonts are 0.72 of their size high.
    let _ = write!(
        svg,
        "<text class=\"letter {class}\" transform=\"translate({x:.2} {:.2}) scale({:.4} {:.4})\" \
         textLength=\"100\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
        y + height,
        width / 100.0,
        height / 72.0,
        escaped(letter)
    );
}

/// The colour class of a letter: the common ones of bases, and of amino acids by their chemistry.
fn colour(letter: &str, kind: Kind) -> String {
    let class = match (kind, letter) {
        (Kind::Dna | Kind::Rna, "A") => "l-green",
        (Kind::Dna | Kind::Rna, "C") => "l-blue",
        (Kind::Dna | Kind::Rna, "G") => "l-orange",
        (Kind::Dna | Kind::Rna, "T" | "U") => "l-red",
        (Kind::Protein, "G" | "S" | "T" | "Y" | "C") => "l-green",
        (Kind::Protein, "N" | "Q") => "l-purple",
        (Kind::Protein, "K" | "R" | "H") => "l-blue",
        (Kind::Protein, "D" | "E") => "l-red",
        (Kind::Protein, _) => "l-black",
        _ => {
            let sum: usize = letter.bytes().map(usize::from).sum();
            return format!("s{}", sum % COLOURS);
        }
    };
    class.to_owned()
}

/// What the colours of a kind stand for: class and label.
pub(super) fn legend(kind: Kind) -> Vec<(&'static str, &'static str)> {
    match kind {
        Kind::Dna => vec![
            ("l-green", "A"),
            ("l-blue", "C"),
            ("l-orange", "G"),
            ("l-red", "T"),
        ],
        Kind::Rna => vec![
            ("l-green", "A"),
            ("l-blue", "C"),
            ("l-orange", "G"),
            ("l-red", "U"),
        ],
        Kind::Protein => vec![
            ("l-blue", "basic"),
            ("l-red", "acidic"),
            ("l-green", "polar"),
            ("l-purple", "amide"),
            ("l-black", "hydrophobic"),
        ],
        Kind::Other => Vec::new(),
    }
}

fn told(place: usize, position: &Position) -> String {
    let mut text = format!(
        "position {}: {} bits",
        place + 1,
        with_digits(position.information, 3)
    );
    for (letter, share) in position.letters.iter().take(6) {
        let _ = write!(text, "\n{letter} {:.1} %", 100.0 * share);
    }
    text
}

/// The logo in words.
fn described(logo: &Logo) -> String {
    let letters: Vec<&str> = logo
        .positions
        .iter()
        .filter_map(|p| p.letters.first().map(|(letter, _)| letter.as_str()))
        .collect();
    format!(
        "{}. The most frequent letters from the left: {}.",
        logo.note,
        letters.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logo::logo;
    use crate::sequences::Alphabet;

    #[test]
    fn stacks_have_the_height_of_their_information() {
        let alphabet = Alphabet::parse("dna").unwrap();
        let texts: Vec<&str> = (0..200)
            .map(|i| if i % 4 == 0 { "AC" } else { "AG" })
            .collect();
        let logo = logo("two", &alphabet, &texts).unwrap();
        let (svg, _) = draw(&logo).unwrap();
        let scales: Vec<f64> = svg
            .split("scale(")
            .skip(1)
            .filter_map(|part| part.split([' ', ')']).nth(1)?.parse().ok())
            .collect();
        // A, then C under G; the axis of 2 bits is 158 high.
        let expected = [
            logo.positions[0].information,
            0.25 * logo.positions[1].information,
            0.75 * logo.positions[1].information,
        ];
        assert_eq!(scales.len(), 3);
        for (scale, bits) in scales.iter().zip(expected) {
            assert!((scale * 100.0 - bits * 79.0).abs() < 0.02, "{scale} {bits}");
        }
        assert!(svg.contains("<title>two</title><desc>200 sequences of 2 letters"));
    }

    #[test]
    fn any_letter_can_be_drawn_and_none_breaks_the_page() {
        let alphabet = Alphabet::parse(r#"["<b>", "&", "7", "Xy"]"#).unwrap();
        let logo = logo(
            "<x>",
            &alphabet,
            &["<b>-&", "<b>-7", "<b>-Xy", "<b>-&", "<b>-&"],
        )
        .unwrap();
        let (svg, _) = draw(&logo).unwrap();
        assert!(!svg.contains("<b>") && !svg.contains("<x>") && svg.contains("&lt;b&gt;"));
        for letter in 'A'..='Z' {
            assert!(outline(letter).is_some_and(|path| path.ends_with('Z')));
        }
    }

    #[test]
    fn nothing_is_nothing() {
        let alphabet = Alphabet::parse("dna").unwrap();
        let mut none = logo("x", &alphabet, &["A"]).unwrap();
        none.positions.clear();
        assert!(draw(&none).is_none());
    }
}
