//! Head and end of a page: its styles and its script are inside it, and a policy lets the browser run nothing else. All that
//! the script adds can also be read without it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::draw::svg::{STYLE, compact};
use crate::text::escaped;

/// The style sheet of the page; that of the figures is [`STYLE`].
pub(crate) const PAGE_STYLE: &str = include_str!("page.css");
/// Sorts and filters tables, shows values of figures, and hides and shows their series.
const SCRIPT: &str = include_str!("report.js");

/// Returns everything up to the body, the link past the contents included.
pub(crate) fn head(title: &str) -> String {
    let style = format!("{}\n{}", compact(PAGE_STYLE), compact(STYLE));
    format!(
        include_str!("head.html"),
        title = escaped(title),
        script_hash = digest(&script()),
        style_hash = digest(&style),
        style = style,
    )
}

/// Returns the script and the end of the page.
pub(crate) fn foot() -> String {
    format!("<script>{}</script>\n</body>\n</html>\n", script())
}

/// Returns the script as it stands in the page, which is XML, too.
fn script() -> String {
    format!("//<![CDATA[\n{SCRIPT}//]]>")
}

/// Returns the digest by which a policy names a text.
fn digest(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of colours of text and of what is behind it.
    const PAIRS: [(&str, &str); 12] = [
        ("text", "paper"),
        ("muted", "paper"),
        ("link", "paper"),
        ("good", "paper"),
        ("bad", "paper"),
        ("warn", "paper"),
        ("text", "soft"),
        ("muted", "soft"),
        ("link", "soft"),
        ("warn", "soft"),
        ("text", "mark"),
        ("link", "mark"),
    ];

    /// Returns the channels of a colour of the n-th `:root` of the style sheet.
    fn colour(scheme: usize, name: &str) -> [f64; 3] {
        let of_scheme = PAGE_STYLE.split(":root{").nth(scheme).unwrap().split('}').next().unwrap();
        let value = of_scheme.split(';').find_map(|rule| rule.trim().strip_prefix(&format!("--{name}:#"))).unwrap();
        let long = if value.len() == 3 { value.chars().flat_map(|c| [c, c]).collect() } else { value.to_owned() };
        [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&long[at..at + 2], 16).unwrap()) / 255.0)
    }

    /// Returns the contrast of two colours, by WCAG 2.2.
    fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let linear = |channel: f64| match channel {
            dark if dark <= 0.040_45 => dark / 12.92,
            light => ((light + 0.055) / 1.055).powf(2.4),
        };
        let luminance = |c: [f64; 3]| 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn every_text_is_readable_on_what_is_behind_it_in_light_and_dark() {
        assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
        for scheme in [1, 2] {
            for (text, behind) in PAIRS {
                let found = contrast(colour(scheme, text), colour(scheme, behind));
                assert!(found >= 4.5, "{text} on {behind}, scheme {scheme}: {found:.2}");
            }
            let found = contrast(colour(scheme, "line"), colour(scheme, "paper"));
            assert!(found >= 1.2, "lines, scheme {scheme}: {found:.2}");
            let found = contrast(colour(scheme, "focus"), colour(scheme, "paper"));
            assert!(found >= 3.0, "focus, scheme {scheme}: {found:.2}");
        }
    }

    #[test]
    fn the_policy_names_what_stands_in_the_page() {
        let page = head("a <title>") + &foot();
        let between = |text: &str, from: &str, to: &str| -> String {
            text.split(from).nth(1).unwrap().split(to).next().unwrap().to_owned()
        };
        let named = |of: &str| between(&page, &format!("{of}-src &#39;sha256-"), "&#39;");
        assert_eq!(named("script"), digest(&between(&page, "<script>", "</script>")));
        assert_eq!(named("style"), digest(&between(&page, "<style>", "</style>")));
        assert!(page.contains("<title>a &lt;title&gt;</title>") && !page.contains("unsafe"));
    }
}
