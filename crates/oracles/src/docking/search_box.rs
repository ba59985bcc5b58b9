//! Where ligands are looked for.

use std::path::Path;

use super::error::DockingError;

/// A box in the receptor's coordinates, Å.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchBox {
    /// x, y, z of its centre.
    pub center: [f64; 3],
    /// Its edges.
    pub size: [f64; 3],
}

/// Largest edge, Å. Vina's grid has a point every 0.375 Å and several maps.
const LARGEST: f64 = 150.0;

impl SearchBox {
    /// Reads Vina's configuration format: lines `center_x = 26.8`, `size_x = 30`, and so for y and z, in any
    /// order; `#` begins a comment.
    ///
    /// # Errors
    /// Where the file cannot be read, a line is something else, a number is missing or impossible.
    pub fn read(file: &Path) -> Result<Self, DockingError> {
        let text = std::fs::read_to_string(file).map_err(|e| DockingError::File {
            file: file.to_owned(),
            problem: format!(
                "the box cannot be read: {e}; set docking.box to a file of center_x, ... size_z"
            ),
        })?;
        Self::parse(&text).map_err(|problem| DockingError::File {
            file: file.to_owned(),
            problem,
        })
    }

    /// Parses the text of such a file.
    ///
    /// # Errors
    /// What is wrong and the remedy.
    pub fn parse(text: &str) -> Result<Self, String> {
        const NAMES: [&str; 6] = [
            "center_x", "center_y", "center_z", "size_x", "size_y", "size_z",
        ];
        let mut found = [None; 6];
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let expected = || {
                let line: String = line.chars().take(80).collect();
                format!(
                    "line {} is {line:?}; a box has lines such as center_x = 26.8 and size_x = 30",
                    number + 1
                )
            };
            let (name, value) = line.split_once('=').ok_or_else(expected)?;
            let place = NAMES.iter().position(|known| *known == name.trim());
            let value: Result<f64, _> = value.trim().parse();
            let (Some(place), Ok(value)) = (place, value) else {
                return Err(expected());
            };
            if found[place].replace(value).is_some() {
                return Err(format!("{} is given twice; keep one", NAMES[place]));
            }
        }
        let mut values = [0.0; 6];
        for (place, name) in NAMES.into_iter().enumerate() {
            let value = found[place].ok_or_else(|| {
                format!("{name} is missing; a box has center_x, center_y, center_z and size_x, size_y, size_z")
            })?;
            let sound = match place {
                0..3 => value.abs() <= 1e4,
                _ => value > 0.0 && value <= LARGEST,
            };
            if !sound {
                return Err(format!(
                    "{name} is {value}; centres lie within 10000 Å, and edges are above 0 and at most {LARGEST} Å"
                ));
            }
            values[place] = value;
        }
        let [x, y, z, a, b, c] = values;
        Ok(Self {
            center: [x, y, z],
            size: [a, b, c],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_read_and_faults_named() {
        let text = "center_x = 26.835\ncenter_y = 11.332\ncenter_z = 27.744\n\nsize_x = 30.000 # wide\nsize_y=30\nsize_z = 25";
        let found = SearchBox::parse(text).unwrap();
        assert_eq!(found.center, [26.835, 11.332, 27.744]);
        assert_eq!(found.size, [30.0, 30.0, 25.0]);
        for (bad, part) in [
            (text.replace("size_y=30", ""), "size_y is missing"),
            (text.replace("size_y=30", "size_y=0"), "size_y is 0"),
            (text.replace("size_y=30", "size_y=nan"), "size_y is NaN"),
            (text.replace("size_y=30", "size_y=30 A"), "line 6"),
            (text.replace("size_y=30", "spacing=1"), "line 6"),
            (text.replace("size_y=30", "size_x=30"), "twice"),
        ] {
            let error = SearchBox::parse(&bad).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        let missing = SearchBox::read(Path::new("no.box.txt")).unwrap_err();
        assert!(missing.to_string().contains("docking.box"), "{missing}");
    }
}
