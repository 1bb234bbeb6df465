//! Tools in lists, found by words, by platform, category and capability; health and figures.

use serde_json::{Value, json};

use crate::support::{Server, server};
use crate::tools::{TOOLS, create, get, listed, with_tools};

async fn many() -> Server {
    let server = server().await;
    for n in 0..25 {
        let mut tool = listed(&format!("tool-{n:02}"), "1.0");
        tool["platform"] = json!(if n % 2 == 0 { "linux" } else { "windows" });
        tool["category"] = json!(if n % 5 == 0 { "network" } else { "system" });
        tool["status"] = json!(if n == 24 { "draft" } else { "active" });
        create(&server, &tool).await;
    }
    server
}

fn names(list: &Value) -> Vec<String> {
    let tools = list["tools"].as_array().or_else(|| list["results"].as_array()).unwrap();
    tools.iter().map(|tool| tool["tool_name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn tools_are_listed_in_pages_and_filtered() {
    let server = many().await;
    let first = get(&server, "").await;
    let message = (&first["total"], &first["page"], &first["page_size"], names(&first).len());
    assert_eq!(message, (&json!(24), &json!(1), &json!(50), 24));
    assert!(names(&first).is_sorted() && first["revision"] == 25);
    assert_eq!(
        names(&get(&server, "?page=2&page_size=20").await),
        ["tool-20", "tool-21", "tool-22", "tool-23"]
    );
    assert_eq!(names(&get(&server, "?page=9&page_size=100").await), Vec::<String>::new());
    assert_eq!(names(&get(&server, "?page_size=2&page=3").await), ["tool-04", "tool-05"]);
    let network = get(&server, "?category=network&platform=linux").await;
    assert_eq!(names(&network), ["tool-00", "tool-10", "tool-20"]);
    assert_eq!(names(&get(&server, "?status=draft").await), ["tool-24"]);
    assert_eq!(get(&server, "?enabled=true").await["total"], 25);
    for bad in ["?page=0", "?page_size=101", "?page_size=0", "?status=on", "?enabled=maybe", "?pages=1"] {
        server.get(&format!("{TOOLS}{bad}")).await.problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn tools_of_a_platform_and_of_a_category_are_listed() {
    let server = many().await;
    let linux = get(&server, "platform/linux").await;
    assert_eq!((&linux["platform"], &linux["total"], names(&linux).len()), (&json!("linux"), &json!(12), 12));
    let network = get(&server, "category/network").await;
    assert_eq!((&network["category"], &network["total"]), (&json!("network"), &json!(5)));
    assert_eq!(linux["tools"][0]["created_by"], "admin");
    let none = get(&server, "platform/amiga").await;
    assert_eq!((&none["total"], &none["tools"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn tools_are_found_by_words_and_in_fields() {
    let server = with_tools().await;
    let mut other = listed("ping", "1.0");
    other["description"] = json!("Measures how long a host takes to answer.");
    other["category"] = json!("network");
    other["capabilities"][0]["patterns"][0]["typical_use_cases"] = json!(["is a host alive"]);
    create(&server, &other).await;
    let found = get(&server, "search/query?q=host").await;
    assert_eq!(
        (&found["query"], &found["total"], names(&found)),
        (&json!("host"), &json!(1), vec!["ping".to_owned()])
    );
    assert!(found["results"][0]["score"].as_f64().unwrap() > 0.0);
    assert_eq!(&found["fields"].as_array().unwrap()[..2], [json!("tool_name"), json!("description")]);
    let in_fields = get(&server, "search/query?q=NETW&fields=category&fields=platform").await;
    assert_eq!(
        (names(&in_fields), &in_fields["fields"]),
        (vec!["ping".to_owned()], &json!(["category", "platform"]))
    );
    assert_eq!(in_fields["results"][0]["score"], Value::Null);
    assert_eq!(names(&get(&server, "search/query?q=netw&fields=description").await), Vec::<String>::new());
    assert_eq!(names(&get(&server, "search/query?q=lines&limit=1").await).len(), 1);
    for bad in ["", "?q=", "?q=x&fields=nam", &format!("?q={}", "x".repeat(8_193)), "?q=x&limit=501"] {
        server.get(&format!("{TOOLS}/search/query{bad}")).await.problem(400, "invalid_parameter");
    }
    server.put(&format!("{TOOLS}/ping"), &json!({"enabled": false})).await.ok();
    assert_eq!(get(&server, "search/query?q=host").await["total"], 0);
}

#[tokio::test]
async fn capabilities_are_listed_with_the_tools_that_have_them() {
    let server = with_tools().await;
    let list = server.get(&format!("{TOOLS}/capabilities/list")).await;
    assert_eq!(list.headers["x-midflight-revision"], "2");
    let expected = json!([{"capability_name": "text_search", "tool_count": 2, "tools": ["awk", "grep"]}]);
    assert_eq!(list.ok(), expected);
    let of = get(&server, "capabilities/text_search/tools").await;
    assert_eq!(
        (&of["capability"], &of["total"], names(&of)),
        (&json!("text_search"), &json!(2), vec!["awk".to_owned(), "grep".to_owned()])
    );
    let capability = &of["tools"][1]["capabilities"][0];
    assert_eq!(
        (&capability["capability_name"], &capability["description"]),
        (&json!("text_search"), &json!("Finds text."))
    );
    let tree = &capability["patterns"][1];
    assert_eq!((&tree["pattern_name"], &tree["variables"]), (&json!("whole_tree"), &json!(["N"])));
    assert_eq!(tree["preference_match"]["accuracy"], 0.8);
    assert_eq!(get(&server, "capabilities/none/tools").await["total"], 0);
}

#[tokio::test]
async fn health_and_figures_are_reported() {
    let server = with_tools().await;
    let health = get(&server, "health").await;
    for (field, value) in [
        ("status", json!("healthy")),
        ("service", json!("tool-catalog")),
        ("tool_count", json!(2)),
        ("database", json!("connected")),
        ("revision", json!(2)),
    ] {
        assert_eq!(health[field], value, "{field}");
    }
    assert!(health["version"].is_string() && health.get("error").is_none());
    server.post(&format!("{TOOLS}/select"), &json!({"capabilities": ["text_search"]})).await.ok();
    server.post(&format!("{TOOLS}/evaluate"), &json!({"expression": "1 + 1"})).await.ok();
    let metrics = get(&server, "metrics").await;
    let tools = json!({"total": 2, "offered": 2, "patterns": 4, "capabilities": 1, "platforms": {"linux": 2},
        "categories": {"text-processing": 2}});
    assert_eq!(metrics["tools"], tools);
    assert_eq!(
        (&metrics["requests"]["selected"], &metrics["requests"]["evaluations"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(metrics["reloads"]["by_trigger"]["api_update"], 2);
    let response =
        server.client.get(server.url(&format!("{TOOLS}/metrics/prometheus"))).send().await.unwrap();
    let text = response.text().await.unwrap();
    for line in
        ["midflight_tools 2", "midflight_tool_selected_total{tool=\"awk\"} 1", "midflight_tool_patterns 4"]
    {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("midflight_executions_total"));
    let stats = get(&server, "performance/stats").await;
    assert_eq!(
        (&stats["cache"]["tools"], &stats["pool"]["store"]["available"]),
        (&json!(2), &json!(true)),
        "{stats:#}"
    );
    assert!(stats["reloads"]["p50_ms"].is_f64());
}
