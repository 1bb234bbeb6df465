//! Drafts of OpenAPI documents, and documents of which some or all operations are refused.

use serde_json::{Value, json};

use crate::import::{RefusalReason, ToolsImport, import};
use crate::limits::IMPORT_TOOLS_MAX;

/// A document with these paths and components.
fn api(paths: Value, components: Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Pets", "version": "2.1"},
        "servers": [{"url": "https://{region}.example.com/v2/", "variables": {"region": {"default": "eu"}}}],
        "tags": [{"name": "pets", "description": "Animals of the shop."}],
        "paths": paths,
        "components": components,
    })
}

/// A document with one operation, `POST /things` with this schema of its body.
fn posting(schema: Value, schemas: Value) -> Value {
    let body = json!({"required": true, "content": {"application/json": {"schema": schema}}});
    let post = json!({"operationId": "put_thing", "description": "Puts.", "requestBody": body});
    api(json!({"/things": {"post": post}}), json!({"schemas": schemas}))
}

/// The only tool that is read of a document.
#[track_caller]
fn only(document: Value) -> Value {
    let mut imported = import(&[document]);
    assert!(imported.refused.is_empty() && imported.tools.len() == 1, "{imported:#?}");
    imported.tools.remove(0).body
}

/// The only refusal of a document, which has these words.
#[track_caller]
fn check_refused(document: Value, reason: RefusalReason, words: &[&str]) -> ToolsImport {
    let imported = import(&[document]);
    assert_eq!(imported.refused.len(), 1, "{:#?}", imported.refused);
    assert_eq!(imported.refused[0].reason, reason, "{:#?}", imported.refused);
    let message = &imported.refused[0].message;
    for words in words {
        assert!(message.contains(words), "{words:?} is not in {message:?}");
    }
    imported
}

fn notices(imported: &ToolsImport) -> Vec<String> {
    imported.notices.iter().map(super::ImportNotice::sentence).collect()
}

#[test]
fn an_operation_becomes_a_draft() {
    let id = json!({"name": "petId", "in": "path", "required": true, "schema": {"type": "integer"}, "description": "Which."});
    let paths = json!({"/pets/{petId}": {
        "parameters": [{"$ref": "#/components/parameters/id"}],
        "get": {
            "operationId": "pets.get",
            "summary": "Get a pet",
            "description": "Reads one pet.",
            "tags": ["pets", "shop/read"],
            "parameters": [{"name": "fields", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}}],
            "responses": {"200": {"description": "The pet"}},
        },
        "delete": {"summary": "Removes a pet.", "deprecated": true},
    }});
    let imported = import(&[api(paths, json!({"parameters": {"id": id}}))]);
    assert!(imported.refused.is_empty() && imported.notices.is_empty(), "{imported:#?}");
    let found: Vec<_> =
        imported.tools.iter().map(|tool| (tool.place.as_str(), tool.tool_name.as_str())).collect();
    assert_eq!(
        found,
        [("/paths/~1pets~1{petId}/delete", "delete_pets_petId"), ("/paths/~1pets~1{petId}/get", "pets_get")]
    );
    let pattern = &imported.tools[1].body["capabilities"]["pets"]["patterns"]["call"];
    assert!(pattern["limitations"][0].as_str().unwrap().contains("not measured"));
    let expected = json!({
        "tool_name": "pets_get",
        "status": "draft",
        "title": "Get a pet",
        "description": "Reads one pet.",
        "version": "2.1",
        "capabilities": {
            "pets": {"description": "Animals of the shop.", "patterns": {"call": pattern}},
            "shop-read": {"patterns": {"call": pattern}},
        },
        "input_schema": {
            "type": "object",
            "properties": {
                "petId": {"type": "integer", "description": "Which."},
                "fields": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["petId"],
        },
        "annotations": {"readOnlyHint": true},
        "forward": {"url": "https://eu.example.com/v2/pets/{petId}", "method": "GET"},
        "metadata": {"openapi": {"method": "GET", "path": "/pets/{petId}", "operation_id": "pets.get", "title": "Pets"}},
    });
    assert_eq!(imported.tools[1].body, expected);
    let deleting = &imported.tools[0].body;
    assert_eq!(deleting["description"], "Removes a pet.");
    assert_eq!(deleting["annotations"], json!({"idempotentHint": true, "destructiveHint": true}));
    assert_eq!(deleting["metadata"]["openapi"]["deprecated"], true);
    assert!(deleting["capabilities"]["default"].is_object() && deleting.get("title").is_none());
}

