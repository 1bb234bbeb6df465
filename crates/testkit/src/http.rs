//! One request by HTTP and its answer, for tests that need no other client.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::wait::DEADLINE;

/// Asks a URL by `GET`; the status and the body. None when nothing answers.
#[must_use]
pub fn get(url: &str) -> Option<(u16, String)> {
    ask("GET", url)
}

/// Sends an empty `POST`; the status and the body. None when nothing answers.
#[must_use]
pub fn post(url: &str) -> Option<(u16, String)> {
    ask("POST", url)
}

fn ask(method: &str, url: &str) -> Option<(u16, String)> {
    let (address, path) = url.strip_prefix("http://")?.split_once('/')?;
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let head =
        format!("{method} /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n");
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}
