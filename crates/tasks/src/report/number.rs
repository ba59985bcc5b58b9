//! Numbers that were made for print, read again to compare them.

use super::axis::compact;

/// The number a text begins with, as in `1,024`, `97.3 %` and `12.1 ± 0.3`.
pub(super) fn leading(text: &str) -> Option<f64> {
    let plain: String = text
        .trim()
        .replace('\u{2212}', "-")
        .chars()
        .filter(|c| !matches!(c, ',' | '\u{2009}' | '\u{202f}' | '\u{a0}'))
        .collect();
    let end = plain
        .char_indices()
        .find(|(i, c)| {
            let exponent = matches!(c, 'e' | 'E') && *i > 0;
            let sign = matches!(c, '-' | '+') && (*i == 0 || plain[..*i].ends_with(['e', 'E']));
            !(c.is_ascii_digit() || *c == '.' || exponent || sign)
        })
        .map_or(plain.len(), |(i, _)| i);
    let number = plain[..end].trim_end_matches(['e', 'E', '-', '+']);
    number.parse().ok().filter(|value: &f64| value.is_finite())
}

/// How a value stands to the random policy's: "2.9×", "same"; nothing where a factor has no sense.
pub(super) fn factor(trained: f64, random: f64) -> Option<String> {
    if trained <= 0.0 || random <= 0.0 {
        return None;
    }
    let ratio = trained / random;
    Some(match ratio {
        r if (r - 1.0).abs() < 0.005 => "same".to_owned(),
        r if r >= 100.0 => format!("{}×", compact(r.round())),
        r if r >= 10.0 => format!("{r:.0}×"),
        r if r >= 0.1 => format!("{r:.1}×"),
        r => format!("{r:.2}×"),
    })
    // Two values near each other show as 1.0, which reads like "same" said less well.
    .map(|text| {
        if text == "1.0×" {
            format!("{ratio:.2}×")
        } else {
            text
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_numbers_are_read() {
        let read = [
            "0.62",
            "1,024 of 3",
            "97.3 %",
            "12.1 ± 0.3",
            "\u{2212}4e-3",
            "+2",
            "3eggs",
        ];
        let numbers = [0.62, 1024.0, 97.3, 12.1, -4e-3, 2.0, 3.0].map(Some);
        assert_eq!(read.map(leading), numbers);
        assert_eq!(
            ["", "none", "-", "e5", ".", "1.2.3"].map(leading),
            [None; 6]
        );
    }

    #[test]
    fn factors_are_said_shortly() {
        let said = |trained, random| factor(trained, random).unwrap_or_default();
        assert_eq!(said(0.62, 0.21), "3.0×");
        assert_eq!(said(100.0, 100.0), "same");
        assert_eq!(said(1.02, 1.0), "1.02×");
        assert_eq!(said(300.0, 1.0), "300×");
        assert_eq!(said(0.03, 0.9), "0.03×");
        assert_eq!(said(1.0, 0.0), "");
    }
}
