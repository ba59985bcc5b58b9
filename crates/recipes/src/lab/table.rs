//! Numbers and tables as text.

/// A number with four significant digits: 0.0342, 16, 1.2e-7.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e7).contains(&size) {
        return format!("{value:.3e}");
    }
    let digits = if size < 1.0 {
        4
    } else {
        3 - (size.log10().floor() as i32).clamp(0, 3)
    };
    let text = format!("{value:.*}", digits as usize);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Rows as columns, aligned on the left, two blanks between; a column wider than `widest` is wrapped at
/// blanks.
pub fn columns(rows: &[Vec<String>], widest: usize) -> String {
    let wrapped: Vec<Vec<Vec<String>>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| wrap(cell, widest)).collect())
        .collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = wrapped.iter().filter_map(|row| row.get(column)).flatten();
        cells.map(|line| line.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut out = String::new();
    for row in &wrapped {
        for line in 0..row.iter().map(Vec::len).max().unwrap_or(0) {
            let mut text = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let part = cell.get(line).map_or("", String::as_str);
                text += &format!("{part:<width$}  ");
            }
            out += text.trim_end();
            out.push('\n');
        }
    }
    out
}

/// Lines of at most `width` characters, except where one word is longer.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines
            .last()
            .is_some_and(|l| !l.is_empty() && l.chars().count() + 1 + word.chars().count() > width);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts: Vec<String> = [0.034_21, 16.0, 1.5, 11.485_828, 1234.5, 0.0, -0.25, 1.2e-7]
            .map(number)
            .to_vec();
        assert_eq!(
            texts,
            [
                "0.0342", "16", "1.5", "11.49", "1234", "0", "-0.25", "1.200e-7"
            ]
        );
        assert_eq!(number(f64::NAN), "NaN");
        assert_eq!(number(f64::NEG_INFINITY), "-inf");
    }

    #[test]
    fn long_cells_are_wrapped() {
        let rows = [
            vec!["claim".into(), "holds".into()],
            vec!["one two three".into(), "yes".into()],
        ];
        assert_eq!(columns(&rows, 8), "claim    holds\none two  yes\nthree\n");
    }
}
