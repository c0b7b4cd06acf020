//! `${VAR}` and `${VAR:-default}` in a config, filled in from the environment.
//!
//! Braces mean something to YAML too, and a value from outside must not change a config's structure. So each expression is masked before
//! YAML is read, by as many copies of a character that the text does not use, and filled in where it turns up in a key or a value.

use std::collections::HashMap;

use super::problem::{Place, Sources};

/// The expressions of a text, under the characters that stand for them.
#[derive(Debug)]
pub(super) struct Variables {
    masked: String,
    expressions: HashMap<char, Expression>,
}

#[derive(Debug)]
struct Expression {
    start: usize,
    text: String,
}

impl Variables {
    /// Masks the expressions of `text`, character for character.
    pub fn mask(text: &str) -> Self {
        let mut free = ('\u{F0000}'..='\u{FFFFD}').filter(|mask| !text.contains(*mask));
        let (mut masked, mut expressions, mut from) = (String::new(), HashMap::new(), 0);
        while let Some((start, length)) = text.get(from..).and_then(find) {
            let (start, end) = (from + start, from + start + length);
            let (Some(before), Some(expression), Some(mask)) = (text.get(from..start), text.get(start..end), free.next()) else { break };
            masked.push_str(before);
            masked.extend(expression.chars().map(|_| mask));
            expressions.insert(mask, Expression { start, text: expression.into() });
            from = end;
        }
        masked.push_str(text.get(from..).unwrap_or_default());
        Self { masked, expressions }
    }

    /// The text with its expressions masked, as long as the text in characters.
    pub fn masked(&self) -> &str {
        &self.masked
    }

    /// A key or value with its expressions filled in; problems go to `sources`.
    pub fn expand(&self, masked: &str, sources: &mut Sources, source: usize, offset: usize) -> Expanded {
        let (mut expanded, mut characters) = (String::new(), masked.chars());
        let (mut any, mut failed) = (false, false);
        while let Some(character) = characters.next() {
            let Some(expression) = self.expressions.get(&character) else {
                expanded.push(character);
                continue;
            };
            any = true;
            characters.by_ref().take(expression.text.chars().count() - 1).for_each(drop);
            match expression.value() {
                Ok(value) => expanded.push_str(&value),
                Err((message, help)) => {
                    let place = Place { source, start: offset + expression.start, length: expression.text.len() };
                    sources.report(place, message, Some(help));
                    failed = true;
                }
            }
        }
        match (any, failed) {
            (_, true) => Expanded::Failed,
            (true, _) => Expanded::Text(expanded),
            (false, _) => Expanded::Nothing,
        }
    }
}

/// What became of the expressions in a key or value.
#[derive(Debug, PartialEq)]
pub(super) enum Expanded {
    /// There are none.
    Nothing,
    /// The text with all of them filled in.
    Text(String),
    /// One could not be filled in.
    Failed,
}

/// The first expression of a text: byte offset and length. Just the `${` of one that does not close on its line.
fn find(text: &str) -> Option<(usize, usize)> {
    let open = text.find("${")?;
    if open > 0 && text.as_bytes().get(open - 1) == Some(&b'$') {
        return Some((open - 1, "$${".len()));
    }
    let inside = text.get(open..)?;
    let line = inside.split(['\n', '\r']).next()?;
    Some((open, line.find('}').map_or(2, |close| close + 1)))
}

impl Expression {
    fn value(&self) -> Result<String, (String, String)> {
        if self.text == "$${" {
            return Ok("${".into());
        }
        let inside = self.text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let (name, default) =
            match inside.map(|inside| inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)))) {
                Some((name, default)) if is_name(name) => (name, default),
                _ => {
                    let message = format!("`{}` is not a variable", self.text);
                    return Err((message, "write ${NAME} or ${NAME:-default}, or $${ for the characters themselves".into()));
                }
            };
        match (std::env::var(name), default) {
            (Ok(value), None) => Ok(value),
            (Ok(value), Some(_)) if !value.is_empty() => Ok(value),
            (Ok(_) | Err(std::env::VarError::NotPresent), Some(default)) => Ok(default.into()),
            (Err(std::env::VarError::NotPresent), None) => {
                let message = format!("environment variable `{name}` is not set");
                Err((message, format!("set it, or give a default: ${{{name}:-default}}")))
            }
            (Err(std::env::VarError::NotUnicode(_)), _) => {
                Err((format!("environment variable `{name}` is not valid UTF-8"), "set it to plain text".into()))
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
