//! The note of an experiment as HTML: the part of Markdown that notes use, escaped. HTML in a note is left out, and links
//! into the repository, which a report does not have beside it, are plain text.

use pulldown_cmark::{Alignment, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::text::escaped;

/// Returns the note without its title.
pub(crate) fn html(markdown: &str) -> String {
    let mut out = Writer::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        out.push(event);
    }
    out.text
}

#[derive(Default)]
struct Writer {
    text: String,
    /// True inside the title.
    in_title: bool,
    /// For each open link, whether it is one.
    links: Vec<bool>,
    /// Alignment of the columns of the open table, and the column reached.
    columns: Vec<Alignment>,
    column: usize,
    in_head: bool,
}

impl Writer {
    fn push(&mut self, event: Event) {
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) => self.in_title = true,
            Event::End(TagEnd::Heading(HeadingLevel::H1)) => self.in_title = false,
            _ if self.in_title => {}
            Event::Start(tag) => self.open(tag),
            Event::End(tag) => self.close(tag),
            Event::Text(text) => self.text.push_str(&escaped(&text)),
            Event::Code(code) => self.text.push_str(&format!("<code>{}</code>", escaped(&code))),
            Event::SoftBreak => self.text.push('\n'),
            Event::HardBreak => self.text.push_str("<br/>\n"),
            Event::Rule => self.text.push_str("<hr/>\n"),
            // Markers of numbers are comments.
            Event::Html(_) | Event::InlineHtml(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
            Event::InlineMath(text) | Event::DisplayMath(text) => self.text.push_str(&escaped(&text)),
        }
    }

    fn open(&mut self, tag: Tag) {
        match tag {
            Tag::Heading { level, .. } => self.text.push_str(&format!("<{}>", heading(level))),
            Tag::List(Some(start)) => self.text.push_str(&format!("<ol start=\"{start}\">\n")),
            Tag::Link { dest_url, .. } => self.open_link(&dest_url),
            Tag::Table(columns) => {
                self.columns = columns;
                self.text.push_str("<div class=\"scroll\"><table>\n");
            }
            Tag::TableHead => {
                (self.column, self.in_head) = (0, true);
                self.text.push_str("<thead><tr>");
            }
            Tag::TableRow => {
                self.column = 0;
                self.text.push_str("<tr>");
            }
            Tag::TableCell => {
                let right = self.columns.get(self.column) == Some(&Alignment::Right);
                let name = if self.in_head { "th" } else { "td" };
                let class = if right { " class=\"right\"" } else { " class=\"wrap\"" };
                self.text.push_str(&format!("<{name}{class}>"));
                self.column += 1;
            }
            tag => self.text.push_str(&element(&tag.to_end()).map_or(String::new(), |name| format!("<{name}>"))),
        }
    }

    fn close(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => self.text.push_str(&format!("</{}>\n", heading(level))),
            TagEnd::List(true) => self.text.push_str("</ol>\n"),
            TagEnd::Link => {
                if self.links.pop() == Some(true) {
                    self.text.push_str("</a>");
                }
            }
            TagEnd::Table => self.text.push_str("</tbody></table></div>\n"),
            TagEnd::TableHead => {
                self.in_head = false;
                self.text.push_str("</tr></thead><tbody>\n");
            }
            TagEnd::TableRow => self.text.push_str("</tr>\n"),
            TagEnd::TableCell => self.text.push_str(if self.in_head { "</th>" } else { "</td>" }),
            tag @ (TagEnd::Emphasis | TagEnd::Strong) => {
                self.text.push_str(&element(&tag).map_or(String::new(), |name| format!("</{name}>")));
            }
            tag => self.text.push_str(&element(&tag).map_or(String::new(), |name| format!("</{name}>\n"))),
        }
    }

    fn open_link(&mut self, url: &CowStr) {
        let leads_somewhere = url.starts_with("https://") || url.starts_with("http://");
        self.links.push(leads_somewhere);
        if leads_somewhere {
            self.text.push_str(&format!("<a href=\"{}\" rel=\"noreferrer\">", escaped(url)));
        }
    }
}

/// Returns the element of a heading: the note is a section of the report.
fn heading(level: HeadingLevel) -> &'static str {
    if level <= HeadingLevel::H2 { "h3" } else { "h4" }
}

/// Returns the element of what has one of its own; absent for what is left out or shown as plain text.
fn element(tag: &TagEnd) -> Option<&'static str> {
    Some(match tag {
        TagEnd::Paragraph => "p",
        TagEnd::BlockQuote(_) => "blockquote",
        TagEnd::CodeBlock => "pre",
        TagEnd::List(false) => "ul",
        TagEnd::Item => "li",
        TagEnd::Emphasis => "em",
        TagEnd::Strong => "strong",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_keeps_its_structure_and_loses_its_title_its_comments_and_links_into_the_repository() {
        let note = "# Title `x`\n\nA *short* **note** of 5<!-- = value(x) --> µs.\n\n## Estimate\n\n1. one\n2. `two < 3`\n\n\
                    - a\n- b\n\n| name | value |\n|---|---:|\n| a | 1 |\n\n```\nlet x = 1 & 2;\n```\n\n\
                    [here](../results/x) and [there](https://example.org/?a=1&b=2)\n";
        let expected = "<p>A <em>short</em> <strong>note</strong> of 5 µs.</p>\n<h3>Estimate</h3>\n<ol start=\"1\">\n\
                        <li>one</li>\n<li><code>two &lt; 3</code></li>\n</ol>\n<ul><li>a</li>\n<li>b</li>\n</ul>\n\
                        <div class=\"scroll\"><table>\n<thead><tr><th class=\"wrap\">name</th><th class=\"right\">value</th>\
                        </tr></thead><tbody>\n<tr><td class=\"wrap\">a</td><td class=\"right\">1</td></tr>\n\
                        </tbody></table></div>\n<pre>let x = 1 &amp; 2;\n</pre>\n<p>here and \
                        <a href=\"https://example.org/?a=1&amp;b=2\" rel=\"noreferrer\">there</a></p>\n";
        assert_eq!(html(note), expected);
    }

    #[test]
    fn nothing_in_a_note_becomes_markup_of_the_page() {
        let hostile = "<script>alert(1)</script>\n\n[x](javascript:alert(1)) <img src=x onerror=alert(1)> `<b>` &lt;i&gt;\n\n\
                       ![y](\"onload=alert(1))\n\n<div>\n\n# <script>\n";
        let html = html(hostile);
        for forbidden in ["<script", "<img", "javascript:", "<b>", "<i>", "<div>"] {
            assert!(!html.contains(forbidden), "{forbidden}: {html}");
        }
    }
}
