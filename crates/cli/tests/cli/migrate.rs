//! The guides for those who come from other systems, run as they are written, on the files that they have where those
//! are at hand.

use std::path::{Path, PathBuf};

use midflight_testkit::{Postgres, Program, Redis, tour};

use crate::harness::Server;
use crate::transcripts::follow;

/// Files of the originals, copied to where a guide is run; whether they are at hand, which is said aloud where they are
/// not.
fn bring(server: &Server, files: &[&str]) -> bool {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    files.iter().all(|file| {
        let (from, to) = (folder.join(file), server.folder.path().join(Path::new(file).file_name().unwrap()));
        let is_there = std::fs::copy(&from, to).is_ok();
        if !is_there {
            eprintln!("SKIPPED: the guide needs {}", from.display());
        }
        is_there
    })
}

fn run(server: &Server, page: &str, variables: &[(&str, &str)]) {
    let guide = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/migrate").join(page);
    let own = [("MIDFLIGHT_URL", &*server.url), ("MIDFLIGHT_TOKEN", &*server.token)];
    let all = [own.as_slice(), variables].concat();
    // Not held against a transcript: there would be none where the files are not at hand.
    let output = tour(&guide, server.folder.path(), Path::new(env!("CARGO_BIN_EXE_midflight")), &all);
    assert!(output.contains("midflight"), "{output}");
}

#[test]
fn a_tool_catalogue_is_migrated_by_the_guide() {
    follow("docs/migrate/tools.md", &Server::start(&[]), &[]);
}

#[test]
fn rules_are_brought_over_as_the_guide_says() {
    let server = Server::start(&[]);
    let files = [
        "rules/rules_config_v1.json",
        "rules/rules_config_v2.json",
        "rules/rules_config_v3.json",
        "rules/rules_config_v4.json",
        "rules/conditions_config.json",
        "rules/db_seed_sample_ruleset.json",
    ];
    if bring(&server, &files) {
        run(&server, "rules.md", &[]);
    }
}

#[test]
fn patterns_are_brought_over_as_the_guide_says() {
    let (postgres, redis) = (Postgres::shared(), Redis::start());
    let database = postgres.database();
    // Half of the table of the original, as its own migration makes it, and one row.
    let table = "CREATE SCHEMA pilotpros; CREATE TABLE pilotpros.auto_learned_patterns (id serial PRIMARY KEY,
        pattern varchar(200) UNIQUE NOT NULL, normalized_pattern varchar(200) NOT NULL, category varchar(50),
        confidence float NOT NULL, times_used int DEFAULT 0, times_correct int DEFAULT 0, accuracy float DEFAULT 0,
        created_at timestamp DEFAULT now(), last_used_at timestamp, created_by varchar(20) DEFAULT 'llm', enabled boolean DEFAULT true);
        INSERT INTO pilotpros.auto_learned_patterns (id, pattern, normalized_pattern, category, confidence, times_used, times_correct)
            VALUES (17, 'il sistema sta bene?', 'il sistema sta bene', 'STATUS', 0.96, 4, 3)";
    Postgres::psql(&database, table).unwrap();
    let bus = redis.url();
    let server = Server::start(&[
        "--bus",
        &bus,
        "--redis-legacy-channel",
        "pilotpros:patterns:reload",
        "--follow-table",
        &database,
        "--table",
        "pilotpros.auto_learned_patterns",
    ]);
    let files = [
        "patterns/fastpath_rules.json",
        "patterns/labelled_queries_it.tsv",
        "patterns/observed_learned_rows.json",
    ];
    if bring(&server, &files) {
        run(&server, "patterns.md", &[("TABLE_URL", &database)]);
    }
}

#[test]
fn a_config_is_brought_over_as_the_guide_says() {
    let server = Server::start(&[]);
    let files = [
        "config/smoke-config.yaml",
        "config/smoke-config-reloaded.yaml",
        "config/e2e-contract/01-initial.yaml",
        "config/e2e-contract/02-changed.yaml",
        "config/e2e-contract/03-comment-only.yaml",
        "config/e2e-contract/04-invalid.yaml",
    ];
    if bring(&server, &files) {
        let sidecar = Program::SIDECAR.path();
        let binary = Path::new(env!("CARGO_BIN_EXE_midflight"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = [binary.parent().unwrap(), sidecar.parent().unwrap()].map(Path::to_owned);
        let path = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path))).unwrap();
        run(&server, "config.md", &[("PATH", path.to_str().unwrap())]);
    }
}

/// What becomes of each file of configs: as a document of any service, and key by key as the config of the server
/// itself.
const CONFIGS: &[(&str, &[&str])] = &[
    ("smoke-config.yaml", SMOKE),
    ("smoke-config-reloaded.yaml", SMOKE),
    ("e2e-contract/01-initial.yaml", &["/app"]),
    ("e2e-contract/02-changed.yaml", &["/app"]),
    ("e2e-contract/03-comment-only.yaml", &["/app"]),
    ("e2e-contract/04-invalid.yaml", &["/log/format", "/app"]),
    ("e2e-contract/helm-on.yaml", &["/configFile", "/configReloader"]),
];
const SMOKE: &[&str] = &[
    "/storage/backend",
    "/grouping",
    "/metrics/namespace",
    "/publishing",
    "/receivers",
    "/route",
    "/storage/filesystem_path",
];

#[test]
fn every_config_file_is_a_document_and_each_key_that_the_server_does_not_know_is_named() {
    let server = Server::start(&[]);
    for (n, (file, refused)) in CONFIGS.iter().enumerate() {
        if !bring(&server, &[&format!("config/{file}")]) {
            return;
        }
        let name = Path::new(file).file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(server.folder.path().join(name)).unwrap();
        let body: Vec<_> = text.lines().map(|line| format!("  {line}")).collect();
        server.write("document.yaml", &format!("kind: config\nname: file-{n}\nbody:\n{}\n", body.join("\n")));
        let added = server.run(&["apply", "-f", "document.yaml"]);
        assert!(added.contains("added"), "{file}: {added}");
        let message = server.refused(&["config", "check", name]);
        let places = message.lines().filter_map(|line| line.split_once(": at ")?.1.split(": ").next());
        let places: Vec<_> = places.collect();
        eprintln!(
            "{file}: a document of a service: imported; the server's own config: refused: {}",
            places.join(", ")
        );
        assert_eq!(places, *refused, "{file}");
    }
}
