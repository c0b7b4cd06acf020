//! The hidden folder a run is built in, so that its final folder appears whole or not at all.
//!
//! `runs/.lock` is held for moments, while folders are claimed, published or cleared away. `runs/.<run_id>.partial/.lock` is held for as
//! long as the run lives; the system lets go of it however the process ends, so a partial folder whose lock is free is a dead run's.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::RunError;
use super::error::AtPath;

const LOCK: &str = ".lock";

/// A claimed run id and the hidden folder that its files go to; dropped without [`Staging::publish`], the folder is removed.
#[derive(Debug)]
pub struct Staging {
    output: PathBuf,
    run_id: String,
    published: bool,
    /// Held until the run ends.
    _alive: File,
}

impl Staging {
    /// Claims `run_id` in the output folder, or `default_id` with the first free suffix, and clears away what dead runs left.
    ///
    /// # Errors
    /// If the folder cannot be made or written, the run id is malformed or taken, or `latest` is something other than a link.
    pub fn claim(output: &Path, run_id: Option<&str>, default_id: &str) -> Result<Self, RunError> {
        if let Some(id) = run_id.filter(|id| !is_run_id(id)) {
            let message = format!("`{id}` cannot name a folder; use up to 128 letters, digits, `.`, `_` and `-`, not beginning with `.`");
            return Err(RunError::Setting { key: "--run-id".into(), message });
        }
        let runs = output.join("runs");
        fs::create_dir_all(&runs).map_err(|source| unwritable(&runs, source))?;
        refuse_foreign_latest(&output.join("latest"))?;
        let _guard = lock_runs(&runs)?;
        remove_stale(&runs)?;
        let run_id = match run_id {
            Some(id) => free(&runs, id).map(|()| id.to_string())?,
            None => first_free(&runs, default_id),
        };
        let partial = partial(&runs, &run_id);
        fs::create_dir(&partial).at("make", &partial)?;
        let lock = partial.join(LOCK);
        let alive = File::create(&lock).at("make", &lock)?;
        alive.lock().at("lock", &lock)?;
        Ok(Self { output: output.into(), run_id, published: false, _alive: alive })
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The hidden folder.
    pub fn folder(&self) -> PathBuf {
        partial(&self.output.join("runs"), &self.run_id)
    }

    /// Creates a file in the hidden folder, with the folders on its way.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn create(&self, relative: &str) -> Result<File, RunError> {
        let path = self.folder().join(relative);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).at("make", folder)?;
        }
        File::create(&path).at("make", &path)
    }

    /// Writes a whole file into the hidden folder.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write(&self, relative: &str, content: &[u8]) -> Result<(), RunError> {
        use std::io::Write;
        self.create(relative)?.write_all(content).at("write", &self.folder().join(relative))
    }

    /// Publishes the run: every file on disk, the folder renamed, `latest` pointed at it, and all but the newest `keep` runs removed.
    ///
    /// Returns the final folder. From the rename on the run is whole; should `latest` then resist, the run stays and the error says so.
    ///
    /// # Errors
    /// If the system refuses any of it.
    pub fn publish(mut self, keep: Option<NonZeroUsize>) -> Result<PathBuf, RunError> {
        let (partial, runs) = (self.folder(), self.output.join("runs"));
        let published = runs.join(&self.run_id);
        let _guard = lock_runs(&runs)?;
        let lock = partial.join(LOCK);
        fs::remove_file(&lock).at("remove", &lock)?;
        sync_tree(&partial)?;
        fs::rename(&partial, &published).at("publish as", &published)?;
        self.published = true;
        sync(&runs)?;
        point_latest(&self.output, &self.run_id)?;
        if let Some(keep) = keep {
            prune(&runs, &self.run_id, keep)?;
        }
        Ok(published)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = fs::remove_dir_all(self.folder())
        {
            tracing::warn!("could not remove {}: {error}; the next run will", self.folder().display());
        }
    }
}

/// Whether `id` can name a run folder: ASCII letters, digits, `.`, `_` and `-`, not beginning with `.`, at most 128 of them.
fn is_run_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&id.len()) && !id.starts_with('.') && id.bytes().all(allowed)
}

fn partial(runs: &Path, run_id: &str) -> PathBuf {
    runs.join(format!(".{run_id}.partial"))
}

