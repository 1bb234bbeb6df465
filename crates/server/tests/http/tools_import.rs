//! Imports and exports of tools, and the catalogue of the original.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use midflight_config::Origin;
use midflight_core::RevisionNumber;
use midflight_server::StoreUrl;
use midflight_store::{FleetStore as _, MemoryStore, PostgresOptions, PostgresStore, Replica};
use midflight_testkit::Postgres;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use crate::support::{Answer, Server, answer, server, server_on, server_with};
use crate::tools::{TOOLS, get, listed, with_tools};

async fn import(server: &Server, body: Value) -> Answer {
    server.post(&format!("{TOOLS}/import"), &body).await
}

/// A tool as YAML, with capabilities by name.
fn yaml(tool_name: &str) -> String {
    format!(
        "tool_name: {tool_name}\nversion: 1.0\ndescription: Finds lines.\nplatform: linux\ncategory: system\ncapabilities:\n  \
         text_search:\n    patterns:\n      p:\n        time_estimate_ms: '10 * N'\n        cost_estimate: 1\n"
    )
}

/// The same with capabilities and patterns in lists.
fn listed_yaml(tool_name: &str) -> String {
    format!(
        "tool_name: {tool_name}\ndescription: Finds lines.\ncapabilities:\n- capability_name: text_search\n  patterns:\n  - \
         pattern_name: p\n    time_estimate_ms: 5\n    cost_estimate: 1\n"
    )
}

