//! The command line edits documents of kinds that it has never heard of.

use std::net::SocketAddr;

use midflight_config::Origin;
use midflight_engine::testing::Greetings;
use midflight_server::{KindSetup, ServeOptions};
use tokio::runtime::Runtime;

use crate::harness::{Ran, binary};

#[test]
fn an_added_kind_is_applied_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = ServeOptions::new(folder.path().join("data"));
    options.kinds.push(KindSetup::plain(|| Greetings));
    options.config.listen(SocketAddr::from(([127, 0, 0, 1], 0)), Origin::Flag("--listen".to_owned()));
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(midflight_server::start(options)).unwrap();
    let token = server.first_token().unwrap_or_default().to_owned();
    let run = |args: &[&str]| {
        let mut command = binary();
        command.env("MIDFLIGHT_URL", server.url()).env("MIDFLIGHT_TOKEN", &token).args(args);
        let ran = Ran::of(command.output().unwrap());
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        ran.stdout
    };
    let file = folder.path().join("de.yaml");
    std::fs::write(&file, "kind: greetings\nname: de\nbody: {text: Hallo}\n").unwrap();
    run(&["apply", "-f", file.to_str().unwrap()]);
    assert_eq!(run(&["get", "greetings/de"]), "kind: greetings\nname: de\nbody:\n  text: Hallo\n");
    assert!(run(&["get"]).contains("greetings  1"));
    assert!(run(&["reload", "greetings"]).contains("revision 1 is served"));
    runtime.block_on(server.stop());
}
