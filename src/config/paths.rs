//! Paths in configs: relative ones start from the config's folder, and those that are read must exist.

use std::path::Path;

/// What a path must lead to: the schema's `format` of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `data-path`: a file, a directory, or a glob that matches something.
    Data,
    /// `file-path`: a file.
    File,
    /// `output-path`: a directory, or nothing yet.
    Output,
}

impl Kind {
    /// The kind that a schema's `format` names, if it names one.
    pub fn from_format(format: &str) -> Option<Self> {
        match format {
            "data-path" => Some(Kind::Data),
            "file-path" => Some(Kind::File),
            "output-path" => Some(Kind::Output),
            _ => None,
        }
    }

    /// Whether `path` leads to such a thing; message and help where it does not.
    pub fn check(self, folder: &Path, path: &str) -> Result<(), (String, String)> {
        let full = folder.join(path);
        let missing = |what: &str| {
            let start = std::path::absolute(folder.join(".")).unwrap_or_else(|_| folder.into());
            Err((format!("{what} `{path}` does not exist"), format!("relative paths start from the config's folder, {}", start.display())))
        };
        match self {
            Kind::Data if full.exists() => Ok(()),
            Kind::Data if path.contains(['*', '?', '[']) => match glob::glob(&full.to_string_lossy()).map(|found| found.count()) {
                Ok(0) => Err((format!("no file matches `{path}`"), "relative paths start from the config's folder".into())),
                Ok(_) => Ok(()),
                Err(error) => Err((format!("`{path}` is not a glob: {}", error.msg), "write *, ?, [a-z] or ** as shells do".into())),
            },
            Kind::Data => missing("path"),
            Kind::File if full.is_dir() => Err((format!("`{path}` is a directory"), "name the file in it".into())),
            Kind::File if !full.exists() => missing("file"),
            Kind::Output if full.exists() && !full.is_dir() => Err((format!("`{path}` is not a directory"), "name another folder".into())),
            Kind::File | Kind::Output => Ok(()),
        }
    }
}
