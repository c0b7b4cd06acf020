//! From a path to the Parquet files it means: a file, a directory with hive partitions, or a glob.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::DataError;

/// The name that Hive, Spark and Arrow give the partition of nulls.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

const EXTENSIONS: [&str; 3] = ["parquet", "parq", "pq"];

/// One file of a dataset, before it is opened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// Where it is.
    pub(super) path: PathBuf,
    /// `key=value` folders between the dataset's root and the file; a null partition is `None`.
    pub(super) hive: BTreeMap<String, Option<String>>,
}

/// The files that `path` means, in the order of their paths, component by component.
pub(super) fn find(path: &Path) -> Result<Vec<Found>, DataError> {
    let (root, mut paths) = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            let mut paths = Vec::new();
            walk(path, &mut paths)?;
            (path.to_path_buf(), paths)
        }
        Ok(_) => return Ok(vec![Found { path: path.to_path_buf(), hive: BTreeMap::new() }]),
        Err(_) if is_pattern(path) => {
            let root = literal_prefix(path);
            (root.clone(), expand(path, &root)?)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(DataError::NotFound { path: path.to_path_buf() }),
        Err(source) => return Err(DataError::Io { path: path.to_path_buf(), source }),
    };
    if paths.is_empty() {
        let reason = if is_pattern(path) {
            "the pattern matches no visible file".to_string()
        } else {
            format!("looked for names ending in .{}, in sub-folders too; names starting with . or _ are skipped", EXTENSIONS.join(", ."))
        };
        return Err(DataError::NoFiles { path: path.to_path_buf(), reason });
    }
    paths.sort();
    Ok(paths.into_iter().map(|path| Found { hive: partitions(path.strip_prefix(&root).unwrap_or(&path)), path }).collect())
}

/// Adds the Parquet files below `folder`.
fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), DataError> {
    let failed = |source| DataError::Io { path: folder.to_path_buf(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_hidden(&path) {
            continue;
        }
        if path.is_dir() {
            walk(&path, paths)?;
        } else if path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))) {
            paths.push(path);
        }
    }
    Ok(())
}

/// The files that a glob matches, without any below hidden folders that `root` does not name.
fn expand(pattern: &Path, root: &Path) -> Result<Vec<PathBuf>, DataError> {
    let no_files = |reason: String| DataError::NoFiles { path: pattern.to_path_buf(), reason };
    let text = pattern.to_str().ok_or_else(|| no_files("the pattern is not UTF-8".into()))?;
    let matches = glob::glob(text).map_err(|error| no_files(format!("the pattern is malformed: {error}")))?;
    let mut paths = Vec::new();
    for path in matches {
        let path = path.map_err(|error| DataError::Io { path: error.path().to_path_buf(), source: error.into() })?;
        let below = path.strip_prefix(root).unwrap_or(&path);
        if path.is_file() && !below.iter().any(|name| is_hidden(Path::new(name))) {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// The components of a glob before its first wildcard.
fn literal_prefix(pattern: &Path) -> PathBuf {
    pattern.components().take_while(|component| !is_pattern(Path::new(component))).collect()
}

/// Names starting with `.` or `_` are of the tools that write datasets; a partition folder `_key=value` is not.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || (name.starts_with('_') && !name.contains('='))
}

/// The `key=value` folders of a path, percent-decoded as Arrow and Spark encode them.
fn partitions(path: &Path) -> BTreeMap<String, Option<String>> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    path.parent()
        .into_iter()
        .flat_map(Path::components)
        .filter_map(|component| {
            let (key, value) = component.as_os_str().to_str()?.split_once('=')?;
            Some((decode(key), (value != NULL_PARTITION).then(|| decode(value))))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        root
    }

    fn names(root: &Path, path: &Path) -> Vec<String> {
        find(path).unwrap().iter().map(|f| f.path.strip_prefix(root).unwrap().to_str().unwrap().to_string()).collect()
    }

    #[test]
    fn a_directory_is_walked_in_sorted_order_without_hidden_files() {
        let files = ["b.parquet", "a/2.pq", "a/1.PARQUET", "a/_tmp/x.parquet", "_SUCCESS", ".c.parquet", "notes.txt", "_k=1/d.parquet"];
        let root = tree(&files);
        assert_eq!(names(root.path(), root.path()), ["_k=1/d.parquet", "a/1.PARQUET", "a/2.pq", "b.parquet"]);
    }

    #[test]
    fn a_glob_skips_hidden_folders_unless_it_names_them() {
        let root = tree(&["a/x.parquet", "a/_tmp/y.parquet", ".b/z.parquet"]);
        assert_eq!(names(root.path(), &root.path().join("**/*.parquet")), ["a/x.parquet"]);
        assert_eq!(names(root.path(), &root.path().join("a/_tmp/*")), ["a/_tmp/y.parquet"]);
    }

    #[test]
    fn hive_folders_become_keys_below_the_root_only() {
        let root = tree(&["outer=1/year=2024/city=S%C3%A3o%20Paulo/a.parquet", "outer=1/year=__HIVE_DEFAULT_PARTITION__/city=x/b.parquet"]);
        let expected = BTreeMap::from([("city".to_string(), Some("São Paulo".to_string())), ("year".into(), Some("2024".into()))]);
        let below = root.path().join("outer=1");
        assert_eq!(find(&below).unwrap()[0].hive, expected);
        assert_eq!(find(&below).unwrap()[1].hive["year"], None);
        assert_eq!(find(&below.join("year=*/*/*.parquet")).unwrap()[0].hive, expected);
    }

    #[test]
    fn a_path_that_means_nothing_is_an_error() {
        let root = tree(&["notes.txt"]);
        assert!(matches!(find(&root.path().join("absent.parquet")), Err(DataError::NotFound { .. })));
        let message = find(root.path()).unwrap_err().to_string();
        assert!(message.contains(".parquet, .parq, .pq"), "{message}");
        let message = find(&root.path().join("*.parquet")).unwrap_err().to_string();
        assert!(message.contains("matches no visible file"), "{message}");
        let message = find(&root.path().join("[.parquet")).unwrap_err().to_string();
        assert!(message.contains("malformed"), "{message}");
    }
}