#[tokio::test]
async fn several_tools_in_both_shapes_become_one_revision_and_each_bad_one_is_named() {
    let server = server().await;
    let text = [
        yaml("one"),
        listed_yaml("two"),
        "tool_name: bad\ndescription: d\ncapabilities: {c: {patterns: {p: {time_estimate_ms: 'lg(N)', cost_estimate: 1}}}}\n".to_owned(),
        "name: strange\nkind: Deployment\n".to_owned(),
        yaml("one"),
    ]
    .join("---\n");
    let imported = import(&server, json!({"yaml_content": text})).await.ok();
    assert_eq!(
        (&imported["success"], &imported["imported_count"], &imported["failed_count"], &imported["revision"]),
        (&json!(false), &json!(2), &json!(3), &json!(1)),
        "{imported:#}"
    );
    let errors = imported["errors"].as_array().unwrap();
    let message: Vec<_> = errors
        .iter()
        .map(|it| {
            (it["tool"].as_str().unwrap(), it["reason"].as_str().unwrap(), it["place"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        message,
        [("bad", "invalid_tool", "/2"), ("strange", "unknown_shape", "/3"), ("one", "duplicate_tool", "/4")]
    );
    assert!(errors[0]["error"].as_str().unwrap().contains("did you mean \"log\""), "{}", errors[0]);
    assert!(errors[2]["error"].as_str().unwrap().contains("is already at /0"), "{}", errors[2]);
    assert!(errors.iter().all(|it| it["line"].as_u64().unwrap() > 1));
    let read = get(&server, "one").await;
    assert_eq!((&read["version"], &read["created_by"]), (&json!("1.0"), &json!("admin")));
    let revision = server.get("/api/v1/revisions?limit=1").await.ok();
    assert_eq!(revision["items"][0]["reason"], "import");
}

#[tokio::test]
async fn what_the_catalogue_refuses_is_named_and_the_rest_is_imported() {
    let server = with_tools().await;
    // Two tools that agents would know by one name: only the catalogue sees it.
    let text = [yaml("a tool"), yaml("a_tool"), yaml("free")].join("---\n");
    let imported = import(&server, json!({"yaml_content": text})).await.ok();
    assert_eq!(
        (&imported["imported_count"], &imported["failed_count"]),
        (&json!(2), &json!(1)),
        "{imported:#}"
    );
    let error = &imported["errors"][0];
    assert_eq!(error["reason"], "duplicate_tool");
    assert!(error["error"].as_str().unwrap().contains("mcp_name"), "{error}");
    get(&server, "free").await;
}

#[tokio::test]
async fn a_tool_that_exists_is_replaced_only_where_that_is_asked_for() {
    let server = with_tools().await;
    let body = |overwrite: bool| json!({"yaml_content": yaml("grep") + "---\n" + &yaml("new"), "overwrite": overwrite});
    let imported = import(&server, body(false)).await.ok();
    assert_eq!(
        (&imported["imported_count"], &imported["errors"][0]["reason"]),
        (&json!(1), &json!("exists"))
    );
    assert!(imported["errors"][0]["error"].as_str().unwrap().contains("set overwrite"));
    assert_eq!(get(&server, "grep").await["description"], "Finds lines with grep.");
    let imported = import(&server, body(true)).await.ok();
    assert_eq!((&imported["success"], &imported["imported_count"]), (&json!(true), &json!(2)));
    assert_eq!(get(&server, "grep").await["description"], "Finds lines.");
    assert_eq!(import(&server, body(true)).await.ok()["outcome"], "unchanged");
}

#[tokio::test]
async fn validate_only_validates_and_changes_nothing() {
    let server = with_tools().await;
    let text = [yaml("new"), "tool_name: bad\ncapabilities: {}\n".to_owned(), yaml("a tool"), yaml("a_tool")]
        .join("---\n");
    let tried = import(&server, json!({"yaml_content": text, "validate_only": true})).await.ok();
    assert_eq!(
        (&tried["imported_count"], &tried["failed_count"], &tried["dry_run"]),
        (&json!(2), &json!(2), &json!(true)),
        "{tried:#}"
    );
    server.get(&format!("{TOOLS}/new")).await.problem(404, "not_found");
    assert_eq!(server.revision().await, 2);
    let nothing = import(&server, json!({"yaml_content": "tool_name: bad\ncapabilities: {}\n"})).await.ok();
    assert_eq!((&nothing["outcome"], &nothing["success"]), (&json!("failed"), &json!(false)));
}

#[tokio::test]
async fn texts_that_cannot_be_read_are_400_and_a_bomb_is_one() {
    let server = server().await;
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (from, to) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        bomb += &format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 10].join(", "));
    }
    let problem = import(&server, json!({"yaml_content": bomb})).await;
    assert!(problem.status == 400 || problem.status == 413, "{:#}", problem.json);
    for text in ["a: [1", "just words", "", "42", "tool_name: a\ntool_name: b\n"] {
        let problem = import(&server, json!({"yaml_content": text})).await.problem(400, "malformed_body");
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
    let placed = import(&server, json!({"yaml_content": "tool_name: a\nx: [1\n"}))
        .await
        .problem(400, "malformed_body");
    assert_eq!(placed["errors"][0]["line"], 2, "{placed:#}");
    import(&server, json!({"yaml": "x"})).await.problem(422, "invalid_body");
    assert_eq!(server.revision().await, 0);
}

#[tokio::test]
async fn an_import_that_is_sent_again_under_its_key_is_made_once() {
    let server = server().await;
    let send = async || {
        let request =
            server.request(Method::POST, &format!("{TOOLS}/import")).header("idempotency-key", "once");
        answer(request.json(&json!({"yaml_content": yaml("one")}))).await.ok()
    };
    assert_eq!(send().await["outcome"], "success");
    let again = send().await;
    assert_eq!(
        (&again["outcome"], &again["imported_count"], &again["revision"]),
        (&json!("repeated"), &json!(1), &json!(1))
    );
}

#[tokio::test]
async fn an_export_imports_as_the_same_tools() {
    let server = with_tools().await;
    let export = async |names: Value| server.post(&format!("{TOOLS}/export"), &names).await.ok();
    let all = export(json!([])).await;
    assert_eq!((&all["success"], &all["tool_count"]), (&json!(true), &json!(2)));
    let one = export(json!(["grep", "nothing", "grep"])).await;
    assert_eq!((&one["success"], &one["tool_count"]), (&json!(false), &json!(1)));
    assert_eq!(one["errors"][0]["tool"], "nothing");
    let digest = get(&server, "metrics").await["digest"].clone();
    let other = self::server().await;
    let imported = import(&other, json!({"yaml_content": all["yaml_content"]})).await.ok();
    assert_eq!(
        (&imported["success"], &imported["imported_count"]),
        (&json!(true), &json!(2)),
        "{imported:#}"
    );
    assert_eq!(get(&other, "metrics").await["digest"], digest);
}

/// The files of the original's catalogue as one YAML stream; none, with a line that says so, where they are not
/// available.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn catalogue() -> Option<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tools/catalog");
    if !folder.is_dir() {
        eprintln!("SKIPPED: the original's catalogue is not at {}", folder.display());
        return None;
    }
    let (mut files, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert_eq!(files.len(), 223);
    let texts: Vec<_> = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    Some(texts.join("\n---\n"))
}

#[tokio::test]
async fn the_original_catalogue_is_imported_and_other_items_are_refused() {
    let Some(text) = catalogue() else { return };
    let server = server_on(Arc::new(MemoryStore::new())).await;
    let imported = import(&server, json!({"yaml_content": text})).await.ok();
    assert_eq!(
        (&imported["imported_count"], &imported["failed_count"]),
        (&json!(184), &json!(39)),
        "{:#}",
        imported["errors"]
    );
    let errors = imported["errors"].as_array().unwrap();
    let of = |reason: &str| errors.iter().filter(|it| it["reason"] == reason).count();
    assert_eq!((of("template"), of("unknown_shape")), (1, 38));
    for error in errors {
        let cure = if error["reason"] == "template" { "replace every" } else { "write tool_name" };
        assert!(error["error"].as_str().unwrap().contains(cure) && error["tool"].is_string(), "{error}");
        assert!(error["line"].is_u64(), "{error}");
    }
    let metrics = get(&server, "metrics").await;
    assert_eq!((&metrics["tools"]["total"], &metrics["tools"]["patterns"]), (&json!(184), &json!(265)));
    let exported = server.post(&format!("{TOOLS}/export"), &json!([])).await.ok();
    assert_eq!(exported["tool_count"], 184);
    let other = server_on(Arc::new(MemoryStore::new())).await;
    let again = import(&other, json!({"yaml_content": exported["yaml_content"]})).await.ok();
    assert_eq!(
        (&again["success"], &again["imported_count"]),
        (&json!(true), &json!(184)),
        "{:#}",
        again["errors"]
    );
    assert_eq!(get(&other, "metrics").await["digest"], metrics["digest"]);
    // The same again changes nothing, and a search answers.
    let body = json!({"yaml_content": exported["yaml_content"], "overwrite": true});
    assert_eq!(import(&other, body).await.ok()["outcome"], "unchanged");
    assert!(get(&other, "search/query?q=disk%20usage").await["total"].as_u64().unwrap() > 0);
}

/// A service as its OpenAPI document describes it.
const PETS: &str = r##"openapi: 3.1.0
info: {title: Pets, version: "2.1"}
servers: [{url: "https://pets.example.com/v2"}]
paths:
  /pets/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: integer}}
    get:
      operationId: get_pet
      summary: Reads a pet.
      tags: [pets]
      responses: {200: {description: The pet}}
  /pets:
    post:
      operationId: create_pet
      description: Adds a pet.
      tags: [pets]
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}
  /pets/{id}/picture:
    put:
      operationId: put_picture
      parameters:
        - {name: id, in: path, required: true, schema: {type: integer}}
      requestBody: {required: true, content: {image/png: {}}}
  /trees:
    post:
      operationId: create_tree
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Tree"}}}}
components:
  schemas:
    Pet:
      type: object
      required: [name]
      properties: {name: {type: string}, age: {type: integer, minimum: 0}}
    Tree:
      type: object
      properties: {below: {type: array, items: {$ref: "#/components/schemas/Tree"}}}
