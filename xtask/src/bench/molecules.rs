//! The SMILES that chemistry is measured on, as a file of one a line for all competitors.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Writes the SMILES of `given`, or of the golden molecules, into `folder`; the file and how many.
///
/// # Errors
/// Where there are none or a file cannot be read or written.
pub fn write(root: &Path, given: Option<&Path>, folder: &Path) -> Result<(PathBuf, usize)> {
    let golden = root.join("crates/chem/tests/golden/molecules.jsonl");
    let source = given.unwrap_or(&golden);
    let text = fs::read_to_string(source)
        .with_context(|| format!("{} cannot be read", source.display()))?;
    let extension = source.extension().and_then(|e| e.to_str());
    let smiles = read(&text, extension.unwrap_or_default());
    ensure!(!smiles.is_empty(), "no SMILES in {}", source.display());
    let path = folder.join("molecules.smi");
    fs::write(&path, smiles.join("\n") + "\n")
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok((path, smiles.len()))
}

fn read(text: &str, extension: &str) -> Vec<String> {
    let first = |line: &str| line.split([',', ' ', '\t']).next().map(str::to_owned);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    match extension {
        "jsonl" => lines
            .filter_map(|line| {
                let value: Value = serde_json::from_str(line).ok()?;
                Some(value.get("s")?.as_str()?.to_owned())
            })
            .collect(),
        "csv" => {
            let mut lines = lines;
            let heading = lines.next().unwrap_or_default();
            let is_smiles = |name: &str| name.trim().eq_ignore_ascii_case("smiles");
            let column = heading.split(',').position(is_smiles).unwrap_or(0);
            lines
                .filter_map(|line| line.split(',').nth(column).map(str::to_owned))
                .collect()
        }
        _ => lines.filter_map(first).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn three_kinds_of_files() {
        assert_eq!(read("CC ethane\n\nO\n", "smi"), ["CC", "O"]);
        assert_eq!(read("id,SMILES\n1,CC\n2,O\n", "csv"), ["CC", "O"]);
        assert_eq!(read("{\"s\":\"CC\"}\n{\"x\":1}\n", "jsonl"), ["CC"]);
    }
}
