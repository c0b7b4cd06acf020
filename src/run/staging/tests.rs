//! Run folders: claimed, published, taken over, cleared away.

use super::*;

fn published(output: &Path, id: &str, keep: Option<usize>) -> PathBuf {
    let staging = Staging::claim(output, Some(id), "unused", None).unwrap();
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
    let staging = Staging::claim(home.path(), Some("a"), "unused", None).unwrap();
    staging.write("x", b"x").unwrap();
    drop(staging);
    assert_eq!(names(&home.path().join("runs")), [".lock"]);
    published(home.path(), "a", None);
}

#[test]
fn an_id_in_use_or_published_is_refused_and_a_default_id_steps_aside() {
    let home = tempfile::tempdir().unwrap();
    let first = Staging::claim(home.path(), Some("a"), "unused", None).unwrap();
    let busy = Staging::claim(home.path(), Some("a"), "unused", None).unwrap_err();
    assert!(busy.to_string().contains("another process is writing this run id"), "{busy}");
    assert_eq!(Staging::claim(home.path(), None, "a", None).unwrap().run_id(), "a-2");
    first.publish(None).unwrap();
    let taken = Staging::claim(home.path(), Some("a"), "unused", None).unwrap_err();
    assert!(taken.to_string().contains("never overwritten"), "{taken}");
    assert_eq!(taken.exit_code(), 3);
}

#[test]
fn what_a_dead_run_left_is_cleared_and_what_lives_is_not() {
    let home = tempfile::tempdir().unwrap();
    let alive = Staging::claim(home.path(), Some("alive"), "unused", None).unwrap();
    for dead in ["locked-once", "never-locked"] {
        fs::create_dir_all(home.path().join(format!("runs/.{dead}.partial/attributions"))).unwrap();
    }
    fs::write(home.path().join("runs/.locked-once.partial/.lock"), b"").unwrap();
    fs::write(home.path().join("runs/foreign"), b"kept").unwrap();
    drop(Staging::claim(home.path(), Some("next"), "unused", None).unwrap());
    assert_eq!(names(&home.path().join("runs")), [".alive.partial", ".lock", "foreign"]);
    drop(alive);
}

#[test]
fn what_an_ended_run_left_is_taken_over_where_it_fits() {
    let home = tempfile::tempdir().unwrap();
    let left = |id: &str| {
        let staging = Staging::claim(home.path(), Some(id), "unused", Some(&|_| Ok(()))).unwrap();
        staging.write(PROGRESS, b"{}").unwrap();
        staging.leave();
    };
    let only = partial(&home.path().join("runs"), "a");
    let fits = |folder: &Path| if folder == only { Ok(()) } else { Err("no".to_owned()) };
    left("a");
    // One that runs is none to go on with.
    let alive = Staging::claim(home.path(), None, "b", Some(&fits)).unwrap();
    assert_eq!((alive.run_id(), alive.is_resumed()), ("a", true));
    let other = Staging::claim(home.path(), None, "b", Some(&fits)).unwrap();
    assert_eq!((other.run_id(), other.is_resumed()), ("b", false));
    alive.leave();
    // Another one than asked for is cleared away; without `resume` all are.
    drop(Staging::claim(home.path(), Some("c"), "unused", Some(&fits)).unwrap());
    assert_eq!(names(&home.path().join("runs")), [".b.partial", ".lock"]);
    drop(other);
    left("a");
    drop(Staging::claim(home.path(), Some("a"), "unused", None).unwrap());
    assert_eq!(names(&home.path().join("runs")), [".lock"]);
}

#[test]
fn clearing_keeps_the_lock_and_what_is_named() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("parts")).unwrap();
    for name in [LOCK, "index.html", "parts/a", "parts/b"] {
        fs::write(home.path().join(name), b"x").unwrap();
    }
    clear(home.path(), &[&home.path().join("parts/a")]).unwrap();
    assert_eq!((names(home.path()), names(&home.path().join("parts"))), (vec![LOCK.to_owned(), "parts".into()], vec!["a".to_owned()]));
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
    let error = Staging::claim(&home.path().join("file/out"), None, "id", None).unwrap_err();
    assert!(error.to_string().starts_with("cannot write to the output folder"), "{error}");
    fs::create_dir_all(home.path().join("out/latest")).unwrap();
    let error = Staging::claim(&home.path().join("out"), None, "id", None).unwrap_err();
    assert!(error.to_string().contains("in the way of the link"), "{error}");
}

#[test]
fn run_ids_cannot_leave_the_folder() {
    assert!(["20261122T013000Z", "a", "nightly_2.1-b"].into_iter().all(is_run_id));
    assert!(!["", ".", "..", ".a", "a/b", "a b", "ä", "a\n"].into_iter().any(is_run_id));
}