#[test]
fn the_members_of_a_json_body_are_arguments_with_references_resolved() {
    let schemas = json!({
        "Named": {"type": "object", "properties": {"name": {"type": "string"}, "id": {"type": "integer", "readOnly": true}},
            "required": ["id", "name"]},
        "Size": {"type": "integer", "minimum": 1, "example": 3, "xml": {"name": "size"}},
        "Thing": {"allOf": [
            {"$ref": "#/components/schemas/Named"},
            {"type": "object", "properties": {"size": {"$ref": "#/components/schemas/Size", "description": "How large."}}},
        ]},
    });
    let body = only(posting(json!({"$ref": "#/components/schemas/Thing"}), schemas));
    let expected = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "size": {"type": "integer", "minimum": 1, "examples": [3], "description": "How large."},
        },
        "required": ["name"],
    });
    assert_eq!(body["input_schema"], expected);
    assert_eq!(body["forward"], json!({"url": "https://eu.example.com/v2/things", "method": "POST"}));
    assert!(jsonschema::validator_for(&expected).is_ok());
}

#[test]
fn a_body_that_is_no_plain_object_is_one_argument() {
    let imported = import(&[posting(json!({"type": "array", "items": {"type": "string"}}), json!({}))]);
    let body = &imported.tools[0].body;
    assert_eq!(
        body["input_schema"]["properties"],
        json!({"body": {"type": "array", "items": {"type": "string"}}})
    );
    assert_eq!(body["input_schema"]["required"], json!(["body"]));
    assert!(body.get("forward").is_none());
    assert!(
        notices(&imported)[0].contains("no forward, since its body is not a plain object"),
        "{:?}",
        notices(&imported)
    );
}

#[test]
fn the_words_of_openapi_3_0_become_json_schema() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "string", "nullable": true, "enum": ["x"]},
        "b": {"type": "number", "minimum": 0, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false},
        "c": {"$ref": "#/components/schemas/C", "description": "is ignored there"},
        "d": {"type": "object", "properties": {"example": {"type": "string"}, "$ref": {"type": "string"}}},
    }});
    let mut document = posting(schema, json!({"C": {"type": "string"}}));
    document["openapi"] = json!("3.0.3");
    let properties = &only(document)["input_schema"]["properties"];
    assert_eq!(properties["a"], json!({"type": ["string", "null"], "enum": ["x", null]}));
    assert_eq!(properties["b"], json!({"type": "number", "exclusiveMinimum": 0, "maximum": 9}));
    assert_eq!(properties["c"], json!({"type": "string"}));
    // Members of that name are properties like any other.
    assert_eq!(
        properties["d"]["properties"],
        json!({"example": {"type": "string"}, "$ref": {"type": "string"}})
    );
}

