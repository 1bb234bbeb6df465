//! Keeps the house as ARCHITECTURE.md draws it: dependencies point down, kinds do not know each other, and what is
//! pure stays pure. It reads the manifests and sources of every crate.
#![expect(clippy::expect_used, reason = "what is not there fails the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The rooms, from the ground up. A room may depend on rooms of lower floors only.
const FLOORS: &[&[&str]] = &[
    &["core"],
    &["live", "bus", "store"],
    &["engine"],
    &["regexes"],
    &["config", "rules", "patterns", "tools", "modules", "source"],
    &["components", "module-host"],
    &["app", "learning", "mcp"],
    &["ui"],
    &["http"],
    &["server", "sidecar"],
    &["midflight"],
    // Outside the house: they may look into every room, and no room knows them.
    &["testkit", "benches"],
];

/// What is not pure: a runtime, files, the network, threads, variables, clocks.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "std::time::Instant",
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
    "getrandom",
    "fastrand",
];

/// Libraries that are the business of some rooms alone.
const PRIVATE: &[(&str, &[&str])] = &[
    ("arc-swap", &["live"]),
    ("croner", &["engine"]),
    ("sqlx", &["store", "bus", "components"]),
    ("regex-automata", &["regexes"]),
    ("redis", &["bus", "components"]),
    ("async-nats", &["bus"]),
    ("axum", &["http", "server"]),
    ("rmcp", &["mcp"]),
    ("notify", &["source"]),
    ("wasmtime", &["module-host"]),
];

/// Rooms that lie below `http` and that it must not know beside the kinds: it serves whatever kinds a server has.
const UNKNOWN_TO_HTTP: &[&str] = &["app", "components", "learning", "mcp", "module-host"];

fn crates_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate lies in the folder of crates").to_owned()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Every room with the names of what it depends on, development left out.
fn rooms() -> BTreeMap<String, Vec<String>> {
    let mut rooms = BTreeMap::new();
    for entry in std::fs::read_dir(crates_folder()).expect("the folder of crates can be read") {
        let path = entry.expect("its entries can be read").path();
        let Ok(manifest) = std::fs::read_to_string(path.join("Cargo.toml")) else { continue };
        let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
        let mut tables: Vec<&toml::Table> = vec![&manifest];
        if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
            tables.extend(targets.values().filter_map(toml::Value::as_table));
        }
        let named = |kind: &str| {
            let lists = tables.iter().filter_map(|table| table.get(kind).and_then(toml::Value::as_table));
            lists.flat_map(|list| list.keys().cloned()).collect::<Vec<_>>()
        };
        let depends = ["dependencies", "build-dependencies"].into_iter().flat_map(named).collect();
        let room = path.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        rooms.insert(room, depends);
    }
    rooms
}

/// The programs under `examples/`, with the tables of what each depends on.
fn examples() -> Vec<(PathBuf, toml::Table)> {
    let folder = crates_folder().parent().expect("the crates lie in the repository").join("examples");
    let entries = std::fs::read_dir(folder).expect("the folder of examples can be read");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("its entries can be read").path();
        let manifest = std::fs::read_to_string(path.join("Cargo.toml")).ok()?;
        let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
        let depends = manifest.get("dependencies").and_then(toml::Value::as_table);
        Some((path, depends.cloned().unwrap_or_default()))
    };
    entries.filter_map(read).collect()
}

fn room_of(dependency: &str) -> Option<&str> {
    if dependency == "midflight" { Some("midflight") } else { dependency.strip_prefix("midflight-") }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// A source without its comments and without its tests, which stand last in a file, with each import on a line of its own.
fn code(path: &Path) -> String {
    code_of(&std::fs::read_to_string(path).expect("a source can be read"))
}

fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut code = lines.collect::<Vec<_>>().join("\n");
    for import in code.split("use ").skip(1).map(str::to_owned).collect::<Vec<_>>() {
        if let Some((import, _)) = import.split_once(';') {
            let import: String = import.split_whitespace().collect::<Vec<_>>().join(" ");
            expand("", &import, &mut code);
        }
    }
    code
}

