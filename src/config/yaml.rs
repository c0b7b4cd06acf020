//! YAML text to a tree that knows where everything is written.
//!
//! Built on `saphyr-parser`'s events: they carry a position for every key and value and keep repeated keys, which trees of
//! `saphyr` or a serde reader (which stops at the first problem) do not.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::{Number, Value as Json};

use super::problem::{Place, Sources};
use super::variables::{Expanded, Variables};

/// A value and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// The value.
    pub value: Value,
    /// Where it is written.
    pub place: Place,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Null, a boolean, a number or text.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order written.
    Map(Vec<Entry>),
    /// What cannot be told, a problem with it being noted already.
    Unknown,
}

impl Value {
    /// Null.
    pub const NULL: Value = Value::Scalar(Scalar { json: Json::Null, text: None });
}

/// A value without parts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalar {
    /// The value by YAML's core schema.
    pub json: Json,
    /// The same as text, where it came from the environment and may be taken as either.
    pub text: Option<String>,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is written.
    pub place: Place,
    /// The value.
    pub node: Node,
}

/// Deepest nesting that is read; a config needs six.
const MAX_DEPTH: usize = 64;

/// Reads the YAML in `text`, a part of source `source` that starts `offset` bytes into it; problems go to `sources`.
///
/// `None` where the text is not YAML, or not of the kind that configs use.
pub(super) fn read(sources: &mut Sources, source: usize, offset: usize, text: &str) -> Option<Node> {
    let variables = Variables::mask(text);
    let bytes: Vec<usize> = text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect();
    let parser = Parser::new_from_str(variables.masked());
    let mut reader = Reader { parser, bytes, sources, source, offset, variables: &variables };
    match reader.document() {
        Ok(node) => Some(node),
        Err(Stop::Syntax(error)) => {
            reader.syntax_problem(text, &error);
            None
        }
        Err(Stop::Reported) => None,
    }
}

/// Why reading stopped.
enum Stop {
    /// Not YAML.
    Syntax(ScanError),
    /// Not what configs use; told already.
    Reported,
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        Stop::Syntax(error)
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    bytes: Vec<usize>,
    sources: &'a mut Sources,
    source: usize,
    offset: usize,
    variables: &'a Variables,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Place), Stop> {
        match self.parser.next_event() {
            Some(event) => event.map(|(event, span)| (event, self.place(span))).map_err(Stop::Syntax),
            None => Ok((Event::StreamEnd, Place { source: self.source, start: self.offset, length: 0 })),
        }
    }

    fn byte(&self, marker: Marker) -> usize {
        self.bytes.get(marker.index()).or(self.bytes.last()).copied().unwrap_or(0)
    }

    fn place(&self, span: Span) -> Place {
        let (start, end) = (self.byte(span.start), self.byte(span.end));
        Place { source: self.source, start: self.offset + start, length: end.saturating_sub(start) }
    }

    /// The one document of a stream; an empty stream is null.
    fn document(&mut self) -> Result<Node, Stop> {
        let mut document = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, place) => {
                    return Ok(document.unwrap_or(Node { value: Value::NULL, place: Place { length: 0, ..place } }));
                }
                (Event::DocumentStart(_), place) if document.is_some() => {
                    return self.refuse(place, "a second document starts here", "a config is a single YAML document");
                }
                (Event::DocumentStart(_), _) => {
                    let (event, place) = self.next()?;
                    document = Some(self.node(event, place, 0)?);
                }
                _ => {}
            }
        }
    }

    fn refuse<T>(&mut self, place: Place, message: &str, help: &str) -> Result<T, Stop> {
        self.sources.report(place, message, Some(help.into()));
        Err(Stop::Reported)
    }

    fn node(&mut self, event: Event<'a>, place: Place, depth: usize) -> Result<Node, Stop> {
        if depth > MAX_DEPTH {
            return self.refuse(place, "is nested too deeply", "a config has a few levels");
        }
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag) | Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor, tag.is_some())
            }
            _ => (1, false),
        };
        if anchor != 0 {
            return self.refuse(
                place,
                "anchors and aliases (`&`, `*`) are not used in configs",
                "write the value out; quote text that starts with `&` or `*`",
            );
        }
        if tag {
            return self.refuse(place, "tags (`!`) are not used in configs", "quote text that starts with `!`");
        }
        Ok(match event {
            Event::Scalar(text, style, ..) => Node { value: self.scalar(&text, style), place },
            Event::SequenceStart(..) => self.list(place, depth)?,
            _ => self.map(place, depth)?,
        })
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle) -> Value {
        let (json, text) = match self.variables.expand(text, self.sources, self.source, self.offset) {
            Expanded::Nothing if style == ScalarStyle::Plain => (plain(text), None),
            Expanded::Nothing => (Json::String(text.into()), None),
            Expanded::Text(text) => (plain(&text), Some(text)),
            Expanded::Failed => return Value::Unknown,
        };
        Value::Scalar(Scalar { json, text })
    }

    fn list(&mut self, start: Place, depth: usize) -> Result<Node, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, end) => return Ok(Node { value: Value::List(items), place: start.to(end) }),
                (event, place) => items.push(self.node(event, place, depth + 1)?),
            }
        }
    }

    fn map(&mut self, start: Place, depth: usize) -> Result<Node, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (key, place) = match self.next()? {
                (Event::MappingEnd, end) => return Ok(Node { value: Value::Map(entries), place: start.to(end) }),
                (Event::Scalar(key, _, 0, None), place) => (key, place),
                (_, place) => return self.refuse(place, "a key is plain text", "quote text that starts with `{`, `[`, `*`, `&` or `!`"),
            };
            let key = match self.variables.expand(&key, self.sources, self.source, self.offset) {
                Expanded::Text(text) => text,
                _ => key.into_owned(),
            };
            let (event, at) = self.next()?;
            let node = self.node(event, at, depth + 1)?;
            match entries.iter().find(|entry| entry.key == key).map(|entry| self.sources.position(entry.place)) {
                Some((line, _)) => {
                    self.sources.report(place, format!("key `{key}` is written twice"), Some(format!("it is first written on line {line}")))
                }
                None => entries.push(Entry { key, place, node }),
            }
        }
    }

    fn syntax_problem(&mut self, text: &str, error: &ScanError) {
        let at = self.byte(*error.marker());
        let line = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        let indent = text.get(line..).map_or("", |line| &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]);
        let (start, length, message, help) = match indent.find('\t') {
            Some(tab) => (line + tab, 1, "a tab indents this line".into(), "YAML is indented with spaces; replace the tab"),
            None => (
                at,
                0,
                format!("not valid YAML: {}", error.info()),
                "text that holds `: `, `#`, quotes, brackets or braces needs quotes around it",
            ),
        };
        self.sources.report(Place { source: self.source, start: self.offset + start, length }, message, Some(help.into()));
    }
}