#[test]
fn references_that_cannot_be_resolved_are_refused_with_their_place() {
    use RefusalReason::Unsupported;
    let referring = |reference: &str| json!({"type": "object", "properties": {"x": {"$ref": reference}}});
    let node = json!({"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}}}});
    check_refused(
        posting(referring("#/components/schemas/Node"), json!({"Node": node})),
        Unsupported,
        &[
            "POST /things: at /components/schemas/Node/properties/children/items/$ref: ",
            "leads back to itself",
            "replace one",
        ],
    );
    check_refused(
        posting(referring("https://example.com/schemas.json#/Pet"), json!({})),
        Unsupported,
        &["schema/properties/x/$ref: ", "leads out of the document"],
    );
    check_refused(
        posting(referring("#/components/schemas/Pet"), json!({})),
        Unsupported,
        &["names nothing in the document"],
    );
    check_refused(posting(json!({"$ref": 1}), json!({})), Unsupported, &["a $ref is a text"]);
    let turning = api(
        json!({"/a": {"get": {"parameters": [{"$ref": "#/components/parameters/p"}]}}}),
        json!({"parameters": {"p": {"$ref": "#/components/parameters/p"}}}),
    );
    check_refused(turning, Unsupported, &["at /components/parameters/p/$ref: ", "leads back to itself"]);
}

#[test]
fn references_that_multiply_are_bounded() {
    // Each schema names the one below twice: 2^30 nodes when all are written out.
    let mut schemas = json!({"S0": {"type": "string"}});
    for n in 1..30 {
        let below = json!({"$ref": format!("#/components/schemas/S{}", n - 1)});
        schemas[format!("S{n}")] = json!({"type": "object", "properties": {"a": below, "b": below}});
    }
    check_refused(
        posting(json!({"$ref": "#/components/schemas/S29"}), schemas),
        RefusalReason::Unsupported,
        &["more than 65536 bytes with what their $refs name"],
    );
    let mut deep = json!({"type": "string"});
    for _ in 0..80 {
        deep = json!({"type": "array", "items": deep});
    }
    check_refused(posting(deep, json!({})), RefusalReason::Unsupported, &["nested deeper than 64 levels"]);
}

#[test]
fn what_is_not_json_is_skipped_with_a_notice() {
    let form =
        |required: bool| json!({"required": required, "content": {"multipart/form-data": {"schema": {}}}});
    let paths = json!({
        "/a": {
            "post": {"operationId": "upload", "description": "d", "requestBody": form(true)},
            "put": {"operationId": "replace", "description": "d", "requestBody": form(false)},
            "head": {"operationId": "look"},
        },
        "/b": {"get": {"operationId": "read", "parameters": [
            {"name": "X-Trace", "in": "header", "required": true, "schema": {"type": "string"}},
            {"name": "session", "in": "cookie"},
        ]}},
    });
    let imported = import(&[api(paths, json!({}))]);
    assert!(imported.refused.is_empty(), "{imported:#?}");
    let names: Vec<_> = imported.tools.iter().map(|tool| tool.tool_name.as_str()).collect();
    assert_eq!(names, ["replace", "read"]);
    let expected = [
        "look: HEAD /a is skipped: tools are called with GET",
        "upload: POST /a is skipped: its body is multipart/form-data, not JSON; write the tool by hand",
        "replace: PUT /a: its body is multipart/form-data, not JSON, and is left out",
        "read: GET /b: headers and cookies cannot be arguments of a tool, so session, X-Trace is skipped; \
         write what is needed into forward.headers",
        "read: GET /b: it has no description",
    ];
    let notices = notices(&imported);
    assert_eq!(notices.len(), expected.len(), "{notices:#?}");
    for (notice, expected) in notices.iter().zip(expected) {
        assert!(notice.starts_with(expected), "{notice:?} does not begin with {expected:?}");
    }
}

#[test]
fn an_operation_that_cannot_be_named_or_filled_is_refused_and_the_others_are_read() {
    use RefusalReason::{Duplicate, Unsupported};
    let with = |operation: Value| {
        api(json!({"/good": {"get": {"description": "d"}}, "/x/{id}": {"get": operation}}), json!({}))
    };
    let parameter = |place: &str| json!({"name": "id", "in": place});
    let imported = check_refused(
        with(json!({})),
        Unsupported,
        &["GET /x/{id}: at /paths/~1x~1{id}/get: ", "{id} and no parameter"],
    );
    assert_eq!(imported.tools[0].tool_name, "get_good");
    check_refused(
        with(json!({"parameters": [parameter("path"), parameter("query")]})),
        Unsupported,
        &["two parameters have the name \"id\""],
    );
    check_refused(with(json!({"parameters": [{"name": "id"}]})), Unsupported, &["says where it is (in)"]);
    check_refused(with(json!([])), Unsupported, &["an operation is an object"]);
    check_refused(
        with(json!({"operationId": "工具", "parameters": [parameter("path")]})),
        Unsupported,
        &["/operationId: ", "no name for agents"],
    );
    let twice = json!({"operationId": "same", "description": "d"});
    check_refused(
        api(json!({"/a": {"get": twice, "post": twice}}), json!({})),
        Duplicate,
        &["the operationId \"same\" is already at /paths/~1a/get; make each unique"],
    );
    // Two operationIds that agents would know by one name.
    let named = |id: &str| json!({"operationId": id, "description": "d"});
    check_refused(
        api(json!({"/a": {"get": named("a.b"), "post": named("a_b")}}), json!({})),
        Duplicate,
        &["the tool \"a_b\" is already at /paths/~1a/get"],
    );
    check_refused(
        api(json!({"/a": {"get": {"description": "hid\u{200b}den"}}}), json!({})),
        RefusalReason::Invalid,
        &["zero-width character"],
    );
}

#[test]
fn a_document_that_is_not_read_is_refused_as_a_whole() {
    use RefusalReason::Shape;
    check_refused(
        json!({"swagger": "2.0", "paths": {}}),
        Shape,
        &["version \"2.0\"", "convert it to 3.0 or 3.1"],
    );
    check_refused(json!({"openapi": "3.2.0", "paths": {}}), Shape, &["version \"3.2.0\""]);
    check_refused(json!({"openapi": 3, "paths": {}}), Shape, &["version \"3\""]);
    check_refused(api(json!({}), json!({})), Shape, &["without operations"]);
    check_refused(api(json!({"/a": {"summary": "nothing"}}), json!({})), Shape, &["without operations"]);
    check_refused(api(json!([]), json!({})), Shape, &["without operations"]);
    check_refused(
        api(json!({"/a": {"head": {}}}), json!({})),
        Shape,
        &["no operation of the OpenAPI document can be a tool"],
    );
}

#[test]
fn a_document_without_an_address_reports_it_once() {
    let mut document =
        api(json!({"/a": {"get": {"description": "a"}}, "/b": {"get": {"description": "b"}}}), json!({}));
    document["servers"] = json!([{"url": "/v1"}]);
    document["webhooks"] = json!({"added": {"post": {}}});
    let imported = import(&[document]);
    assert!(
        imported.tools.iter().all(|tool| tool.body.get("forward").is_none()) && imported.tools.len() == 2
    );
    let notices = notices(&imported);
    assert_eq!(notices.len(), 2, "{notices:#?}");
    assert!(notices[0].starts_with("Pets: servers has no http:// or https:// address"), "{notices:#?}");
    assert!(notices[1].contains("webhooks are calls that the service makes"), "{notices:#?}");
}

#[test]
fn a_document_beside_tools_has_its_name_in_its_places() {
    let document = api(json!({"/a": {"get": {"description": "d", "operationId": "one"}}}), json!({}));
    let tool = json!({"tool_name": "one", "description": "d", "capabilities": {}});
    let imported = import(&[tool, json!([document])]);
    assert_eq!(imported.tools.len(), 1);
    assert_eq!(imported.refused[0].place, "/1/0/paths/~1a/get");
    assert!(imported.refused[0].message.contains("the tool \"one\" is already at /0"));
}

#[test]
fn operations_past_the_bound_are_refused() {
    let paths: serde_json::Map<String, Value> =
        (0..IMPORT_TOOLS_MAX + 2).map(|n| (format!("/p{n}"), json!({"get": {"description": "d"}}))).collect();
    let imported = check_refused(
        api(Value::Object(paths), json!({})),
        RefusalReason::TooMany,
        &["at most 10000 tools; split it"],
    );
    assert_eq!(imported.tools.len(), IMPORT_TOOLS_MAX);
}

#[test]
fn a_long_description_is_cut_and_a_short_summary_is_taken_instead() {
    let long = "ä".repeat(3_000);
    let operation = |summary: &str| json!({"/a": {"get": {"summary": summary, "description": long}}});
    assert_eq!(only(api(operation("Short."), json!({})))["description"], "Short.");
    let imported = import(&[api(operation(""), json!({}))]);
    assert_eq!(imported.tools[0].body["description"].as_str().unwrap().len(), 4_096);
    assert!(notices(&imported)[0].contains("cut to 4096 bytes"));
}

#[test]
fn notices_and_references_to_nothing_are_bounded_too() {
    let many = |item: Value| {
        let paths: serde_json::Map<String, Value> =
            (0..IMPORT_TOOLS_MAX + 2).map(|n| (format!("/p{n}"), item.clone())).collect();
        import(&[api(Value::Object(paths), json!({}))])
    };
    let skipped = many(json!({"head": {}}));
    assert_eq!((skipped.notices.len(), skipped.refused.len()), (1_000, 1));
    let refused = many(json!({"$ref": "#/components/pathItems/none"}));
    assert_eq!(refused.refused.len(), IMPORT_TOOLS_MAX + 1);
    assert_eq!(refused.refused.last().map(|it| it.reason), Some(RefusalReason::TooMany));
}
