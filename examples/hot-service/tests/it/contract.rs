//! The contract of a service and its sidecar: a change, a comment and something invalid, told by HTTP and by a signal,
//! saved by a rename and by a swap of links as kubelet does it.

use std::path::Path;

use midflight_testkit::{ConfigMap, rename_over};

use crate::support::{Method, Pair, folder, hash, health};

/// The four contents of the walk, in order.
type Contents = [String; 4];

fn own() -> Contents {
    let initial = "app:\n  name: shop\nlog:\n  level: info\n  format: text\n";
    let changed = initial.replace("info", "debug");
    let touched = format!("# Only this line is new.\n{changed}");
    [initial.to_owned(), changed, touched, initial.replace("text", "smoke-signals")]
}

/// Those that the reloader whom this one replaces is held to; none where they are not at hand.
fn given() -> Option<Contents> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/config/e2e-contract");
    let names = ["01-initial.yaml", "02-changed.yaml", "03-comment-only.yaml", "04-invalid.yaml"];
    let read = names.map(|name| std::fs::read_to_string(folder.join(name)));
    if read.iter().all(Result::is_err) {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(read.map(Result::unwrap))
}

fn walk(contents: &Contents, file: &Path, method: Method, mut save: impl FnMut(&str)) {
    let pair = Pair::start(file, method);
    let [initial, changed, touched, invalid] = contents;
    pair.until("the first content verified", |pair| pair.is_verified(initial));
    assert_eq!((pair.attempts(), pair.successes()), (0, 0), "what is served already is not triggered");
    let level = |level: &str| {
        let (_, output) = pair.service.get("/");
        assert!(output.contains(&format!("\"log_level\":\"{level}\"")), "{output}");
    };
    level("info");

    save(changed);
    pair.until_succeeded(1);
    pair.until_reported(method);
    level("debug");

    save(touched);
    pair.until_succeeded(2);
    let (status, output) = health(&pair.service);
    assert_eq!((status, &output["status"], &output["revision"]), (200, &"unchanged".into(), &2.into()));

    save(invalid);
    pair.until("a refusal", |pair| pair.failures("rejected") == 1);
    let (status, output) = health(&pair.service);
    assert_eq!((status, &output["status"]), (503, &"validation_failed".into()), "{output}");
    assert_eq!((&output["hash"], &output["served_hash"]), (&hash(invalid).into(), &hash(touched).into()));
    level("debug");

    save(initial);
    pair.until_succeeded(3);
    assert_eq!((health(&pair.service).0, pair.attempts()), (200, 4), "what is invalid is told once");
    assert_eq!(pair.failures("unreachable") + pair.failures("unverified"), 0);
    level("info");
}

fn by_renames(contents: &Contents, method: Method) {
    let (_folder, file) = folder(&contents[0]);
    walk(contents, &file, method, |text| rename_over(&file, text));
}

fn by_swaps(contents: &Contents, method: Method) {
    let folder = tempfile::tempdir().unwrap();
    let mut map = ConfigMap::mount(folder.path(), "app.yaml", &contents[0]);
    walk(contents, &map.file(), method, |text| map.write(text));
}

#[test]
fn holds_by_http() {
    by_renames(&own(), Method::Http);
}

#[test]
fn works_by_a_signal() {
    by_renames(&own(), Method::Signal);
}

#[test]
fn works_by_http_when_a_config_map_is_swapped() {
    by_swaps(&own(), Method::Http);
}

#[test]
fn works_by_a_signal_when_a_config_map_is_swapped() {
    by_swaps(&own(), Method::Signal);
}

#[test]
fn works_with_the_original_contents() {
    let Some(contents) = given() else { return };
    for method in [Method::Http, Method::Signal] {
        by_renames(&contents, method);
        by_swaps(&contents, method);
    }
}
