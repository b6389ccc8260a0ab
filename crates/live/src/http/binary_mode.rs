//! CloudEvents over HTTP in binary mode: attributes are headers, the body is the payload.
//!
//! Decision D-620.

use axum::http::{HeaderMap, HeaderValue, header};
use serde_json::value::to_raw_value;

use crate::cloud_event::{AttributeValue, CloudEvent, CloudEventError, EventData, VERSION, check_name, wrong};
use crate::http::json_depth::check_depth;

/// What the name of a header begins with if it is an attribute.
const PREFIX: &str = "ce-";

/// Returns true if some header is an attribute of an event.
pub(crate) fn has_attributes(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with(PREFIX))
}

/// Reads an event from the headers and the body of a request.
pub(crate) fn read_event(headers: &HeaderMap, body: &[u8], depth_max: usize) -> Result<CloudEvent, CloudEventError> {
    let version = required(headers, "specversion")?;
    if version != VERSION {
        return Err(wrong("specversion", format!("'{version}' is not a version that can be read; {VERSION} is")));
    }
    let mut event = CloudEvent::new(required(headers, "id")?, required(headers, "source")?, required(headers, "type")?);
    for header in headers.keys() {
        match header.as_str().strip_prefix(PREFIX) {
            None | Some("specversion" | "id" | "source" | "type") => {}
            Some("datacontenttype") => {
                return Err(wrong("datacontenttype", "in binary mode it is the header Content-Type".to_owned()));
            }
            Some(name) => {
                check_name(name)?;
                let value = attribute(headers, name)?.unwrap_or_default();
                event.attributes.insert(name.to_owned(), AttributeValue::Text(value));
            }
        }
    }
    let content_type = content_type(headers)?;
    event.data = payload(content_type.as_deref(), body, depth_max)?;
    if let Some(content_type) = content_type {
        event.attributes.insert("datacontenttype".to_owned(), AttributeValue::Text(content_type));
    }
    event.check()?;
    Ok(event)
}

fn required(headers: &HeaderMap, name: &str) -> Result<String, CloudEventError> {
    attribute(headers, name)?.ok_or_else(|| wrong(name, format!("the header {PREFIX}{name} is missing")))
}

fn attribute(headers: &HeaderMap, name: &str) -> Result<Option<String>, CloudEventError> {
    let mut values = headers.get_all(format!("{PREFIX}{name}")).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => decoded(value).map(Some).map_err(|reason| wrong(name, reason)),
        (Some(_), Some(_)) => Err(wrong(name, "the header is there twice".to_owned())),
    }
}

fn content_type(headers: &HeaderMap) -> Result<Option<String>, CloudEventError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    let text = value.to_str().map_err(|_| wrong("datacontenttype", "it is not in ASCII".to_owned()))?;
    Ok(Some(text.to_owned()))
}

/// Returns the payload: JSON as it is, other text as a string, and everything else as bytes.
fn payload(content_type: Option<&str>, body: &[u8], depth_max: usize) -> Result<Option<EventData>, CloudEventError> {
    if body.is_empty() {
        return Ok(None);
    }
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let not_json = |error: serde_json::Error| wrong("data", format!("not JSON, as its Content-Type says: {error}"));
    if media_type.ends_with("/json") || media_type.ends_with("+json") {
        let text = std::str::from_utf8(body).map_err(|error| wrong("data", format!("not UTF-8: {error}")))?;
        check_depth(text, depth_max).map_err(|reason| wrong("data", reason))?;
        return serde_json::from_str(text).map(|json| Some(EventData::Json(json))).map_err(not_json);
    }
    match std::str::from_utf8(body) {
        Ok(text) if media_type.starts_with("text/") => {
            to_raw_value(text).map(|json| Some(EventData::Json(json))).map_err(not_json)
        }
        _ => Ok(Some(EventData::Binary(body.to_owned()))),
    }
}

/// Decodes the value of a header as the HTTP binding prescribes: quotes first, then percent signs, once.
fn decoded(value: &HeaderValue) -> Result<String, String> {
    let text = value.to_str().map_err(|_| {
        "a character outside of ASCII is sent as its bytes in UTF-8, each as % and two hexadecimal digits".to_owned()
    })?;
    let text = String::from_utf8(percent_decoded(&unquoted(text)?)?);
    let text = text.map_err(|_| "what stands behind the percent signs is not UTF-8".to_owned())?;
    match text.chars().find(|c| is_forbidden(*c)) {
        None => Ok(text),
        Some(c) => Err(format!("the character U+{:04X} is not allowed in an attribute", u32::from(c))),
    }
}

