//! Whether a request is meant for this service: against pages of other origins and names that are rebound to us.
//!
//! Decision D-617.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The address that a client has connected to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalAddress(pub(crate) SocketAddr);

/// Returns true if the authority of a `Host` or `Origin` header means this service: the address that the client has
/// connected to, `localhost` if that is a loopback address, or one of the configured `names`. A name without a port is
/// good for the port of the service and for the ports of HTTP and HTTPS.
pub(crate) fn is_ours(authority: &str, local: SocketAddr, names: &[String]) -> bool {
    let Some((name, port)) = split(authority) else { return false };
    if names.iter().any(|ours| ours.eq_ignore_ascii_case(authority)) {
        return true;
    }
    if names.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
        return port.is_none_or(|port| [80, 443, local.port()].contains(&port));
    }
    let is_host = match address(name) {
        Some(address) => address == local.ip().to_canonical(),
        None => name.eq_ignore_ascii_case("localhost") && local.ip().to_canonical().is_loopback(),
    };
    is_host && port.unwrap_or(80) == local.port()
}

/// Returns the authority of an origin such as `http://localhost:8080`, the only form there is beside `null`.
pub(crate) fn authority_of_origin(origin: &str) -> Option<&str> {
    origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
}

/// Splits an authority into its host, with the brackets of an IPv6 address, and its port.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if authority.is_empty() || !authority.chars().all(is_allowed) {
        return None;
    }
    let end_of_host = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[end_of_host..].rfind(':') {
        None => Some((authority, None)),
        Some(at) => {
            let (host, port) = authority.split_at(end_of_host + at);
            let port = &port[1..];
            let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            port.parse().ok().filter(|_| is_port).map(|port| (host, Some(port)))
        }
    }
}

fn address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => host.parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical()),
        None => host.parse().ok().filter(IpAddr::is_ipv4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_address_and_configured_names_are_ours() {
        let names = ["wall.example.org".to_owned(), "proxy:8443".to_owned()];
        for authority in [
            "127.0.0.1:8080",
            "localhost:8080",
            "LOCALHOST:8080",
            "wall.example.org",
            "wall.example.org:443",
            "proxy:8443",
        ] {
            assert!(is_ours(authority, local("127.0.0.1:8080"), &names), "{authority}");
        }
        assert!(is_ours("[::1]:8080", local("[::1]:8080"), &[]));
        assert!(is_ours("10.0.0.7:8080", local("[::ffff:10.0.0.7]:8080"), &[]));
        assert!(is_ours("127.0.0.1", local("127.0.0.1:80"), &[]));
    }

    #[test]
    fn everything_else_is_not() {
        let names = ["wall.example.org".to_owned()];
        let others = "evil.example 127.0.0.1 127.0.0.1:8081 localhost 127.0.0.2:8080 localhost.evil.example:8080 \
                      wall.example.org:9 wall.example.org.evil:8080 [::1]:8080 127.0.0.1:8080:8080 127.0.0.1:+8080 \
                      a@127.0.0.1:8080 127.0.0.1:8080/ 2130706433:8080 0x7f.1:8080 [ ] []: : 127.0.0.1:";
        for authority in others.split_whitespace().chain(["", " "]) {
            assert!(!is_ours(authority, local("127.0.0.1:8080"), &names), "{authority}");
        }
        assert!(!is_ours("localhost:8080", local("10.0.0.7:8080"), &[]));
        assert_eq!(authority_of_origin("null"), None);
    }
}
