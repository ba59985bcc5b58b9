//! SDF records.

use crate::error::ChemError;
use crate::molecule::Molecule;

/// Writes a molecule as one record of an SD file, with coordinates in the plane (Å).
///
/// `properties` become data items in the given order. A data item is one line: line ends and other
/// control characters in the title, names and values become spaces, and `<` and `>` in names become
/// parentheses. Records can be concatenated into a file.
///
/// # Errors
/// [`ChemError::Engine`] if the engine cannot lay the molecule out or write it.
pub fn sdf_record(
    molecule: &Molecule,
    title: &str,
    properties: &[(&str, &str)],
) -> Result<String, ChemError> {
    let block = molecule.ask("writing SDF", |engine| engine.to_sdf_2d())?;
    with_items(molecule, &block, "2D", title, properties)
}

/// The engine's record with our title, dimensions and data items.
pub(crate) fn with_items(
    molecule: &Molecule,
    block: &str,
    dimensions: &str,
    title: &str,
    properties: &[(&str, &str)],
) -> Result<String, ChemError> {
    let malformed = || ChemError::Engine {
        operation: "writing SDF",
        molecule: molecule.name_for_errors(),
        reason: "the engine's record has no header or no end".to_owned(),
    };
    // Lines: title, program, comment, then the counts and all that follows up to "M  END".
    let mut lines = block.splitn(4, '\n').skip(3);
    let table = lines.next().ok_or_else(malformed)?;
    let end = table.find("M  END").ok_or_else(malformed)?;

    let mut record = String::with_capacity(block.len() + 64 * properties.len());
    record.push_str(&one_line(title));
    record.push_str(&format!("\n  Anabran           {dimensions}\n\n"));
    record.push_str(&table[..end]);
    record.push_str("M  END\n");
    for (name, value) in properties {
        let name = one_line(name).replace('<', "(").replace('>', ")");
        let mut value = one_line(value);
        // Either would be taken for the beginning of something else.
        if value.starts_with('>') || value.starts_with("$$$$") {
            value.insert(0, ' ');
        }
        record.push_str(&format!(">  <{name}>\n{value}\n\n"));
    }
    record.push_str("$$$$\n");
    Ok(record)
}

fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_one_line_for_each_item() {
        let molecule = Molecule::from_smiles("C[C@H](N)C(=O)O ignored").unwrap();
        let record = sdf_record(
            &molecule,
            "ala\nnine",
            &[
                ("smiles", "CC"),
                ("a<b>", "1\r\n\r\n2"),
                ("end", "$$$$"),
                ("empty", ""),
            ],
        )
        .unwrap();
        let lines: Vec<&str> = record.lines().collect();
        assert_eq!(lines[0], "ala nine");
        assert!(lines[3].starts_with("  6  5") && lines[3].ends_with("V2000"));
        let tail = record.split("M  END\n").nth(1).unwrap();
        assert_eq!(
            tail,
            ">  <smiles>\nCC\n\n>  <a(b)>\n1    2\n\n>  <end>\n $$$$\n\n>  <empty>\n\n\n$$$$\n"
        );
    }
}