/// A plain scalar's value by YAML 1.2's core schema (§10.3.2); numbers that JSON cannot hold stay text.
pub(super) fn plain(text: &str) -> Json {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Json::Null,
        "true" | "True" | "TRUE" => return Json::Bool(true),
        "false" | "False" | "FALSE" => return Json::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    let integer = match (text.get(..2), text.get(2..)) {
        (Some("0x"), Some(digits)) => u64::from_str_radix(digits, 16).ok().map(Number::from),
        (Some("0o"), Some(digits)) => u64::from_str_radix(digits, 8).ok().map(Number::from),
        _ => digits.parse::<u64>().ok().map(Number::from).or_else(|| text.parse::<i64>().ok().map(Number::from)),
    };
    let decimal = || {
        let numeric = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.' || first == '-');
        let number = text.parse::<f64>().ok().filter(|_| numeric && text.contains(|c: char| c.is_ascii_digit()))?;
        Number::from_f64(number)
    };
    integer.or_else(decimal).map_or_else(|| Json::String(text.into()), Json::Number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        // The examples of YAML 1.2.2, §10.3.2, and the words that YAML 1.1 read otherwise.
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("true", json!(true)),
            ("FALSE", json!(false)),
            ("0", json!(0)),
            ("0o7", json!(7)),
            ("0x3A", json!(58)),
            ("-19", json!(-19)),
            ("+12", json!(12)),
            ("0.", json!(0.0)),
            ("-0.0", json!(-0.0)),
            (".5", json!(0.5)),
            ("+12e03", json!(12000.0)),
            ("-2E+05", json!(-200_000.0)),
            ("18446744073709551615", json!(u64::MAX)),
            ("no", json!("no")),
            ("1_000", json!("1_000")),
            ("inf", json!("inf")),
            ("2GiB", json!("2GiB")),
            (".inf", json!(".inf")),
        ] {
            assert_eq!(plain(text), value, "{text}");
        }
    }

    #[test]
    fn places_are_bytes_of_the_source() {
        let text = "größe: {α: \"${HOME:-x}\", b: [1, zwölf]}";
        let mut sources = Sources::default();
        let node = read(&mut sources, 0, 0, text).unwrap();
        let at = |place: Place| text.get(place.start..place.start + place.length);
        let Value::Map(entries) = node.value else { panic!("a mapping") };
        assert_eq!(at(entries[0].place), Some("größe"));
        let Value::Map(inner) = &entries[0].node.value else { panic!("a mapping") };
        assert_eq!(at(inner[0].place), Some("α"));
        assert_eq!(at(inner[0].node.place), Some("\"${HOME:-x}\""));
        let Value::List(items) = &inner[1].node.value else { panic!("a list") };
        assert_eq!(at(items[1].place), Some("zwölf"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in prop_oneof![any::<String>(), "[ \\n\\t\\-:,#&*!|>?${}\\[\\]'\"\\\\ab]{0,40}"]) {
            let mut sources = Sources::default();
            sources.add("text".into(), text.clone());
            let node = read(&mut sources, 0, 0, &text);
            prop_assert!(node.is_some() || !sources.is_sound());
        }
    }
}
