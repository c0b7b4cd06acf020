//! `pipeline init`: a commented config that runs.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use super::args::Init;
use super::failure::Failure;
use crate::config;

/// The text to print: the config, or the file that it was written to.
pub(super) fn init(options: &Init) -> Result<String, Failure> {
    let Some(output) = &options.output else {
        return Ok(config::propose(&options.data, &options.model, |path| path.to_string_lossy().into_owned())?);
    };
    let folder = output.parent().unwrap_or(Path::new(""));
    let text = config::propose(&options.data, &options.model, |path| relative(path, folder).to_string_lossy().into_owned())?;
    let refuse = |source: io::Error| Failure::Unwritten { path: output.clone(), source };
    File::create_new(output).and_then(|mut file| file.write_all(text.as_bytes())).map_err(refuse)?;
    Ok(format!("{}\n", output.display()))
}

/// A path as seen from a folder; as it is where it is absolute, or one of them does not exist.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let whole = |path: &Path| if path.as_os_str().is_empty() { Path::new(".").canonicalize() } else { path.canonicalize() };
    let parent = path.parent().unwrap_or(Path::new(""));
    let (Ok(parent), Ok(folder), Some(name), false) = (whole(parent), whole(folder), path.file_name(), path.is_absolute()) else {
        return std::path::absolute(path).unwrap_or_else(|_| path.into());
    };
    let shared = parent.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(parent.components().skip(shared)).collect::<PathBuf>().join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_folder_of_the_config() {
        let seen = |path: &str, folder: &str| relative(Path::new(path), Path::new(folder)).to_string_lossy().into_owned();
        assert_eq!(seen("data/credit.parquet", "configs"), "../data/credit.parquet");
        assert_eq!(seen("data/credit.parquet", ""), "data/credit.parquet");
        assert_eq!(seen("data/credit.parquet", "data"), "credit.parquet");
        assert_eq!(seen("Cargo.toml", "src/cli"), "../../Cargo.toml");
        assert_eq!(seen("data/*.parquet", "configs"), "../data/*.parquet");
        assert_eq!(seen("/tmp/x.parquet", "configs"), "/tmp/x.parquet");
    }
}