/// Adds what an import like `std::{fs, io::{self, Read}}` names, path by path.
fn expand(above: &str, import: &str, code: &mut String) {
    let Some((path, group)) = import.split_once('{') else {
        ["\nuse ", above, import, ";"].into_iter().for_each(|part| code.push_str(part));
        return;
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut begin) = (0_usize, 0);
    for (at, character) in group.char_indices().chain([(group.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let one = group.get(begin..at).unwrap_or_default().trim();
                if !one.is_empty() {
                    expand(&format!("{above}{}", path.trim()), one, code);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

#[test]
fn imports_in_groups_are_seen_too() {
    let code =
        code_of("use std::{\n    fs,\n    io::{self, Read as _},\n};\n// use std::env;\nuse std::thread;\n");
    for path in ["use std::fs;", "use std::io::self;", "use std::io::Read as _;", "use std::thread;"] {
        assert!(code.contains(path), "{path} in {code}");
    }
    assert!(!code.contains("env"), "{code}");
}

#[test]
fn every_arrow_points_down() {
    let mut wrong = Vec::new();
    for (room, depends) in rooms() {
        let Some(here) = floor(&room) else {
            wrong.push(format!("crates/{room} is no room of the house: give it a floor in this test"));
            continue;
        };
        for other in depends.iter().filter_map(|name| room_of(name)) {
            if floor(other).is_none_or(|there| there >= here) {
                wrong.push(format!("{room} depends on {other}, which is not below it"));
            }
        }
        for (library, homes) in PRIVATE {
            let is_at_home = homes.contains(&room.as_str()) || floor(&room) >= floor("benches");
            if depends.iter().any(|name| name == library) && !is_at_home {
                let homes = homes.join(" and ");
                wrong.push(format!("{room} depends on {library}, which is the business of {homes}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The kinds: rooms that depend on the engine and have a type that is one.
fn kinds() -> Vec<String> {
    let is_impl = |line: &str| {
        line.starts_with("impl") && [" Kind for ", ":Kind for "].iter().any(|it| line.contains(it))
    };
    let is_kind = |(room, depends): &(String, Vec<String>)| {
        let mut files = Vec::new();
        sources(&crates_folder().join(room).join("src"), &mut files);
        let uses_engine = depends.iter().any(|name| name == "midflight-engine");
        let is_test = |file: &&PathBuf| file.file_stem().is_some_and(|name| name == "tests");
        let mut sources = files.iter().filter(|file| !is_test(file));
        uses_engine && sources.any(|file| code(file).lines().any(is_impl))
    };
    rooms().into_iter().filter(is_kind).map(|(room, _)| room).collect()
}

#[test]
fn the_edge_knows_no_kind() {
    let kinds = kinds();
    for kind in ["config", "patterns", "rules"] {
        assert!(kinds.iter().any(|found| found == kind), "{kind} is not found among {kinds:?}");
    }
    let mut wrong = Vec::new();
    for depends in rooms().get("http").into_iter().flatten().filter_map(|name| room_of(name)) {
        if kinds.iter().any(|kind| kind == depends) || UNKNOWN_TO_HTTP.contains(&depends) {
            wrong.push(format!(
                "http depends on {depends}: take what it needs from KindApi, or as an argument"
            ));
        }
    }
    let mut files = Vec::new();
    sources(&crates_folder().join("http/src"), &mut files);
    assert!(!files.is_empty(), "http has sources");
    for file in files {
        let code = code(&file);
        for kind in &kinds {
            let named = [format!("\"{kind}\""), format!("/{kind}"), format!("midflight_{kind}")];
            let found = named.iter().filter(|word| code.contains(word.as_str()));
            wrong.extend(
                found.map(|word| format!("{} has {word}: a kind's own side says it", file.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_example_shows_what_one_dependency_gives() {
    let mut wrong = Vec::new();
    for (example, depends) in examples() {
        let inner = depends.keys().filter(|name| room_of(name).is_some_and(|room| room != "midflight"));
        let example = example.display();
        wrong.extend(
            inner.map(|name| format!("{example} depends on {name}: take it by the facade, midflight")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_pure_stays_pure() {
    let mut wrong = Vec::new();
    for room in kinds().into_iter().chain(["core".to_owned()]) {
        let mut files = Vec::new();
        sources(&crates_folder().join(&room).join("src"), &mut files);
        assert!(!files.is_empty(), "{room} has sources");
        for file in files {
            let code = code(&file);
            let found = IMPURE.iter().filter(|word| code.contains(**word));
            let instead = "core and the kinds are pure: take it as an argument";
            wrong.extend(found.map(|word| format!("{} has {word}: {instead}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Only what made a candidate, verified it and publishes it may append: every other way past it is one to an unchecked log.
#[test]
fn only_a_reload_appends_to_the_log() {
    let at_home = ["store/src", "engine/src/reload"].map(|folder| crates_folder().join(folder));
    let mut wrong = Vec::new();
    let mut appends = 0;
    for room in rooms().into_keys().filter(|room| floor(room) < floor("benches")) {
        let mut files = Vec::new();
        sources(&crates_folder().join(room).join("src"), &mut files);
        for file in files.into_iter().filter(|file| code(file).contains("NewRevision")) {
            appends += 1;
            if !at_home.iter().any(|folder| file.starts_with(folder)) {
                wrong
                    .push(format!("{} appends to the log; make it an edit, or a first edit", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(appends > 0, "the log is appended to somewhere");
}

#[test]
fn no_file_is_longer_than_anyone_reads() {
    let mut long = Vec::new();
    let rooms = rooms();
    let crates = rooms.keys().map(|room| crates_folder().join(room));
    for folder in crates.chain(examples().into_iter().map(|(folder, _)| folder)) {
        let mut files = Vec::new();
        sources(&folder, &mut files);
        for file in files {
            let lines = std::fs::read_to_string(&file).expect("a source can be read").lines().count();
            if lines > 800 {
                long.push(format!("{} has {lines} lines; split it along its purposes", file.display()));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}
