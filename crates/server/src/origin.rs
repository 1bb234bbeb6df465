//! Guards against web pages that send requests to a server they should not reach: DNS rebinding by the Host header,
//! cross-site requests by the Origin header.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header};

use crate::problem::{ApiError, Code};

/// Refuses a Host that is neither this machine nor an address, while reads are open to whoever reaches the server.
///
/// A page of `evil.example` whose name suddenly resolves to 127.0.0.1 is of the same origin as this server for its
/// browser; its Host header gives it away.
pub(crate) fn check_host(headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
    let Some(authority) = host(headers, uri) else { return Ok(()) };
    let name = without_port(authority);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_local = name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok();
    if is_local {
        return Ok(());
    }
    let detail = "a server on loopback answers to localhost and to addresses only; call it by one of them";
    Err(ApiError::new(Code::ForeignHost, detail))
}

/// Refuses a request that a page of another host sent.
pub(crate) fn check_origin(headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
    match (authority, host(headers, uri)) {
        (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host) => Ok(()),
        _ => {
            let detail = "web pages may only call the server that they came from";
            Err(ApiError::new(Code::ForeignOrigin, detail))
        }
    }
}

fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let header = headers.get(header::HOST).map(|host| host.to_str().unwrap_or("?"));
    header.or_else(|| uri.authority().map(|authority| authority.as_str()))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        // The last colon of a bare IPv6 address in brackets stands before its bracket.
        Some((name, port)) if !port.contains(']') => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, origin: Option<&str>, expected: Result<(), &str>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let uri = Uri::from_static("/");
        let checked = check_host(&headers, &uri).and_then(|()| check_origin(&headers, &uri));
        assert_eq!(checked.map_err(|error| error.body().code), expected, "{host} {origin:?}");
    }

    #[test]
    fn only_this_machine_and_its_own_pages_may_call() {
        for host in ["localhost", "LocalHost:8080", "127.0.0.1:1", "[::1]:8080", "[::1]", "10.0.0.7"] {
            check(host, None, Ok(()));
        }
        for host in
            ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", ""]
        {
            check(host, None, Err("foreign_host"));
        }
        check("localhost:8080", Some("http://localhost:8080"), Ok(()));
        for origin in ["http://localhost:3000", "http://evil.example", "null", "x"] {
            check("localhost:8080", Some(origin), Err("foreign_origin"));
        }
    }
}