fn lock_runs(runs: &Path) -> Result<File, RunError> {
    let path = runs.join(LOCK);
    let file = File::create(&path).map_err(|source| unwritable(runs, source))?;
    file.lock().at("lock", &path)?;
    Ok(file)
}

fn unwritable(runs: &Path, source: std::io::Error) -> RunError {
    RunError::Unwritable { path: runs.into(), source }
}

fn refuse_foreign_latest(latest: &Path) -> Result<(), RunError> {
    match fs::symlink_metadata(latest) {
        Ok(found) if !found.is_symlink() => Err(RunError::Occupied {
            path: latest.into(),
            message: "is in the way of the link to the newest run; move it elsewhere".into(),
        }),
        _ => Ok(()),
    }
}

fn free(runs: &Path, id: &str) -> Result<(), RunError> {
    let occupied = |path: PathBuf, message: &str| Err(RunError::Occupied { path, message: message.into() });
    if runs.join(id).symlink_metadata().is_ok() {
        return occupied(runs.join(id), "a run of this id is there already and is never overwritten; choose another --run-id");
    }
    if partial(runs, id).exists() {
        return occupied(runs.join(id), "another process is writing this run id right now; choose another --run-id, or wait for it");
    }
    Ok(())
}

fn first_free(runs: &Path, id: &str) -> String {
    let suffixed = (2_u64..).map(|n| format!("{id}-{n}"));
    std::iter::once(id.to_string()).chain(suffixed).find(|id| free(runs, id).is_ok()).unwrap_or_default()
}

/// Removes partial folders whose run has ended, and folders that pruning did not get to the end of.
fn remove_stale(runs: &Path) -> Result<(), RunError> {
    for entry in fs::read_dir(runs).at("list", runs)? {
        let path = entry.at("list", runs)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !(name.starts_with('.') && name.ends_with(".partial")) {
            continue;
        }
        let alive = File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_err());
        if !alive {
            fs::remove_dir_all(&path).at("remove what an ended run left in", &path)?;
            tracing::info!("removed what an ended run left in {}", path.display());
        }
    }
    Ok(())
}

fn sync(path: &Path) -> Result<(), RunError> {
    File::open(path).and_then(|file| file.sync_all()).at("sync", path)
}

fn sync_tree(folder: &Path) -> Result<(), RunError> {
    for entry in fs::read_dir(folder).at("list", folder)? {
        let path = entry.at("list", folder)?.path();
        if path.is_dir() { sync_tree(&path)? } else { sync(&path)? }
    }
    sync(folder)
}

fn point_latest(output: &Path, run_id: &str) -> Result<(), RunError> {
    let (latest, fresh) = (output.join("latest"), output.join(".latest.new"));
    // A link that an interrupted publication left behind.
    if fresh.symlink_metadata().is_ok() {
        fs::remove_file(&fresh).at("remove", &fresh)?;
    }
    std::os::unix::fs::symlink(Path::new("runs").join(run_id), &fresh).at("make", &fresh)?;
    fs::rename(&fresh, &latest).at("replace", &latest)?;
    sync(output)
}

