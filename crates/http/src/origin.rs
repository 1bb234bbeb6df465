//! Guards against web pages that send requests to a server they should not reach: DNS rebinding by the Host header,
//! cross-site requests by the Origin header.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, Version, header};

use crate::code::Code;
use crate::problem::ApiError;

/// Refuses a request that does not say once and clearly which host it is for (RFC 9112, 3.2; RFC 9113, 8.3.1): of two
/// answers a proxy may believe one and this server the other.
pub(crate) fn check_one_host(request: &Request) -> Result<(), ApiError> {
    let refused = |detail: &str| Err(ApiError::new(Code::INVALID_HEADER, detail));
    let authority = request.uri().authority().map(Authority::as_str);
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return refused("more than one Host header; send one"),
        (Some(host), None) => host.to_str().ok().map(Some),
        (None, _) => Some(None),
    };
    let Some(host) = host else { return refused("invalid Host header: expected HOST or HOST:PORT") };
    match (request.version(), host, authority) {
        (Version::HTTP_11, None, _) => refused("no Host header; HTTP/1.1 needs one"),
        (Version::HTTP_2, None, None) => refused("neither :authority nor a Host header; send one"),
        (Version::HTTP_2, Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => {
            refused("the Host header and :authority differ; leave the Host header out")
        }
        (_, Some(host), _) if !is_authority(host) => {
            refused("invalid Host header: expected HOST or HOST:PORT")
        }
        _ => Ok(()),
    }
}

/// Whether a text is a host with or without a port. An empty one is: of a client whose URL has no host.
fn is_authority(text: &str) -> bool {
    // Nearly every request has a name or an IPv4 address, which is seen without a copy.
    let (name, port) = text.split_once(':').unwrap_or((text, ""));
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    if is_plain && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    text.parse::<Authority>().is_ok_and(|it| it.as_str() == text && !text.contains('@'))
}

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

/// Refuses a request with the cookie of a session that no page of this server need have sent: one that changes
/// something, or becomes a WebSocket, without a word of the browser that it did. A foreign Origin was refused before.
pub(crate) fn check_session(request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let is_read = request.method().is_safe() && !headers.contains_key(header::UPGRADE);
    let is_own = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    if is_read || is_own || headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let detail = "a change with the cookie of a session needs the header Origin or Sec-Fetch-Site: same-origin, as \
                  browsers send it; programs send a token";
    Err(ApiError::new(Code::FOREIGN_ORIGIN, detail))
}

/// The host that a request is for.
pub(crate) fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
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
    fn a_request_names_its_host_once() {
        let check = |version: Version, uri: &str, hosts: &[&str]| {
            let mut request = Request::new(axum::body::Body::empty());
            *request.version_mut() = version;
            *request.uri_mut() = uri.parse().unwrap();
            for host in hosts {
                let host = axum::http::HeaderValue::from_bytes(host.as_bytes()).unwrap();
                request.headers_mut().append(header::HOST, host);
            }
            check_one_host(&request).map_err(|error| error.body().detail.clone())
        };
        for good in [
            check(Version::HTTP_11, "/", &["a:80"]),
            check(Version::HTTP_11, "/", &["[::1]:80"]),
            check(Version::HTTP_11, "/", &[""]),
            check(Version::HTTP_10, "/", &[]),
            check(Version::HTTP_2, "https://a/", &[]),
            check(Version::HTTP_2, "https://a/", &["A"]),
        ] {
            assert_eq!(good, Ok(()));
        }
        for (refused, why) in [
            (check(Version::HTTP_11, "/", &[]), "no Host header"),
            (check(Version::HTTP_11, "/", &["a", "a"]), "more than one"),
            (check(Version::HTTP_10, "/", &["a", "b"]), "more than one"),
            (check(Version::HTTP_11, "/", &["a b"]), "invalid"),
            (check(Version::HTTP_11, "/", &["a/b"]), "invalid"),
            (check(Version::HTTP_11, "/", &["anna@a"]), "invalid"),
            (check(Version::HTTP_11, "/", &["\u{e4}"]), "invalid"),
            (check(Version::HTTP_2, "/", &[]), "neither"),
            (check(Version::HTTP_2, "https://a/", &["b"]), "differ"),
        ] {
            let refused = refused.unwrap_err();
            assert!(refused.contains(why), "{why}: {refused}");
        }
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
