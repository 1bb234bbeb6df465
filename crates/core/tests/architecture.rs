//! Keeps the layers of ARCHITECTURE.md: dependencies point down, kinds do not depend on each other, and what is pure
//! stays pure. Keeps the names and the language, too. It reads the manifests and sources of every crate.
#![expect(clippy::expect_used, reason = "a missing value fails the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The crates, lowest layer first. A crate may depend on crates of lower layers only.
const LAYERS: &[&[&str]] = &[
    &["core"],
    &["postgres"],
    &["live", "bus", "store", "wire"],
    &["engine"],
    &["outbound", "regexes"],
    &["schemas"],
    &["config", "rules", "patterns", "tools", "modules", "webhooks", "source"],
    &["components", "module-host"],
    &["app", "learning", "mcp"],
    &["ui"],
    &["http"],
    &["server", "sidecar"],
    &["client"],
    &["midflight", "cli"],
    // Outside of the layering: they may depend on every crate, and no crate depends on them.
    &["testkit", "benches", "fuzz-targets"],
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

/// Libraries that only some crates may depend on.
const PRIVATE: &[(&str, &[&str])] = &[
    ("arc-swap", &["live"]),
    ("croner", &["engine"]),
    ("sqlx", &["postgres", "store", "bus", "components"]),
    ("regex-automata", &["regexes"]),
    ("redis", &["bus", "components"]),
    ("async-nats", &["bus"]),
    ("axum", &["http", "server"]),
    ("rmcp", &["mcp"]),
    ("notify", &["source"]),
    ("wasmtime", &["module-host"]),
];

/// Crates below `http` that it must not depend on beside the kinds: it serves any kinds that a server has.
const UNKNOWN_TO_HTTP: &[&str] = &["app", "components", "learning", "mcp", "module-host"];

/// Type names that more than one module of the workspace may define, each with the reason.
const TWICE: &[(&str, &str)] = &[];

/// Words that are not used in texts and documentation, each with what to write instead. A word ends at a character that
/// is not a letter.
const UNUSED_WORDS: &[(&str, &str)] = &[
    ("whoever", "the caller, the client"),
    ("somebody", "a caller, a client, another writer"),
    ("anybody", "any caller, any client"),
    ("anew", "again, full"),
    ("in vain", "without effect, failed"),
    ("once more", "again"),
    ("does not hold", "is invalid"),
    ("do not hold", "are invalid"),
    ("taken back", "rolled back"),
    ("takes back", "rolls back"),
    ("let go of", "released"),
    ("lets go of", "releases"),
    ("given up", "abandoned"),
    ("is told", "is notified, is reported"),
    ("are told", "are notified, are reported"),
    ("unless said", "by default"),
    ("unless told", "by default"),
    ("goes one road", "runs through the pipeline"),
    ("the seed", "the compatibility API"),
    ("the house", "the layers, the crates"),
    ("left alone", "not called, not changed"),
];

fn crates_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate lies in the folder of crates").to_owned()
}

fn layer(member: &str) -> Option<usize> {
    LAYERS.iter().position(|members| members.contains(&member))
}

/// Every crate with the names of its dependencies, those of development excluded.
fn members() -> BTreeMap<String, Vec<String>> {
    let mut members = BTreeMap::new();
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
        let member = path.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        members.insert(member, depends);
    }
    members
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

