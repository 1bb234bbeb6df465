//! Guards against web pages that send requests to a server they should not reach: DNS rebinding by the Host header,
//! cross-site requests by the Origin header.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, Uri, Version, header};

use crate::code::Code;
use crate::problem::ApiError;

/// Refuses a Host that is neither this machine nor an address, while reads are open to every client that reaches the
/// server.
///
/// A page of `evil.example` whose name suddenly resolves to 127.0.0.1 is of the same origin as this server for its
/// browser; its Host header reveals it.
pub(crate) fn check_host(headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
    let Some(authority) = host(headers, uri) else { return Ok(()) };
    let name = without_port(authority);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_local = name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok();
    if is_local {
        return Ok(());
    }
    let detail = "a server on loopback accepts localhost and addresses only; use one of them";
    Err(ApiError::new(Code::FOREIGN_HOST, detail))
}

/// What proxies add to a request, in lower case. Those that begin with a word of [`FORWARDED`] count too.
const ADDED: [&str; 6] =
    ["forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"];
/// How what proxies add begins.
const FORWARDED: [&str; 2] = ["x-forwarded-", "x-original-"];

/// Whether a request came through a proxy, as far as it shows. On loopback such a proxy is on this machine, and the
/// sender of the request need not be. A proxy that rewrites the Host header and adds nothing still shows, if it speaks
/// HTTP/1.0 as nginx does by default: no client of today does.
pub(crate) fn came_by_proxy(request: &Request) -> bool {
    let headers = request.headers();
    let is_added =
        |name: &str| ADDED.contains(&name) || FORWARDED.iter().any(|beginning| name.starts_with(beginning));
    let is_address_of_another = host(headers, request.uri()).is_some_and(|authority| {
        let bare = without_port(authority).trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok_and(|address| !address.is_loopback())
    });
    request.version() <= Version::HTTP_10
        || is_address_of_another
        || headers.keys().any(|name| is_added(name.as_str()))
}

/// Refuses a request that a page of another host sent.
pub(crate) fn check_origin(headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
    match (authority, host(headers, uri)) {
        (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host) => Ok(()),
        _ => {
            let detail = "web pages may only call the server that they came from";
            Err(ApiError::new(Code::FOREIGN_ORIGIN, detail))
        }
    }
}

fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let header = headers.get(header::HOST).map(|host| host.to_str().unwrap_or("?"));
    header.or_else(|| uri.authority().map(|authority| authority.as_str()))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        // The last colon of a bare IPv6 address in brackets is before its bracket.
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
        assert_eq!(checked.map_err(|error| error.code()), expected, "{host} {origin:?}");
    }

    #[test]
    fn a_proxy_is_known_by_what_it_adds_and_how_it_speaks() {
        let request = |version: Version, host: &str, name: &str| {
            let request = axum::http::Request::builder().version(version).header(header::HOST, host);
            request.header(name, "x").body(axum::body::Body::empty()).unwrap()
        };
        for direct in ["accept", "user-agent", "x-request-id"] {
            assert!(!came_by_proxy(&request(Version::HTTP_11, "127.0.0.1:80", direct)), "{direct}");
        }
        for added in
            ["Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Host", "X-Original-URL"]
        {
            assert!(came_by_proxy(&request(Version::HTTP_11, "localhost", added)), "{added}");
        }
        assert!(came_by_proxy(&request(Version::HTTP_10, "127.0.0.1", "accept")));
        assert!(came_by_proxy(&request(Version::HTTP_11, "10.0.0.7:80", "accept")));
        assert!(!came_by_proxy(&request(Version::HTTP_2, "[::1]:80", "accept")));
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
