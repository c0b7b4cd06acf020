//! Numbers as people read them.

/// A number to three significant digits: `0.0123`, `1,230`, `1.23e9`.
pub(super) fn short(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{x:.2e}");
    let exponent = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    signed(match exponent {
        Some(exponent @ -4..=2) => format!("{x:.*}", (2 - exponent) as usize),
        Some(3..=5) => grouped(scientific.parse::<f64>().unwrap_or(x).round() as i64),
        _ => scientific,
    })
}

/// A share as a percentage, without trailing zeros: `95`, `99.9`.
pub(super) fn percent(share: f64) -> String {
    trimmed(format!("{:.4}", 100.0 * share))
}

/// A value's text for a picture: of a number with many digits behind the point, six digits in all and every one before it.
pub(super) fn brief(text: &str) -> String {
    let number = text.parse::<f64>().ok().filter(|x| x.is_finite() && text.contains('.') && !text.contains('e') && text.len() > 8);
    let decimals = |x: f64| (5 - x.abs().log10().floor() as i32).clamp(0, 15) as usize;
    number.map_or_else(|| text.to_owned(), |x| signed(trimmed(format!("{x:.*}", decimals(x)))))
}

/// A number's text without zeros at the end of its decimals.
fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A whole number with its thousands apart: `48,842`.
pub(super) fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = if n < 0 { "−".to_owned() } else { String::new() };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of rows.
pub(super) fn counted(rows: i64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{} rows", grouped(rows)) }
}

/// With a real minus sign.
pub(super) fn signed(text: String) -> String {
    text.replace('-', "−")
}

/// A sentence with real minus signs before its numbers; hyphens stay.
pub(super) fn prose(text: &str) -> String {
    let before = std::iter::once(' ').chain(text.chars());
    let after = text.chars().skip(1).chain([' ']);
    let number = |before: char, after: char| (before.is_whitespace() || before == '(') && after.is_ascii_digit();
    text.chars().zip(before.zip(after)).map(|(c, (before, after))| if c == '-' && number(before, after) { '−' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_get_minus_signs() {
        for (text, expected) in [
            ("-0.1 to 0.1", "−0.1 to 0.1"),
            ("at least -3", "at least −3"),
            ("35-44: -2.5 (-3 to -2)", "35-44: −2.5 (−3 to −2)"),
            ("1e-9 of top-3, on 2026-11-23 - -", "1e-9 of top-3, on 2026-11-23 - -"),
            ("", ""),
        ] {
            assert_eq!(prose(text), expected);
        }
    }

    #[test]
    fn numbers_keep_three_digits_at_any_scale() {
        for (x, expected) in [
            (0.0, "0"),
            (0.123_456, "0.123"),
            (-1.0, "−1.00"),
            (12.345, "12.3"),
            (999.9, "1,000"),
            (123_456.0, "123,000"),
            (1.234e9, "1.23e9"),
            (1.234e-9, "1.23e−9"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "−inf"),
        ] {
            assert_eq!(short(x), expected);
        }
        assert_eq!([0, 999, 1000, -1_234_567].map(grouped), ["0", "999", "1,000", "−1,234,567"]);
        assert_eq!([0.95, 0.999, 0.5].map(percent), ["95", "99.9", "50"]);
        for (text, expected) in [
            ("1.9348414738292385", "1.93484"),
            ("-1000083.749629328", "−1000084"),
            ("0.00012300000456", "0.000123"),
            ("1234567890", "1234567890"),
            ("12.5", "12.5"),
            ("no checking account.", "no checking account."),
        ] {
            assert_eq!(brief(text), expected);
        }
        assert_eq!([0, 1, 2000].map(counted), ["0 rows", "1 row", "2,000 rows"]);
    }
}