/// Removes all but the newest `keep` published runs (folders with a manifest), and never the one just published.
fn prune(runs: &Path, current: &str, keep: NonZeroUsize) -> Result<(), RunError> {
    let mut published = Vec::new();
    for entry in fs::read_dir(runs).at("list", runs)? {
        let entry = entry.at("list", runs)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Ok(manifest) = fs::metadata(entry.path().join("manifest.json"))
            && !name.starts_with('.')
            && name != current
        {
            published.push((manifest.modified().at("read the time of", &entry.path())?, name));
        }
    }
    published.sort();
    let surplus = (published.len() + 1).saturating_sub(keep.get());
    for (_, name) in published.into_iter().take(surplus) {
        // Renamed first, so that a run folder also disappears whole.
        let (folder, doomed) = (runs.join(&name), partial(runs, &name));
        fs::rename(&folder, &doomed).at("remove the old run", &folder)?;
        fs::remove_dir_all(&doomed).at("remove the old run", &doomed)?;
        tracing::info!("removed the old run {name} (output.keep is {keep})");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(output: &Path, id: &str, keep: Option<usize>) -> PathBuf {
        let staging = Staging::claim(output, Some(id), "unused").unwrap();
        staging.write("tables/deep/a.txt", id.as_bytes()).unwrap();
        staging.write("manifest.json", b"{}").unwrap();
        staging.publish(keep.and_then(NonZeroUsize::new)).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_published_run_is_whole_and_latest_names_it() {
        let home = tempfile::tempdir().unwrap();
        let folder = published(home.path(), "first", None);
        assert_eq!(names(&folder), ["manifest.json", "tables"]);
        published(home.path(), "second", None);
        assert_eq!(fs::read_link(home.path().join("latest")).unwrap(), Path::new("runs/second"));
        assert_eq!(fs::read(home.path().join("latest/tables/deep/a.txt")).unwrap(), b"second");
        assert_eq!(names(home.path()), ["latest", "runs"]);
    }

    #[test]
    fn a_run_that_is_given_up_leaves_nothing_and_the_id_stays_free() {
        let home = tempfile::tempdir().unwrap();
        let staging = Staging::claim(home.path(), Some("a"), "unused").unwrap();
        staging.write("x", b"x").unwrap();
        drop(staging);
        assert_eq!(names(&home.path().join("runs")), [".lock"]);
        published(home.path(), "a", None);
    }

    #[test]
    fn an_id_in_use_or_published_is_refused_and_a_default_id_steps_aside() {
        let home = tempfile::tempdir().unwrap();
        let first = Staging::claim(home.path(), Some("a"), "unused").unwrap();
        let busy = Staging::claim(home.path(), Some("a"), "unused").unwrap_err();
        assert!(busy.to_string().contains("another process is writing this run id"), "{busy}");
        assert_eq!(Staging::claim(home.path(), None, "a").unwrap().run_id(), "a-2");
        first.publish(None).unwrap();
        let taken = Staging::claim(home.path(), Some("a"), "unused").unwrap_err();
        assert!(taken.to_string().contains("never overwritten"), "{taken}");
        assert_eq!(taken.exit_code(), 3);
    }

    #[test]
    fn what_a_dead_run_left_is_cleared_and_what_lives_is_not() {
        let home = tempfile::tempdir().unwrap();
        let alive = Staging::claim(home.path(), Some("alive"), "unused").unwrap();
        for dead in ["locked-once", "never-locked"] {
            fs::create_dir_all(home.path().join(format!("runs/.{dead}.partial/attributions"))).unwrap();
        }
        fs::write(home.path().join("runs/.locked-once.partial/.lock"), b"").unwrap();
        fs::write(home.path().join("runs/foreign"), b"kept").unwrap();
        drop(Staging::claim(home.path(), Some("next"), "unused").unwrap());
        assert_eq!(names(&home.path().join("runs")), [".alive.partial", ".lock", "foreign"]);
        drop(alive);
    }

    #[test]
    fn keep_removes_the_oldest_runs_but_no_foreign_folder() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("runs/notes")).unwrap();
        for (age, id) in ["c", "a", "b"].into_iter().enumerate() {
            let manifest = published(home.path(), id, None).join("manifest.json");
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
            File::options().write(true).open(manifest).unwrap().set_modified(time).unwrap();
        }
        published(home.path(), "d", Some(2));
        assert_eq!(names(&home.path().join("runs")), [".lock", "b", "d", "notes"]);
        published(home.path(), "e", Some(1));
        assert_eq!(names(&home.path().join("runs")), [".lock", "e", "notes"]);
    }

    #[test]
    fn an_output_that_cannot_be_written_or_is_occupied_is_refused() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), b"").unwrap();
        let error = Staging::claim(&home.path().join("file/out"), None, "id").unwrap_err();
        assert!(error.to_string().starts_with("cannot write to the output folder"), "{error}");
        fs::create_dir_all(home.path().join("out/latest")).unwrap();
        let error = Staging::claim(&home.path().join("out"), None, "id").unwrap_err();
        assert!(error.to_string().contains("in the way of the link"), "{error}");
    }

    #[test]
    fn run_ids_cannot_leave_the_folder() {
        assert!(["20261122T013000Z", "a", "nightly_2.1-b"].into_iter().all(is_run_id));
        assert!(!["", ".", "..", ".a", "a/b", "a b", "ä", "a\n"].into_iter().any(is_run_id));
    }
}