"##;

#[tokio::test]
async fn an_openapi_document_becomes_drafts_that_are_offered_once_they_are_enabled() {
    let server = server().await;
    let tried = import(&server, json!({"yaml_content": PETS, "validate_only": true})).await.ok();
    assert_eq!(
        (&tried["imported_count"], &tried["failed_count"], &tried["dry_run"]),
        (&json!(2), &json!(1), &json!(true)),
        "{tried:#}"
    );
    assert_eq!(server.revision().await, 0);

    let imported = import(&server, json!({"yaml_content": PETS})).await.ok();
    assert_eq!((&imported["imported_count"], &imported["revision"]), (&json!(2), &json!(1)), "{imported:#}");
    let refused = &imported["errors"][0];
    assert_eq!(
        (&refused["tool"], &refused["reason"], &refused["place"]),
        (&json!("create_tree"), &json!("unsupported_operation"), &json!("/paths/~1trees/post"))
    );
    let error = refused["error"].as_str().unwrap();
    assert!(
        error.starts_with("POST /trees: at /components/schemas/Tree/properties/below/items/$ref: ")
            && error.contains("leads back to itself; replace one"),
        "{error}"
    );
    let warnings = imported["warnings"].as_array().unwrap();
    let skipped = "put_picture: PUT /pets/{id}/picture is skipped: its body is image/png, not JSON; write the tool by hand";
    assert!(warnings.contains(&json!(skipped)), "{warnings:#?}");

    // A draft is listed, and neither found by a selection nor offered to agents.
    let drafts = get(&server, "?status=draft").await;
    assert_eq!(drafts["total"], 2);
    let body = server.get("/api/v1/documents/tools/create_pet").await.ok()["body"].take();
    let schema = json!({
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
        "required": ["name"],
    });
    assert_eq!((&body["input_schema"], &body["status"]), (&schema, &json!("draft")), "{body:#}");
    let select = async || {
        let wanted = json!({"query": "pets", "capabilities": ["pets"]});
        server.post(&format!("{TOOLS}/select"), &wanted).await.ok()
    };
    assert!(select().await["selected"].is_null());
    assert_eq!(get(&server, "metrics").await["tools"]["offered"], 0);
    let enabled = crate::tools::send(&server, Method::PATCH, "get_pet/enable").await.ok();
    assert_eq!((&enabled["status"], &enabled["enabled"]), (&json!("active"), &json!(true)));
    assert_eq!(select().await["selected"]["tool"], "get_pet");
    assert_eq!(get(&server, "metrics").await["tools"]["offered"], 1);

    // The same again does not switch it off, unless that is asked for.
    let again = import(&server, json!({"yaml_content": PETS})).await.ok();
    let exist = again["errors"].as_array().unwrap().iter().filter(|it| it["reason"] == "exists").count();
    assert_eq!((&again["imported_count"], exist), (&json!(0), 2));
    assert_eq!(get(&server, "get_pet").await["status"], "active");
}

