//! Reads the values of flags. Each error follows the name of the flag: what the value is, and an example.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};

use rustix::process::Signal;
use ureq::http::Uri;

use super::{DocumentFile, Verify};
use crate::logging::{Level, LineFormat};

pub(super) fn signal(text: &str) -> Result<Signal, String> {
    match text.strip_prefix("SIG").unwrap_or(text) {
        "HUP" => Ok(Signal::HUP),
        "USR1" => Ok(Signal::USR1),
        "USR2" => Ok(Signal::USR2),
        _ => Err("is HUP, USR1 or USR2".into()),
    }
}

pub(super) fn pid(text: &str) -> Result<u32, String> {
    let wrong = "is a process ID, as 42";
    let pid: u32 = text.parse().map_err(|_| wrong)?;
    let is_possible = pid > 0 && i32::try_from(pid).is_ok();
    match is_possible {
        true if pid == std::process::id() => Err("is the sidecar itself; give the app's".into()),
        true => Ok(pid),
        false => Err(wrong.into()),
    }
}

pub(super) fn process_name(text: &str) -> Result<String, String> {
    match text {
        "pause" => Err("is the app's; `pause` only keeps a pod's namespaces and reloads nothing".into()),
        _ if text.is_empty() || text.contains('/') => {
            Err("is the name of a program without its folder, as nginx".into())
        }
        _ => Ok(text.into()),
    }
}

pub(super) fn verify(text: &str) -> Result<Verify, String> {
    match text {
        "hash" => Ok(Verify::Hash),
        "status" => Ok(Verify::Status),
        "none" => Ok(Verify::Nothing),
        _ => Err("is hash, status or none".into()),
    }
}

pub(super) fn level(text: &str) -> Result<Level, String> {
    match text {
        "error" => Ok(Level::Error),
        "warn" => Ok(Level::Warn),
        "info" => Ok(Level::Info),
        "debug" => Ok(Level::Debug),
        _ => Err("is error, warn, info or debug".into()),
    }
}

pub(super) fn format(text: &str) -> Result<LineFormat, String> {
    match text {
        "text" => Ok(LineFormat::Text),
        "json" => Ok(LineFormat::Json),
        _ => Err("is text or json".into()),
    }
}

/// A URL that requests can go to. Secrets have no place in it, for URLs are logged.
pub(super) fn url(text: &str) -> Result<String, String> {
    let example = "is a URL, as http://127.0.0.1:8080/-/reload";
    let uri: Uri = text.parse().map_err(|_| example)?;
    let authority = uri.authority().ok_or(example)?;
    if authority.as_str().contains('@') {
        return Err("has a name or a password in it, which would be logged; leave it out".into());
    }
    match uri.scheme_str() {
        Some("http") => Ok(text.into()),
        Some("https") if cfg!(feature = "tls") => Ok(text.into()),
        Some("https") => {
            Err("is https, which this build does not speak; use http or build with `--features tls`".into())
        }
        _ => Err(example.into()),
    }
}

pub(super) fn base_url(text: &str) -> Result<String, String> {
    let url = url(text)?;
    match url.contains(['?', '#']) {
        true => Err("is the server's URL alone, as http://midflight:8080".into()),
        false => Ok(url.trim_end_matches('/').into()),
    }
}

/// No address, or those to try in turn.
pub(super) fn addresses(text: &str) -> Result<Vec<SocketAddr>, String> {
    if text == "off" {
        return Ok(Vec::new());
    }
    let wrong = "is HOST:PORT with the address in numbers, as 127.0.0.1:9091; or :9091, or off";
    if let Some(port) = text.strip_prefix(':') {
        let port: u16 = port.parse().map_err(|_| wrong)?;
        // The first takes IPv4 too; the second is for machines without IPv6.
        return Ok(vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]);
    }
    text.parse().map(|address| vec![address]).map_err(|_| wrong.into())
}

/// The path from the root, as it was given: not through links, for where they lead may change.
pub(super) fn path(text: &OsStr) -> Result<PathBuf, String> {
    let absolute = std::path::absolute(Path::new(text)).map_err(|_| "is a path, as /etc/app/app.yaml")?;
    // Taken apart and put together, so that a slash at the end makes no other path.
    Ok(absolute.components().collect())
}

pub(super) fn document(text: &str) -> Result<DocumentFile, String> {
    let wrong = "is KIND/NAME=FILE, as config/app=/etc/app/app.yaml";
    let (id, file) = text.split_once('=').ok_or(wrong)?;
    let (kind, name) = id.split_once('/').ok_or(wrong)?;
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if !is_plain(kind) || !name.split('/').all(is_plain) || file.is_empty() {
        return Err(wrong.into());
    }
    let file = path(OsStr::new(file))?;
    match file.components().next_back() {
        Some(Component::Normal(_)) => Ok(DocumentFile { kind: kind.into(), name: name.into(), file }),
        _ => Err(wrong.into()),
    }
}
