//! The address of a sink, and which ones are allowed.

use std::fmt::{Debug, Display, Formatter};
use std::net::IpAddr;

use thiserror::Error;
use ureq::http::Uri;
use ureq::http::uri::Authority;

use crate::webhook::address::special_use;

const BYTES_MAX: usize = 2048;

/// An address that requests are sent to, from a configuration. Printed, it ends before the query, in which there may be a key.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl {
    text: String,
    is_loopback: bool,
}

/// Why no requests go to an address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WebhookUrlError {
    /// The text is not an absolute URL.
    #[error("not a URL; write https://HOST/PATH")]
    NoUrl,
    /// The text is too long.
    #[error("it is longer than {BYTES_MAX} bytes; give a shorter URL")]
    Length,
    /// The scheme is neither https, nor http to the same machine.
    #[error("requests go over https, and over http to this machine only; write https://, or http://127.0.0.1")]
    Scheme,
    /// There is a user name or a password in it.
    #[error("there is a name or password before the host; give a token by the key `bearer`")]
    UserInfo,
    /// There is a fragment in it, which no server would see.
    #[error("there is a fragment (#); write the URL without it")]
    Fragment,
    /// The port is not one.
    #[error("the port is not a number from 1 to 65535; write one, or leave the colon out")]
    Port,
    /// The host is an address that is not of the public internet.
    #[error("{0} is {1}, and requests go to public addresses or to loopback; give a host that is one of these")]
    Special(IpAddr, &'static str),
}

impl WebhookUrl {
    /// Reads an address: https, or http to a loopback address that is written in digits.
    ///
    /// # Errors
    ///
    /// Fails if the address is not allowed. A host name is not looked up here, but at each connect.
    pub fn parse(text: &str) -> Result<WebhookUrl, WebhookUrlError> {
        if text.len() > BYTES_MAX {
            return Err(WebhookUrlError::Length);
        }
        if text.contains('#') {
            return Err(WebhookUrlError::Fragment);
        }
        let uri: Uri = text.parse().map_err(|_| WebhookUrlError::NoUrl)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(WebhookUrlError::NoUrl);
        };
        let is_loopback = check_host(authority)?;
        match scheme {
            "https" => {}
            "http" if is_loopback => {}
            _ => return Err(WebhookUrlError::Scheme),
        }
        Ok(WebhookUrl { text: text.to_owned(), is_loopback })
    }

    /// Returns the whole address.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns true if the host is a loopback address written in digits.
    pub(crate) fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

impl Display for WebhookUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text.split('?').next().unwrap_or_default())
    }
}

impl Debug for WebhookUrl {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        Display::fmt(self, f)
    }
}

/// Checks the host, and returns true if it is loopback.
fn check_host(authority: &Authority) -> Result<bool, WebhookUrlError> {
    if authority.as_str().contains('@') {
        return Err(WebhookUrlError::UserInfo);
    }
    let host = authority.host();
    if host.is_empty() {
        return Err(WebhookUrlError::NoUrl);
    }
    if authority.as_str() != host && authority.port_u16().is_none_or(|port| port == 0) {
        return Err(WebhookUrlError::Port);
    }
    let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() else { return Ok(false) };
    match special_use(address) {
        None => Ok(false),
        Some(_) if address.is_loopback() => Ok(true),
        Some(purpose) => Err(WebhookUrlError::Special(address, purpose)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_allowed_and_http_to_loopback_in_digits() {
        for (text, is_loopback) in [
            ("https://hooks.example.com", false),
            ("https://hooks.example.com:8443/in?key=secret", false),
            ("https://1.1.1.1/", false),
            ("https://[2606:4700::1111]:443/", false),
            ("https://127.0.0.1/", true),
            ("http://127.0.0.1:8080/hook", true),
            ("http://127.1.2.3/", true),
            ("http://[::1]:8080/", true),
        ] {
            assert_eq!(WebhookUrl::parse(text).map(|url| url.is_loopback()), Ok(is_loopback), "{text}");
        }
        let url = WebhookUrl::parse("https://hooks.example.com/in?key=secret").unwrap();
        assert_eq!(
            (url.as_str(), url.to_string().as_str()),
            ("https://hooks.example.com/in?key=secret", "https://hooks.example.com/in")
        );
    }

    #[test]
    fn other_addresses_are_not() {
        let error = |text: &str| WebhookUrl::parse(text).unwrap_err();
        for text in ["", "hooks.example.com", "/hook", "https://", "https:///hook", "https://a b/", "https://[::1/"] {
            assert_eq!(error(text), WebhookUrlError::NoUrl, "{text}");
        }
        for text in
            ["http://hooks.example.com/", "http://localhost/", "http://127.1/", "http://2130706433/", "ftp://a/"]
        {
            assert_eq!(error(text), WebhookUrlError::Scheme, "{text}");
        }
        for text in ["https://me@a.example/", "https://me:word@a.example/", "https://a.example@127.0.0.1/"] {
            assert_eq!(error(text), WebhookUrlError::UserInfo, "{text}");
        }
        assert_eq!(error("https://a.example/#part"), WebhookUrlError::Fragment);
        for text in ["https://a.example:0/", "https://a.example:/", "https://a.example:65536/"] {
            assert!(matches!(error(text), WebhookUrlError::Port | WebhookUrlError::NoUrl), "{text}");
        }
        assert_eq!(error(&format!("https://a.example/{}", "x".repeat(BYTES_MAX))), WebhookUrlError::Length);
        for text in
            ["https://10.0.0.1/", "https://169.254.169.254/latest", "https://[fe80::1]/", "https://[::ffff:10.0.0.1]/"]
        {
            assert!(matches!(error(text), WebhookUrlError::Special(..)), "{text}");
        }
        // Loopback within IPv6 is not written as loopback, and so is refused rather than allowed.
        assert!(matches!(error("https://[::ffff:127.0.0.1]/"), WebhookUrlError::Special(..)));
    }
}
