//! Where RDKit reads SMILES otherwise than the engine does.
//!
//! Each rule below is RDKit's behaviour (2026.9.1) on text that the SMILES specification leaves
//! open; a text they do not touch is passed on as it is.

use std::borrow::Cow;

/// Rewrites what RDKit reads differently, or says why RDKit refuses it.
///
/// - `@AL1`, `@AL2`: allene chirality is read and forgotten, it never reaches an output.
/// - `~` before a ring closure is a bond of no type, which becomes the default bond; elsewhere it
///   stays "any bond".
/// - A line end closes the SMILES as a space does; what follows is no part of it.
/// - A hydrogen atom carries no chirality mark: `[H@]` is an error.
pub(crate) fn normalise(smiles: &str) -> Result<Cow<'_, str>, &'static str> {
    if !smiles.contains(['~', '@', '\n']) {
        return Ok(Cow::Borrowed(smiles));
    }
    let lead = smiles.len() - smiles.trim_ascii_start().len();
    let end = smiles[lead..]
        .find(|c: char| c.is_ascii_whitespace())
        .map_or(smiles.len(), |at| lead + at);
    let mut rewritten = String::with_capacity(smiles.len());
    let mut rest = &smiles[lead..end];
    while let Some(at) = rest.find(['~', '[']) {
        let (before, after) = rest.split_at(at);
        rewritten.push_str(before);
        if let Some(next) = after.strip_prefix('~') {
            if !next.starts_with(|c: char| c.is_ascii_digit() || c == '%') {
                rewritten.push('~');
            }
            rest = next;
        } else {
            let close = after.find(']').map_or(after.len(), |close| close + 1);
            let (atom, next) = after.split_at(close);
            rewritten.push_str(&bracket(atom)?);
            rest = next;
        }
    }
    rewritten.push_str(rest);
    if !smiles[end..].starts_with('\n') {
        rewritten.push_str(&smiles[end..]);
    }
    Ok(Cow::Owned(rewritten))
}

fn bracket(atom: &str) -> Result<Cow<'_, str>, &'static str> {
    let symbol = atom[1..].trim_start_matches(|c: char| c.is_ascii_digit());
    if symbol.starts_with("H@") {
        return Err("a hydrogen atom cannot carry a chirality mark");
    }
    for mark in ["@AL1", "@AL2", "@AL"] {
        if let Some(at) = atom.find(mark) {
            let next = &atom[at + mark.len()..];
            if next.starts_with(|c: char| c.is_ascii_digit()) {
                break;
            }
            return Ok(Cow::Owned(format!("{}{next}", &atom[..at])));
        }
    }
    Ok(Cow::Borrowed(atom))
}

#[cfg(test)]
mod tests {
    use crate::Molecule;

    // Canonical forms by RDKit 2026.9.1.
    #[test]
    fn rdkit_s_readings() {
        for (smiles, canonical) in [
            ("C~1CC1", "C1CC1"),
            ("C=1CC~1", "C1=CC1"),
            ("C~%12CC%12", "C1CC1"),
            ("c~1ccccc1", "c1ccccc1"),
            ("[Na+]~1CC1", "[CH2]1[CH2][Na+]1"),
            ("C1~CC1", "C1C~C1"),
            ("CC~C", "CC~C"),
            ("CC=[C@AL1]=CC", "CC=C=CC"),
            ("F[C@AL2H](Cl)Br name~1", "FC(Cl)Br"),
            ("[C@AL]", "[C]"),
            ("\nCC\nN", "CC"),
            ("CC name\nN", "CC"),
            ("F[C@TH1](Cl)(Br)I", "F[C@](Cl)(Br)I"),
        ] {
            let molecule = Molecule::from_smiles(smiles).unwrap();
            assert_eq!(molecule.smiles().unwrap(), canonical, "{smiles}");
        }
        for smiles in [
            "[H@]", "[H@@]C", "[2H@H]", "[C@AL3]", "[C@AL12]", "[C@AL0]", "C~",
        ] {
            assert!(Molecule::from_smiles(smiles).is_err(), "{smiles}");
        }
    }
}