fn unquoted(text: &str) -> Result<String, String> {
    let Some(rest) = text.strip_prefix('"') else { return Ok(text.to_owned()) };
    let mut plain = String::with_capacity(rest.len());
    let mut rest = rest.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' if rest.as_str().is_empty() => return Ok(plain),
            '"' => break,
            '\\' => plain.extend(rest.next()),
            _ => plain.push(c),
        }
    }
    Err("a value that begins with a quote ends with one, and has others only behind a backslash".to_owned())
}

fn percent_decoded(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            return Err(
                "a percent sign is followed by two hexadecimal digits; one of its own is written %25".to_owned()
            );
        };
        bytes.push((high * 16 + low) as u8);
        rest = &after[2..];
    }
    Ok(bytes)
}

/// Returns true for control characters and for those that Unicode reserves for no character.
fn is_forbidden(c: char) -> bool {
    c.is_control() || matches!(u32::from(c), 0xfdd0..=0xfdef) || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;
    use proptest::prelude::*;

    use super::*;

    fn decode(text: &str) -> Result<String, String> {
        decoded(&HeaderValue::from_bytes(text.as_bytes()).unwrap())
    }

    /// Encodes as the HTTP binding prescribes for senders.
    fn encoded(text: &str) -> String {
        let encode = |byte: u8| match byte {
            b'"' | b'%' => format!("%{byte:02X}"),
            0x21..=0x7e => char::from(byte).to_string(),
            _ => format!("%{byte:02x}"),
        };
        text.bytes().map(encode).collect()
    }

    #[test]
    fn values_of_the_specification_are_decoded() {
        assert_eq!(decode("Euro%20%E2%82%AC%20%F0%9F%98%80").unwrap(), "Euro € 😀");
        assert_eq!(decode(r#""a \"quoted\" value""#).unwrap(), r#"a "quoted" value"#);
        assert_eq!(decode(r#""50%25""#).unwrap(), "50%");
        assert_eq!(decode("%2541").unwrap(), "%41");
        assert_eq!(decode("a,b;c=(d)").unwrap(), "a,b;c=(d)");
    }

    #[test]
    fn what_is_not_encoded_as_it_should_be_is_refused() {
        for text in ["%", "%4", "%zz", "100% sure", "%+1", "\"open", "\"a\"b\"", "\"a\\\"", "€"] {
            assert!(decode(text).is_err(), "{text}");
        }
        // Overlong forms of '/', a surrogate, beyond Unicode, a lone continuation, and an end in the middle.
        for text in ["%c0%af", "%e0%80%af", "%f0%80%80%af", "%ed%a0%80", "%f4%90%80%80", "%80", "%e2%82"] {
            assert!(decode(text).unwrap_err().contains("UTF-8"), "{text}");
        }
        for text in ["%00", "%0d%0aX: y", "%7f", "%c2%85", "%ef%b7%90", "%ef%bf%bf"] {
            assert!(decode(text).unwrap_err().contains("not allowed"), "{text}");
        }
    }

    /// The headers of an event in binary mode.
    fn headers_of(event: &CloudEvent) -> HeaderMap {
        let required = ["specversion", "id", "source", "type"].map(str::to_owned);
        let names = required.iter().chain(event.attributes.keys());
        names
            .map(|name| {
                let value = encoded(&event.attribute(name).unwrap().to_text());
                let name = if name == "datacontenttype" { "content-type".to_owned() } else { format!("ce-{name}") };
                (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(&value).unwrap())
            })
            .collect()
    }

    proptest! {
        #[test]
        fn an_event_is_the_same_in_headers_and_in_json(
            required in prop::array::uniform3("[^\\p{C}]{1,12}"),
            extensions in prop::collection::btree_map("x[a-z0-9]{0,8}", "[^\\p{C}]{0,12}", 0..5),
            data in prop::option::of(0..1000_i32),
        ) {
            let [id, source, kind] = required;
            let mut event = CloudEvent::new(id, source, kind);
            event.attributes = extensions.into_iter().map(|(name, text)| (name, AttributeValue::Text(text))).collect();
            event.attributes.insert("datacontenttype".to_owned(), AttributeValue::Text("application/json".to_owned()));
            let body = data.map(|data| data.to_string()).unwrap_or_default();
            event.data = data.map(|_| EventData::Json(serde_json::from_str(&body).unwrap()));
            let in_headers = read_event(&headers_of(&event), body.as_bytes(), 64).unwrap();
            let in_json = CloudEvent::from_json(&event.to_json()).unwrap();
            prop_assert_eq!(in_headers.to_json(), in_json.to_json());
        }

        #[test]
        fn what_senders_encode_is_what_was_meant(text in "[^\\p{C}]{0,20}") {
            prop_assert_eq!(decode(&encoded(&text)), Ok(text));
        }

        #[test]
        fn no_header_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = decoded(&value);
            }
        }
    }
}