fn member_of(dependency: &str) -> Option<&str> {
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

/// A source without its comments and without its tests, which are last in a file, with each import on a line of its
/// own.
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
fn imports_in_groups_are_found() {
    let code =
        code_of("use std::{\n    fs,\n    io::{self, Read as _},\n};\n// use std::env;\nuse std::thread;\n");
    for path in ["use std::fs;", "use std::io::self;", "use std::io::Read as _;", "use std::thread;"] {
        assert!(code.contains(path), "{path} in {code}");
    }
    assert!(!code.contains("env"), "{code}");
}

#[test]
fn dependencies_point_down() {
    let mut wrong = Vec::new();
    for (member, depends) in members() {
        let Some(here) = layer(&member) else {
            wrong.push(format!("crates/{member} has no layer: add it to LAYERS in this test"));
            continue;
        };
        for other in depends.iter().filter_map(|name| member_of(name)) {
            if layer(other).is_none_or(|there| there >= here) {
                wrong.push(format!("{member} depends on {other}, which is not below it"));
            }
        }
        for (library, owners) in PRIVATE {
            let may_depend = owners.contains(&member.as_str()) || layer(&member) >= layer("benches");
            if depends.iter().any(|name| name == library) && !may_depend {
                let owners = owners.join(" and ");
                wrong.push(format!("{member} depends on {library}, which only {owners} may"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A client that is made elsewhere would follow redirects, and call addresses that no policy checked.
#[test]
fn what_a_server_calls_over_http_is_called_by_one_client() {
    let mut wrong = Vec::new();
    for (member, depends) in members() {
        let is_of_server = layer(&member) <= layer("server") && member != "outbound";
        if !is_of_server || !depends.iter().any(|name| name == "reqwest") {
            continue;
        }
        let mut files = Vec::new();
        sources(&crates_folder().join(&member).join("src"), &mut files);
        for file in files {
            let code = code(&file);
            if ["reqwest::Client", "reqwest::ClientBuilder"].iter().any(|name| code.contains(name)) {
                wrong.push(format!("{} makes an HTTP client: use midflight_outbound", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The kinds: crates that depend on the engine and have a type that is one.
fn kinds() -> Vec<String> {
    let is_impl = |line: &str| {
        line.starts_with("impl") && [" Kind for ", ":Kind for "].iter().any(|it| line.contains(it))
    };
    let is_kind = |(member, depends): &(String, Vec<String>)| {
        let mut files = Vec::new();
        sources(&crates_folder().join(member).join("src"), &mut files);
        let uses_engine = depends.iter().any(|name| name == "midflight-engine");
        let is_test = |file: &&PathBuf| file.file_stem().is_some_and(|name| name == "tests");
        let mut sources = files.iter().filter(|file| !is_test(file));
        uses_engine && sources.any(|file| code(file).lines().any(is_impl))
    };
    members().into_iter().filter(is_kind).map(|(member, _)| member).collect()
}

#[test]
fn http_depends_on_no_kind() {
    let kinds = kinds();
    for kind in ["config", "patterns", "rules"] {
        assert!(kinds.iter().any(|found| found == kind), "{kind} is not found among {kinds:?}");
    }
    let mut wrong = Vec::new();
    for depends in members().get("http").into_iter().flatten().filter_map(|name| member_of(name)) {
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
            wrong.extend(found.map(|word| {
                format!("{} has {word}: it belongs into the kind's own KindApi", file.display())
            }));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_example_needs_one_dependency() {
    let mut wrong = Vec::new();
    for (example, depends) in examples() {
        let inner = depends.keys().filter(|name| member_of(name).is_some_and(|member| member != "midflight"));
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
    for member in kinds().into_iter().chain(["core", "wire"].map(str::to_owned)) {
        let mut files = Vec::new();
        sources(&crates_folder().join(&member).join("src"), &mut files);
        assert!(!files.is_empty(), "{member} has sources");
        for file in files {
            let code = code(&file);
            let found = IMPURE.iter().filter(|word| code.contains(**word));
            let instead = "core, wire and the kinds are pure: take it as an argument";
            wrong.extend(found.map(|word| format!("{} has {word}: {instead}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Only what made a candidate, verified it and publishes it may append: any other way would put unchecked revisions
/// into the log.
#[test]
fn only_a_reload_appends_to_the_log() {
    let allowed = ["store/src", "engine/src/reload"].map(|folder| crates_folder().join(folder));
    let mut wrong = Vec::new();
    let mut appends = 0;
    for member in members().into_keys().filter(|member| layer(member) < layer("benches")) {
        let mut files = Vec::new();
        sources(&crates_folder().join(member).join("src"), &mut files);
        for file in files.into_iter().filter(|file| code(file).contains("NewRevision")) {
            appends += 1;
            if !allowed.iter().any(|folder| file.starts_with(folder)) {
                wrong
                    .push(format!("{} appends to the log; make it an edit, or a first edit", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(appends > 0, "the log is appended to somewhere");
}

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    let members = members();
    let crates = members.keys().map(|member| crates_folder().join(member));
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

/// The sources of a crate that are part of the product: without tests.
fn product_sources(member: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    sources(&crates_folder().join(member).join("src"), &mut files);
    let is_test = |file: &PathBuf| {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        stem.ends_with("tests") || file.components().any(|part| part.as_os_str() == "tests")
    };
    files.retain(|file| !is_test(file));
    files
}

fn text_without_tests(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("a source can be read");
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
}

/// The type that a line defines, at the level of a module.
fn defined_type(line: &str) -> Option<&str> {
    let mut rest = line;
    if let Some(after) = rest.strip_prefix("pub") {
        rest = match after.strip_prefix('(') {
            Some(restricted) => restricted.split_once(')')?.1,
            None => after,
        };
        rest = rest.strip_prefix(' ')?;
    }
    rest = rest.strip_prefix("unsafe ").unwrap_or(rest);
    let keywords = ["struct ", "enum ", "trait ", "type ", "union "];
    let name = keywords.iter().find_map(|keyword| rest.strip_prefix(keyword))?;
    let end =
        name.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(name.len());
    name.get(..end).filter(|name| !name.is_empty())
}

#[test]
fn types_are_found_at_the_level_of_a_module() {
    assert_eq!(defined_type("pub(in crate::program) struct Args<'a> {"), Some("Args"));
    assert_eq!(defined_type("pub trait Kind: Send {"), Some("Kind"));
    assert_eq!(defined_type("type Answer = u8;"), Some("Answer"));
    assert_eq!(defined_type("    struct Inner;"), None);
    assert_eq!(defined_type("structure"), None);
}

/// One term for one concept: a reader who searches for a type finds one.
#[test]
fn a_type_name_is_defined_once() {
    let mut defined: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for member in members().into_keys().filter(|member| layer(member) < layer("benches")) {
        for file in product_sources(&member) {
            let text = text_without_tests(&file);
            let place = file.strip_prefix(crates_folder()).unwrap_or(&file).display().to_string();
            for name in text.lines().filter_map(defined_type) {
                defined.entry(name.to_owned()).or_default().push(place.clone());
            }
        }
    }
    let mut wrong = Vec::new();
    for (name, places) in &defined {
        let is_listed = TWICE.iter().any(|(listed, _)| listed == name);
        match (places.len() > 1, is_listed) {
            (true, false) => {
                wrong.push(format!("{name} is defined in {}; rename all but one", places.join(", ")))
            }
            (false, true) => wrong.push(format!("{name} is defined once; remove it from TWICE")),
            _ => {}
        }
    }
    for (listed, _) in TWICE.iter().filter(|(listed, _)| !defined.contains_key(*listed)) {
        wrong.push(format!("{listed} is not defined; remove it from TWICE"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where a text has a word, which is in lower case and not within a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let text = text.to_lowercase();
    let is_letter = |character: Option<char>| character.is_some_and(char::is_alphabetic);
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !is_letter(before) && !is_letter(after)
    })
}

/// The documentation of a source by paragraphs, and the lines of its code, which have its texts.
fn prose(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut paragraph = String::new();
    for line in text.lines().map(str::trim_start).chain([""]) {
        let documentation = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        match documentation.map(str::trim) {
            Some(more) if !more.is_empty() => {
                paragraph.push(' ');
                paragraph.push_str(more);
            }
            _ => {
                if !paragraph.is_empty() {
                    found.push(std::mem::take(&mut paragraph));
                }
                if documentation.is_none() && !line.starts_with("//") && line.contains('"') {
                    found.push(line.to_owned());
                }
            }
        }
    }
    found
}

/// The pages for people: the README, the guides, the pages of error codes, the decisions, and those beside examples and
/// charts.
fn pages() -> Vec<PathBuf> {
    fn add(folder: &Path, found: &mut Vec<PathBuf>) {
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            match path.extension() {
                _ if path.is_dir() => add(&path, found),
                Some(extension) if extension == "md" => found.push(path),
                _ => {}
            }
        }
    }
    let root = crates_folder().parent().expect("the crates lie in the repository").to_owned();
    let mut found: Vec<_> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root.join(name)).into();
    ["docs", "examples", "deploy"].iter().for_each(|folder| add(&root.join(folder), &mut found));
    found
}

/// The paragraphs of a page, each in one line.
fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n").map(|paragraph| paragraph.lines().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn words_are_found_across_lines_and_not_within_others() {
    let text = "/// It is given\n/// up.\nlet x = \"Whoever\";\n// anew\n";
    let found = prose(text);
    assert!(found.iter().any(|one| has_word(one, "given up")), "{found:?}");
    assert!(found.iter().any(|one| has_word(one, "whoever")), "{found:?}");
    assert!(!found.iter().any(|one| has_word(one, "anew")), "{found:?}");
    assert!(!has_word("renewanew", "anew"));
    assert!(paragraphs("# A\n\nIt is given\nup.").iter().any(|one| has_word(one, "given up")));
}

/// Texts and documentation are plain technical English, which can be searched for.
#[test]
fn texts_use_the_terms_of_the_field() {
    let mut texts = Vec::new();
    for member in members().into_keys().filter(|member| layer(member) < layer("benches")) {
        let files = product_sources(&member);
        texts.extend(files.into_iter().map(|file| (prose(&text_without_tests(&file)), file)));
    }
    for (example, _) in examples() {
        let mut files = Vec::new();
        sources(&example.join("src"), &mut files);
        texts.extend(files.into_iter().map(|file| (prose(&text_without_tests(&file)), file)));
    }
    let pages = pages();
    assert!(pages.len() > 80, "the pages are found");
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("a page can be read");
        texts.push((paragraphs(&text), page));
    }
    let mut wrong = Vec::new();
    for (one, file) in texts.iter().flat_map(|(texts, file)| texts.iter().map(move |one| (one, file))) {
        let found = UNUSED_WORDS.iter().filter(|(word, _)| has_word(one, word));
        wrong.extend(found.map(|(word, instead)| {
            let shown: String = one.trim().chars().take(120).collect();
            format!("{} has {word:?}; write {instead}: {shown}", file.display())
        }));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
