//! Each server comes up, goes away as told, comes back, and ends with its value.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use midflight_testkit::{Nats, Postgres, Proxy, Redis, wait_for};

/// Sends a line and answers what comes back at once; none when nobody is there.
fn ask(port: u16, line: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(line.as_bytes()).ok()?;
    let mut answer = [0; 64];
    let count = stream.read(&mut answer).ok()?;
    (count > 0).then(|| String::from_utf8_lossy(&answer[..count]).into_owned())
}

#[test]
fn redis_answers_and_recovers() {
    let mut redis = Redis::start();
    assert_eq!(ask(redis.port(), "PING\r\n").as_deref(), Some("+PONG\r\n"));
    redis.stop();
    assert_eq!(ask(redis.port(), "PING\r\n"), None);
    redis.restart();
    assert_eq!(ask(redis.port(), "PING\r\n").as_deref(), Some("+PONG\r\n"));
    let port = redis.port();
    drop(redis);
    assert_eq!(ask(port, "PING\r\n"), None);
}

#[test]
fn nats_answers_and_recovers() {
    let mut nats = Nats::start();
    assert!(ask(nats.port(), "PING\r\n").unwrap().starts_with("INFO"));
    nats.process().kill();
    assert_eq!(ask(nats.port(), "PING\r\n"), None);
    nats.restart();
    assert!(ask(nats.port(), "PING\r\n").unwrap().starts_with("INFO"));
}

#[test]
fn postgres_keeps_its_data_over_a_kill() {
    let mut postgres = Postgres::start();
    let url = postgres.database();
    Postgres::psql(&url, "CREATE TABLE t (n INT); INSERT INTO t VALUES (7)").unwrap();
    postgres.process().kill();
    assert!(Postgres::psql(&url, "SELECT 1").is_err());
    postgres.restart();
    assert_eq!(Postgres::psql(&url, "SELECT n FROM t").unwrap(), "7");
    assert!(Postgres::psql(&url, "SELECT nonsense").unwrap_err().contains("nonsense"));
    postgres.stop();
}

/// The segments of shared memory that a process made (`/proc/sysvipc/shm`, whose fifth column is the maker).
fn segments_of(process: u32) -> usize {
    let listed = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let maker = process.to_string();
    listed.lines().filter(|line| line.split_whitespace().nth(4) == Some(&maker)).count()
}

#[test]
fn postgres_leaves_no_shared_memory_behind() {
    for is_killed in [false, true] {
        let mut postgres = Postgres::start();
        let maker = postgres.process().id();
        assert_eq!(segments_of(maker), 1);
        if is_killed {
            postgres.process().kill();
        }
        drop(postgres);
        // Sessions have it until they have seen that their server ended.
        wait_for("the end of the segment", || (segments_of(maker) == 0).then_some(()));
    }
}

#[test]
fn a_proxy_cuts_stalls_and_heals() {
    let redis = Redis::start();
    let proxy = Proxy::to(redis.port());
    assert_eq!(ask(proxy.port(), "PING\r\n").as_deref(), Some("+PONG\r\n"));
    proxy.cut();
    assert_eq!(ask(proxy.port(), "PING\r\n"), None);
    proxy.heal();
    let mut open = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    open.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    open.read_exact(&mut answer).unwrap();
    proxy.stall();
    open.write_all(b"PING\r\n").unwrap();
    open.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(open.read(&mut answer).is_err(), "what is stalled does not come");
    proxy.heal();
    open.set_read_timeout(None).unwrap();
    open.read_exact(&mut answer).unwrap();
    proxy.cut();
    wait_for("the end of an open connection", || {
        matches!(open.read(&mut answer), Ok(0) | Err(_)).then_some(())
    });
}
