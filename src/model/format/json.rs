//! JSON as libraries write it: standard but for the bare words `NaN` and `Infinity`.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Whether bytes look like a JSON object: a brace, then a quoted key or nothing.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    let mut marks = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    marks.next() == Some(&b'{') && matches!(marks.next(), Some(b'"' | b'}'))
}

/// Decodes a whole file; errors end with line and column.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(bytes).or_else(|error| match without_bare_words(bytes) {
        Cow::Borrowed(_) => Err(error),
        Cow::Owned(bytes) => serde_json::from_slice(&bytes),
    })
}

/// The text with `NaN`, `Infinity` and `-Infinity` outside of strings as `null`; later columns of their lines move by one for each NaN.
fn without_bare_words(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut clean = Vec::new();
    let (mut copied, mut at, mut in_string) = (0, 0, false);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let word = [&b"NaN"[..], b"Infinity", b"-Infinity"].into_iter().find(|word| !in_string && rest.starts_with(word));
        match (word, rest) {
            (Some(word), _) => {
                clean.extend_from_slice(&bytes[copied..at]);
                clean.extend_from_slice(b"null");
                clean.resize(clean.len() + word.len().saturating_sub(4), b' ');
                at += word.len();
                copied = at;
            }
            (None, [b'\\', ..]) => at += 2,
            (None, [first, ..]) => {
                in_string ^= *first == b'"';
                at += 1;
            }
            (None, []) => break,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(bytes);
    }
    clean.extend_from_slice(&bytes[copied..]);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_words_become_null_outside_of_strings_only() {
        let text = br#"{"NaN \" Infinity": [NaN, Infinity,-Infinity, 1]}"#;
        let expected = br#"{"NaN \" Infinity": [null, null    ,null     , 1]}"#;
        assert_eq!(without_bare_words(text).as_ref(), expected);
        assert!(matches!(without_bare_words(b"{\"a\": 1}"), Cow::Borrowed(_)));
    }

    #[test]
    fn f32_values_are_read_without_rounding_twice() {
        // Just above the middle of 1 and the next f32; the nearest f64 is that middle, which would round to 1.
        let text = "1.00000005960464477539062500001";
        assert_eq!(decode::<f32>(text.as_bytes()).unwrap().to_bits(), 1.0_f32.to_bits() + 1);
    }
}
