//! Text that fits: widths without font files, ellipses, line breaks.

/// An upper estimate of a text's width in ems, for the common sans-serif fonts (Arial, Helvetica, Liberation, DejaVu).
fn ems(text: &str) -> f64 {
    text.chars().map(em).sum()
}

fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.34,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' | '"' => 0.43,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.98,
        'A'..='Z' | '=' | '<' | '>' | '+' | '~' | '×' | '…' | '−' | '#' => 0.84,
        '\u{300}'..='\u{36f}' => 0.0,
        c if c < '\u{1100}' => 0.65,
        '\u{2000}'..='\u{23ff}' => 0.65,
        _ => 1.05,
    }
}

/// Width of a text of a font `size`, in the size's unit: never less than it will be.
pub(super) fn width(text: &str, size: f64) -> f64 {
    ems(text) * size
}

/// The text as one line of printable characters: control characters, which XML cannot hold, become spaces.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c }).collect()
}

/// The text, with its middle replaced by `…` where it is wider than `room`: names differ at both ends.
pub(super) fn elide(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let (mut head, mut tail, mut used) = (0, 0, width("…", size));
    while head + tail < characters.len() {
        let next = if head <= tail { characters[head] } else { characters[characters.len() - 1 - tail] };
        used += em(next) * size;
        if used > room {
            break;
        }
        *(if head <= tail { &mut head } else { &mut tail }) += 1;
    }
    characters[..head].iter().chain(&['…']).chain(&characters[characters.len() - tail..]).collect()
}

/// The text broken at spaces into lines that are no wider than `room`; a single longer word is elided.
pub(super) fn wrap(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(" ", size) + width(word, size) <= room => *line = format!("{line} {word}"),
            _ => lines.push(elide(word, size, room)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_middle() {
        let name = "number_of_enquiries_at_credit_bureaus_within_the_last_six_months";
        let elided = elide(name, 12.0, 200.0);
        assert!(width(&elided, 12.0) <= 200.0 && elided.starts_with("number_of") && elided.ends_with("months") && elided.contains('…'));
        assert_eq!(elide("age", 12.0, 200.0), "age");
        assert_eq!(elide("名前名前", 12.0, 30.0), "名…");
        assert_eq!(elide("abc", 12.0, 0.0), "…");
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("one two three", 10.0, 55.0), ["one two", "three"]);
        assert_eq!(printable("a\u{1}b\nc"), "a b c");
    }
}