#[tokio::test]
async fn an_unreadable_openapi_document_is_reported() {
    let server = server().await;
    for (text, message) in [
        ("openapi: 3.1.0\ninfo: {title: Empty}\npaths: {}\n", "without operations"),
        ("swagger: '2.0'\npaths: {/a: {get: {}}}\n", "convert it to 3.0 or 3.1"),
        (
            "{\"openapi\": \"3.0.3\", \"paths\": {\"/a\": {\"get\": {\"parameters\": [{\"$ref\": \"other.json#/p\"}]}}}}",
            "leads out of the document",
        ),
    ] {
        let imported = import(&server, json!({"yaml_content": text})).await.ok();
        assert_eq!((&imported["outcome"], &imported["success"]), (&json!("failed"), &json!(false)), "{text}");
        let error = imported["errors"][0]["error"].as_str().unwrap();
        assert!(error.contains(message), "{message} is not in {error}");
    }
    assert_eq!(server.revision().await, 0);
}

#[tokio::test]
async fn the_document_of_this_server_imports() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let text = std::fs::read_to_string(path).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let methods = ["get", "put", "post", "delete", "patch"];
    let paths = document["paths"].as_object().unwrap();
    let operations: usize =
        paths.values().map(|path| methods.iter().filter(|method| path.get(**method).is_some()).count()).sum();
    let server = server().await;
    let imported = import(&server, json!({"yaml_content": text})).await.ok();
    let errors = imported["errors"].as_array().unwrap();
    // Several kinds have operations of one name, and agents know some names already. An edit takes the documents of all
    // kinds, whose schemas are longer than an agent should have to read.
    let known = ["make each unique", "set another mcp_name", "have more than 65536 bytes"];
    for error in errors {
        let message = error["error"].as_str().unwrap();
        assert!(known.iter().any(|known| message.contains(known)), "{error:#}");
    }
    let skipped: Vec<_> = imported["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it.as_str().unwrap().contains(" is skipped: "))
        .collect();
    let is_told = |kind: &str| skipped.iter().filter(|it| it.as_str().unwrap().contains(kind)).count();
    assert_eq!(is_told("application/yaml, not JSON"), 1, "{skipped:#?}");
    assert_eq!(is_told("application/octet-stream, not JSON"), 2, "{skipped:#?}");
    assert_eq!(skipped.len(), 3, "{skipped:#?}");
    let count = usize::try_from(imported["imported_count"].as_u64().unwrap()).unwrap();
    assert_eq!(count + errors.len() + skipped.len(), operations, "{imported:#}");
    assert!(count > operations / 2);
    let drafts = get(&server, "?status=draft&page_size=1").await;
    assert_eq!(drafts["total"], count);
    // Its body has a reason, and so has its query: the body is an argument as a whole.
    let body = server.get("/api/v1/documents/tools/rollback_tool").await.ok()["body"].take();
    let properties = body["input_schema"]["properties"].as_object().unwrap();
    assert!(["name", "reason", "body"].iter().all(|name| properties.contains_key(*name)), "{properties:#?}");
}

