//! What is read of files, links and folders, and where changes are listened for.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn read(paths: &[PathBuf]) -> (PathFilters, Result<WatchedContent, ReadProblem>) {
    PathReader::new(paths.to_vec(), true).read()
}

fn why(path: &Path) -> String {
    read(&[path.to_owned()]).1.unwrap_err().why
}

#[test]
fn one_file_has_its_own_hash_and_is_kept() {
    let dir = folder();
    let path = dir.path().join("app.yaml");
    fs::write(&path, "a: 1\n").unwrap();
    let content = read(std::slice::from_ref(&path)).1.unwrap();
    assert_eq!(content.hash, Hash::of(b"a: 1\n"));
    assert_eq!(*content.kept[&path], *b"a: 1\n");
    let unkept = PathReader::new(vec![path], false).read().1.unwrap();
    assert!(unkept.kept.is_empty());
}

#[test]
fn a_set_has_the_hash_of_its_list_in_the_order_of_bytes() {
    let dir = folder();
    // Part by part `a/x` comes before `a-b`; by bytes it comes after.
    fs::create_dir(dir.path().join("a")).unwrap();
    let (first, second) = (dir.path().join("a-b"), dir.path().join("a/x"));
    fs::write(&first, "1").unwrap();
    fs::write(&second, "2").unwrap();
    let list = format!("{}\0{}\n{}\0{}\n", first.display(), Hash::of(b"1"), second.display(), Hash::of(b"2"));
    assert_eq!(read(&[dir.path().to_owned()]).1.unwrap().hash, Hash::of(list.as_bytes()));
    assert_eq!(read(&[second, first]).1.unwrap().hash, Hash::of(list.as_bytes()));
}

#[test]
fn a_folder_with_one_file_is_still_a_set() {
    let dir = folder();
    fs::write(dir.path().join("a"), "1").unwrap();
    let content = read(&[dir.path().to_owned()]).1.unwrap();
    assert_ne!(content.hash, Hash::of(b"1"));
    assert_eq!(content.files.len(), 1);
}

#[test]
fn a_config_map_is_read_through_its_links_and_listened_to_at_each() {
    let dir = folder();
    let root = fs::canonicalize(dir.path()).unwrap();
    fs::create_dir(root.join("..2026_1")).unwrap();
    fs::write(root.join("..2026_1/app.yaml"), "a: 1\n").unwrap();
    symlink("..2026_1", root.join("..data")).unwrap();
    symlink("..data/app.yaml", root.join("app.yaml")).unwrap();

    let (folders, content) = read(&[root.join("app.yaml")]);
    assert_eq!(content.unwrap().hash, Hash::of(b"a: 1\n"));
    let names = ["..2026_1", "..data", "app.yaml"].map(OsString::from);
    assert_eq!(folders[&root].names, BTreeSet::from(names));
    assert!(folders[&root.join("..2026_1")].content);
    assert!(!folders[Path::new("/")].content);

    // Watched as a folder, what kubelet keeps for itself is no second file.
    let content = read(std::slice::from_ref(&root)).1.unwrap();
    assert_eq!(content.files.keys().collect::<Vec<_>>(), [&root.join("app.yaml")]);
}

#[test]
fn what_leads_nowhere_or_round_in_a_folder_is_passed_over() {
    let dir = folder();
    fs::create_dir(dir.path().join("deeper")).unwrap();
    fs::write(dir.path().join("deeper/a"), "1").unwrap();
    symlink("..", dir.path().join("deeper/up")).unwrap();
    symlink("me@host.1", dir.path().join(".#lock")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    let content = read(&[dir.path().to_owned()]).1.unwrap();
    drop(socket);
    assert_eq!(content.files.keys().collect::<Vec<_>>(), [&dir.path().join("deeper/a")]);
}

#[test]
fn an_unreadable_file_has_the_reason_and_is_watched() {
    let dir = folder();
    let root = fs::canonicalize(dir.path()).unwrap();
    let path = root.join("sub/app.yaml");
    assert_eq!(why(&path), "does not exist");
    let (folders, _) = read(std::slice::from_ref(&path));
    assert_eq!(folders[&root].names, BTreeSet::from(["sub".into()]));

    symlink("round", root.join("round")).unwrap();
    assert!(why(&root.join("round")).contains("Too many levels of symbolic links"));
    symlink("self", root.join("self")).unwrap();
    assert!(why(&root).contains("Too many levels of symbolic links"));

    let large = root.join("large");
    fs::File::create(&large).unwrap().set_len((64 << 20) + 1).unwrap();
    assert_eq!(why(&large), "is larger than 64 MiB");

    let socket = root.join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(why(&socket).contains("cannot be read"));
    drop(listener);
    assert_eq!(why(Path::new("/dev/null")), "is neither a file nor a directory");
}

#[test]
fn a_path_stays_what_it_was() {
    let dir = folder();
    let path = dir.path().join("app.yaml");
    fs::write(&path, "a: 1\n").unwrap();
    let mut reader = PathReader::new(vec![path.clone()], false);
    reader.read().1.unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(reader.read().1.unwrap_err().why, "is a directory now and was a file");
}

#[test]
fn folders_are_followed_so_deep_and_no_deeper() {
    let dir = folder();
    let mut deep = dir.path().to_owned();
    for _ in 0..40 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    assert!(why(dir.path()).contains("deeper than 32 folders"));
}

#[test]
fn replacing_keeps_the_mode_and_follows_a_link() {
    let dir = folder();
    let (path, link) = (dir.path().join("real"), dir.path().join("link"));
    replace::replace(&path, b"1", 0o640).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    symlink("real", &link).unwrap();
    // Left behind by a crash.
    fs::write(dir.path().join("..real.sidecar"), "half").unwrap();
    replace::replace(&link, b"2", 0o640).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"2");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o604);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}
