//! Secrets, in whatever is said at whatever level.

use midflight_components::{Database, Llm, LogOutput, LogSettings, Logger, Redis};
use midflight_testkit::{LlmDoes, LlmDouble, Redis as Server};
use serde_json::{Value, json};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{closed_port, engine, place, put};

const SECRETS: [&str; 3] = ["database-horse", "redis-horse", "llm-horse"];

fn settings(database: u16, redis: u16, llm: u16) -> Value {
    let [for_database, for_redis, for_llm] = SECRETS;
    json!({
        "database": { "url": format!("postgres://me:{for_database}@127.0.0.1:{database}/x") },
        "redis": { "url": format!("redis://me:{for_redis}@127.0.0.1:{redis}") },
        "llm": { "base_url": format!("http://127.0.0.1:{llm}/v1"), "api_key": for_llm, "model": "one" },
    })
}

/// On one thread, which is the one that is listened to.
#[tokio::test]
async fn no_secret_is_logged_at_any_level() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let everything = LogSettings { level: "trace".to_owned(), ..LogSettings::default() };
    let output = LogOutput::open(path.to_str().unwrap()).unwrap();
    let (_logger, layer) = Logger::layer::<Registry, _>(everything, output).unwrap();
    let _listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

    let (server, double) = (Server::start(), LlmDouble::start());
    let (engine, (_database, _redis, llm)) = engine(|builder, slot| {
        let (database_part, database) = Database::new(place(slot, "database", |app| &app.database));
        let (redis_part, redis) = Redis::new(place(slot, "redis", |app| &app.redis));
        let (llm_part, llm) = Llm::new(place(slot, "llm", |app| &app.llm));
        builder.component(database_part).component(redis_part).component(llm_part);
        (database, redis, llm)
    })
    .await;
    double.next([LlmDoes::Says(401, "", SECRETS[2].to_owned())]);
    let refused = engine.apply(put(settings(closed_port(), server.port(), double.port()))).await.unwrap_err();
    let refused = format!("{refused} {:?}", refused.refusal);
    let only_llm = json!({ "llm": settings(1, 1, double.port())["llm"] });
    engine.apply(put(only_llm)).await.unwrap();
    double.next([LlmDoes::Says(400, "", SECRETS[2].to_owned())]);
    let answer = llm.chat(&midflight_components::ChatRequest::ask("what?")).await.unwrap_err();
    engine.stop().await;

    let reported = format!("{refused} {answer} {answer:?} {}", std::fs::read_to_string(&path).unwrap());
    for word in [
        "reload rejected; keeping current revision",
        "the LLM answered 400: ***",
        "/redis/url",
        "/database/url",
    ] {
        assert!(reported.contains(word), "{word} is not in it:\n{reported}");
    }
    for secret in SECRETS {
        assert!(!reported.contains(secret), "{secret} is in it:\n{reported}");
    }
}
