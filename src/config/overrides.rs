//! `--set KEY=VALUE`: puts a value into the tree that was read, as if the file had it.

use super::problem::{Place, Sources};
use super::yaml::{self, Entry, Node, Value};

/// Applies one `--set`: the key is dotted, numbers being places in a list, and the value is YAML.
pub(super) fn set(root: &mut Node, sources: &mut Sources, argument: &str) {
    let source = sources.add("--set".into(), argument.into());
    let whole = Place { source, start: 0, length: argument.len() };
    let help = || Some("write KEY=VALUE, such as model.iterations=50".into());
    let Some((path, value)) = argument.split_once('=') else {
        return sources.report(whole, "this sets nothing", help());
    };
    if path.split('.').any(str::is_empty) {
        return sources.report(Place { length: path.len(), ..whole }, format!("`{path}` is not a key"), help());
    }
    let Some(mut value) = yaml::read(sources, source, path.len() + 1, value) else { return };
    if value.place.length == 0 {
        value.place = whole;
    }
    let mut start = 0;
    let keys = path.split('.').map(|key| {
        let place = Place { source, start, length: key.len() };
        start += key.len() + 1;
        (key, place)
    });
    let mut node = root;
    for (key, place) in keys {
        match child(node, key, place) {
            Ok(child) => node = child,
            Err(length) => {
                return sources.report(place, format!("`{key}` is not in the list, which has {length} entries, counted from 0"), None);
            }
        }
    }
    *node = value;
}

/// The entry of `node` under `key`, made if need be; the list's length where it has no such entry.
fn child<'a>(node: &'a mut Node, key: &str, place: Place) -> Result<&'a mut Node, usize> {
    if matches!(node.value, Value::Scalar(_) | Value::Unknown) {
        *node = Node { value: Value::Map(Vec::new()), place };
    }
    match &mut node.value {
        Value::List(items) => {
            let length = items.len();
            key.parse().ok().and_then(|index: usize| items.get_mut(index)).ok_or(length)
        }
        Value::Map(entries) => {
            let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
                entries.push(Entry { key: key.into(), place, node: Node { value: Value::NULL, place } });
                entries.len() - 1
            });
            entries.get_mut(index).map(|entry| &mut entry.node).ok_or(0)
        }
        Value::Scalar(_) | Value::Unknown => Err(0),
    }
}
