//! Drawings for reports.

use crate::error::ChemError;
use crate::molecule::Molecule;

/// Draws a molecule as one `<svg>` element, `width` by `height` pixels on white.
///
/// The element can stand in an HTML page any number of times: it has no prolog, no ids, no classes
/// and no namespaces but SVG's. Its `<title>`, which browsers show as a tooltip and read aloud, is
/// the canonical SMILES.
///
/// # Errors
/// [`ChemError::Engine`] if the engine cannot lay the molecule out.
pub fn svg(molecule: &Molecule, width: u32, height: u32) -> Result<String, ChemError> {
    let drawn = molecule.ask("drawing", |engine| engine.to_svg(width, height))?;
    let body = body(&drawn).ok_or_else(|| ChemError::Engine {
        operation: "drawing",
        molecule: molecule.name_for_errors(),
        reason: "the engine's SVG has no <svg> element".to_owned(),
    })?;
    let title = escape(molecule.smiles()?);
    let mut out = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' \
         viewBox='0 0 {width} {height}' role='img'><title>{title}</title>"
    );
    for line in body.lines() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with("<!--") {
            out.push_str(&without_class(line));
        }
    }
    out.push_str("</svg>");
    Ok(out)
}

/// What stands between `<svg ...>` and `</svg>`.
fn body(drawn: &str) -> Option<&str> {
    let start = drawn.find("<svg")?;
    let open = start + drawn[start..].find('>')? + 1;
    let close = drawn.rfind("</svg>")?;
    drawn.get(open..close)
}

fn without_class(line: &str) -> String {
    let Some((before, after)) = line.split_once(" class='") else {
        return line.to_owned();
    };
    match after.split_once('\'') {
        Some((_, rest)) => format!("{before}{rest}"),
        None => line.to_owned(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_can_be_put_into_a_page() {
        for smiles in [
            "CC(=O)Oc1ccc(Cl)cc1C(=O)[O-]",
            "C",
            "[Na+].[Cl-]",
            "C[C@H](F)/C=C/[2H]",
            "*N->[Cu]",
        ] {
            let molecule = Molecule::from_smiles(smiles).unwrap();
            let drawn = svg(&molecule, 200, 150).unwrap();
            assert!(drawn.starts_with("<svg xmlns='http://www.w3.org/2000/svg' width='200'"));
            assert!(drawn.ends_with("</svg>"));
            assert_eq!(drawn.matches("<svg").count(), 1);
            for foreign in ["<?xml", " id=", "class=", "xlink", "ck:", "<!--", "NaN"] {
                assert!(!drawn.contains(foreign), "{foreign} in {drawn}");
            }
            assert_eq!(drawn.matches('<').count(), drawn.matches('>').count());
        }
    }

    #[test]
    fn odd_sizes_do_not_panic() {
        let molecule = Molecule::from_smiles("c1ccccc1").unwrap();
        for (width, height) in [(0, 0), (1, 1), (1, 3_000)] {
            let drawn = svg(&molecule, width, height);
            assert!(
                !matches!(drawn, Err(ChemError::Panicked { .. })),
                "{drawn:?}"
            );
        }
    }
}
