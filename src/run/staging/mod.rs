//! The hidden folder a run is built in, so that its final folder appears whole or not at all.
//!
//! `runs/.lock` is held for moments, while folders are claimed, published or cleared away. `runs/.<run_id>.partial/.lock` is held for as
//! long as the run lives; the system lets go of it however the process ends, so a partial folder whose lock is free is a dead run's.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::RunError;
use super::checkpoint::PROGRESS;
use super::error::AtPath;

#[cfg(test)]
mod tests;

const LOCK: &str = ".lock";

/// Whether what an ended run left in a folder can be gone on with, or why not.
pub(super) type Fits<'a> = dyn Fn(&Path) -> Result<(), String> + 'a;

/// A claimed run id and the hidden folder that its files go to; dropped without [`Staging::publish`], the folder is removed.
#[derive(Debug)]
pub struct Staging {
    output: PathBuf,
    run_id: String,
    /// Whether it goes on with what an ended run left.
    resumed: bool,
    /// Whether the hidden folder is published, or left for another process to go on with.
    stays: bool,
    /// Held until the run ends.
    _alive: File,
}

impl Staging {
    /// Claims `run_id` in the output folder, or `default_id` with the first free suffix, and clears away what ended runs left.
    ///
    /// With `resume`, a folder that an ended run left and that fits is taken over with its run id (where none is given, the newest one).
    ///
    /// # Errors
    /// If the folder cannot be made or written, the run id is malformed or taken, or `latest` is something other than a link.
    pub fn claim(output: &Path, run_id: Option<&str>, default_id: &str, resume: Option<&Fits<'_>>) -> Result<Self, RunError> {
        if let Some(id) = run_id.filter(|id| !is_run_id(id)) {
            let message = format!("`{id}` cannot name a folder; use up to 128 letters, digits, `.`, `_` and `-`, not beginning with `.`");
            return Err(RunError::setting("--run-id", message));
        }
        let runs = output.join("runs");
        fs::create_dir_all(&runs).map_err(|source| unwritable(&runs, source))?;
        refuse_foreign_latest(&output.join("latest"))?;
        let _guard = lock_runs(&runs)?;
        let resumed = resume.map_or(Ok(None), |fits| left_over(&runs, run_id, fits))?;
        remove_stale(&runs, resumed.as_deref())?;
        let run_id = match (&resumed, run_id) {
            (Some(id), _) => id.clone(),
            (None, Some(id)) => free(&runs, id).map(|()| id.to_string())?,
            (None, None) => first_free(&runs, default_id),
        };
        let partial = partial(&runs, &run_id);
        if resumed.is_none() {
            fs::create_dir(&partial).at("make", &partial)?;
        }
        let lock = partial.join(LOCK);
        let alive = File::create(&lock).at("make", &lock)?;
        alive.lock().at("lock", &lock)?;
        Ok(Self { output: output.into(), run_id, resumed: resumed.is_some(), stays: false, _alive: alive })
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Whether the run goes on with what an ended one left.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Ends without publishing, and leaves the hidden folder for another process to go on with.
    pub fn leave(mut self) {
        self.stays = true;
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
        remove(&partial.join(PROGRESS))?;
        sync_tree(&partial)?;
        fs::rename(&partial, &published).at("publish as", &published)?;
        self.stays = true;
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
        if !self.stays
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

/// Run ids of partial folders whose run has ended; also of folders that pruning did not get to the end of.
fn ended(runs: &Path) -> Result<Vec<String>, RunError> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(runs).at("list", runs)? {
        let path = entry.at("list", runs)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(id) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".partial")) else { continue };
        let alive = File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_err());
        if !alive {
            ids.push(id.to_owned());
        }
    }
    Ok(ids)
}

/// The ended run to go on with: the one asked for, or the newest that fits.
fn left_over(runs: &Path, run_id: Option<&str>, fits: &Fits<'_>) -> Result<Option<String>, RunError> {
    let written = |id: &String| fs::metadata(partial(runs, id).join(PROGRESS)).and_then(|progress| progress.modified()).ok();
    let mut ids: Vec<String> = ended(runs)?.into_iter().filter(|id| run_id.is_none_or(|wanted| wanted == id)).collect();
    ids.sort_by_cached_key(|id| std::cmp::Reverse((written(id), id.clone())));
    for id in ids {
        match fits(&partial(runs, &id)) {
            Ok(()) => return Ok(Some(id)),
            Err(why) => tracing::info!("cannot go on with run {id}: {why}"),
        }
    }
    tracing::info!("there is no run to go on with; a new one starts");
    Ok(None)
}

/// Removes what ended runs left, but for the one of `spared`.
fn remove_stale(runs: &Path, spared: Option<&str>) -> Result<(), RunError> {
    for id in ended(runs)?.into_iter().filter(|id| spared != Some(id)) {
        let path = partial(runs, &id);
        fs::remove_dir_all(&path).at("remove what an ended run left in", &path)?;
        tracing::info!("removed what an ended run left in {}", path.display());
    }
    Ok(())
}

/// Removes every file under `folder` but its lock and those to keep.
pub(super) fn clear(folder: &Path, keep: &[&Path]) -> Result<(), RunError> {
    for entry in fs::read_dir(folder).at("list", folder)? {
        let path = entry.at("list", folder)?.path();
        match path.is_dir() {
            true => clear(&path, keep)?,
            false if path.ends_with(LOCK) || keep.contains(&path.as_path()) => {}
            false => fs::remove_file(&path).at("remove", &path)?,
        }
    }
    Ok(())
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), RunError> {
    if path.exists() { fs::remove_file(path).at("remove", path) } else { Ok(()) }
}

/// Brings a file or folder to the disk.
pub(super) fn sync(path: &Path) -> Result<(), RunError> {
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
