//! The page of the wall: one file, which asks for nothing but frames.
//!
//! Decision D-655; its colours, D-656.

use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::wall::layout::{TileSpec, WallLayout};
use crate::wall::markup::escaped;

const PAGE: &str = include_str!("wall.html");
const STYLE: &str = include_str!("wall.css");
const SCRIPT: &str = include_str!("wall.js");

/// The page with its policy.
#[derive(Debug)]
pub(super) struct WallPage {
    html: String,
    policy: HeaderValue,
}

impl WallPage {
    /// Returns the page of a layout; `figure_style` is the style sheet of drawings.
    pub(super) fn new(layout: &WallLayout, figure_style: &str) -> WallPage {
        let style = format!("{STYLE}{}", figure_style.replace("</", "<\\/"));
        let html = PAGE
            .replace("{{style}}", &style)
            .replace("{{script}}", SCRIPT)
            .replace("{{columns}}", &layout.columns.to_string())
            .replace("{{stalled_after_ms}}", &layout.stalled_after_ms.to_string())
            .replace("{{tiles}}", &tiles(layout))
            .replace("{{title}}", &escaped(&layout.title));
        // Nothing else may run or be fetched, whatever an answer holds.
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            digest(SCRIPT),
            digest(&style),
        );
        let policy = HeaderValue::try_from(policy);
        WallPage { html, policy: policy.unwrap_or(HeaderValue::from_static("default-src 'none'")) }
    }

    pub(super) fn response(&self) -> Response {
        let mut response = self.html.clone().into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

fn tiles(layout: &WallLayout) -> String {
    let tile = |(n, tile): (usize, &TileSpec)| {
        format!(
            "<section class=\"tile span-{}\" id=\"tile-{n}\" aria-labelledby=\"tile-{n}-title\">\
             <h2><span id=\"tile-{n}-title\">{}</span> <small></small></h2><div class=\"body\"></div></section>\n",
            tile.span,
            escaped(&tile.title)
        )
    };
    (1..).zip(&layout.tiles).map(tile).collect()
}

/// Returns the SHA-256 of an inline script or style, as a policy names it.
fn digest(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text between two tags; it is there once.
    fn between<'a>(html: &'a str, open: &str, close: &str) -> &'a str {
        assert_eq!(html.matches(open).count(), 1, "{open}");
        html.split_once(open).unwrap().1.split_once(close).unwrap().0
    }

    #[test]
    fn the_policy_names_script_and_style_by_their_digests_and_allows_nothing_else() {
        let layout = WallLayout::parse("[[tile]]\nkind = 'events'\nfeed = 'x'\ntitle = '<b>\"'", "wall.toml").unwrap();
        let page = WallPage::new(&layout, ".fig{color:red}");
        let policy = page.policy.to_str().unwrap();
        let script = between(&page.html, "<script>", "</script>");
        let style = between(&page.html, "<style>", "</style>");
        assert!(policy.contains(&format!("script-src 'sha256-{}';", digest(script))), "{policy}");
        assert!(policy.contains(&format!("style-src 'sha256-{}';", digest(style))), "{policy}");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert!(style.ends_with(".fig{color:red}") && page.html.contains("&lt;b&gt;&quot;"));
        // Attributes that the policy would refuse, and addresses elsewhere.
        for forbidden in [" style=", " onclick=", " onload=", "http://", "https://", "{{"] {
            assert!(!page.html.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn a_title_is_no_place_to_write_a_placeholder_or_a_tag() {
        let layout =
            WallLayout::parse("title = '{{script}}</title>'\n[[tile]]\nkind = 'events'\nfeed = '{{style}}'", "w");
        let page = WallPage::new(&layout.unwrap(), "</style>");
        assert_eq!(page.html.matches("</script>").count(), 1);
        assert_eq!(page.html.matches("</style>").count(), 1);
    }
}