/// Has another replica report of the next revision: that it refuses it, or nothing. It reports again and again until the
/// answer is dropped, so that it never counts as silent.
async fn reported_by_another(
    store: &Arc<PostgresStore>,
    server: &Server,
    refuses: bool,
) -> AbortOnDropHandle<()> {
    let next = RevisionNumber::new(server.revision().await + 1);
    let other = Replica {
        id: "other".to_owned(),
        address: String::new(),
        labels: BTreeMap::new(),
        version: "0".to_owned(),
        started_at: jiff::Timestamp::now(),
        applied: RevisionNumber::new(0),
        applied_digest: None,
        diverged: false,
        refused: refuses.then(|| (next, "it is odd".to_owned())).into_iter().collect(),
        degraded: None,
        inputs: BTreeMap::new(),
    };
    store.put_replica(&other).await.unwrap();
    let store = Arc::clone(store);
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            store.put_replica(&other).await.unwrap();
        }
    }))
}

#[tokio::test]
async fn an_import_and_a_deletion_report_the_replicas_that_they_waited_for() {
    let postgres = Postgres::shared();
    let url = postgres.database();
    let server = server_with(|options| {
        let place = url.parse::<StoreUrl>().unwrap();
        options.config.store(&place, Origin::Flag("--store".to_owned()));
    })
    .await;
    let store = Arc::new(PostgresStore::new(PostgresOptions::new(url.parse().unwrap(), "other")));
    let text = |name: &str| json!({"yaml_content": json!([listed(name, "1.0")]).to_string()});
    let import = async |name: &str, query: &str| {
        server.post(&format!("/api/v1/tools/import?{query}"), &text(name)).await
    };
    let alone = import("grep", "wait=all").await.ok();
    assert_eq!((&alone["outcome"], &alone["acks"][0]["ack"]), (&json!("success"), &json!(true)), "{alone:#}");
    assert_eq!(alone["acks"].as_array().unwrap().len(), 1);

    let other = reported_by_another(&store, &server, true).await;
    let refused = import("awk", "wait=all").await.ok();
    assert_eq!((&refused["outcome"], &refused["imported_count"]), (&json!("partial"), &json!(1)));
    let ack = refused["acks"].as_array().unwrap().iter().find(|ack| ack["replica_id"] == "other").unwrap();
    assert_eq!((&ack["ack"], &ack["reason"]), (&json!(false), &json!("it is odd")), "{refused:#}");
    assert_eq!(refused["revision"], server.revision().await);

    drop(other);
    let other = reported_by_another(&store, &server, false).await;
    let missing = import("sed", "wait=all&timeout_ms=3000").await;
    assert_eq!((missing.status.as_u16(), &missing.json["outcome"]), (202, &json!("pending")));
    assert_eq!((&missing.json["imported_count"], &missing.json["success"]), (&json!(1), &json!(true)));
    assert!(missing.json["plan"].is_object(), "it is the answer of every write: {:#}", missing.json);

    let delete = async |name: &str, query: &str| {
        answer(server.request(Method::DELETE, &format!("/api/v1/tools/{name}?{query}"))).await
    };
    drop(other);
    let other = reported_by_another(&store, &server, true).await;
    let refused = delete("awk", "wait=all").await.ok();
    assert_eq!(refused["outcome"], "partial", "{refused:#}");
    drop(other);
    let _other = reported_by_another(&store, &server, false).await;
    let missing = delete("grep", "wait=all&timeout_ms=3000").await;
    assert_eq!((missing.status.as_u16(), &missing.json["outcome"]), (202, &json!("pending")));
    assert_eq!(delete("sed", "").await.status, 204, "who waits for no other replica is answered as before");

    let audit = server.request(Method::GET, "/api/v1/audit?limit=10");
    let audit = answer(audit).await.ok();
    let revisions: Vec<_> =
        audit["items"].as_array().unwrap().iter().filter_map(|it| it["revision"].as_u64()).collect();
    assert!([1, 2, 3, 4, 5, 6].iter().all(|it| revisions.contains(it)), "the audit has each: {audit:#}");
}
