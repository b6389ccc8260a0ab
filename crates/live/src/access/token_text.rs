//! The text of a file of tokens: read, and changed without touching what else a person wrote there.

use std::ops::Range;

use jiff::Timestamp;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;
use toml::value::Datetime;

use crate::access::scope::{Scope, is_name};
use crate::access::secret::TokenHash;

/// A token as the file has it.
#[derive(Debug, Clone)]
pub(crate) struct TokenEntry {
    pub(crate) name: String,
    pub(crate) hash: TokenHash,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) revoked: bool,
    /// Where the hash stands in the text.
    hash_at: Range<usize>,
    /// Where the value of `revoked` stands in the text, if it is given.
    revoked_at: Option<Range<usize>>,
}

/// What is wrong with the text of a file of tokens.
#[derive(Debug, Error)]
pub enum TokenTextError {
    /// It is not TOML, or has a key that means nothing.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// A token does not make sense.
    #[error("token '{name}': {reason}")]
    Token {
        /// The name of the token.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    token: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    hash: Spanned<String>,
    scopes: Vec<Scope>,
    expires: Option<Datetime>,
    revoked: Option<Spanned<bool>>,
}

/// Reads all tokens of a text.
pub(crate) fn parse(text: &str) -> Result<Vec<TokenEntry>, TokenTextError> {
    let document: Document = toml::from_str(text)?;
    let mut entries: Vec<TokenEntry> = Vec::new();
    for entry in document.token {
        let entry = checked(entry)?;
        if entries.iter().any(|other| other.name == entry.name) {
            return Err(wrong(&entry.name, "there are two of that name; rename one, or remove one that is revoked"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Returns the text with one more token at its end.
pub(crate) fn with_token(
    text: &str,
    name: &str,
    hash: TokenHash,
    scopes: &[Scope],
    expires: Option<Timestamp>,
) -> Result<String, TokenTextError> {
    if let Some(there) = parse(text)?.iter().find(|entry| entry.name == name) {
        return Err(wrong(
            name,
            match there.revoked {
                true => {
                    "there was one of that name, which is revoked; give another name, or remove that one from the file"
                }
                false => {
                    "there is one of that name already; give another name, and revoke the old one when it is not needed"
                }
            },
        ));
    }
    let scopes: Vec<String> = scopes.iter().map(|scope| format!("\"{scope}\"")).collect();
    let expires = expires.map(|expires| format!("expires = {expires:.0}\n")).unwrap_or_default();
    let line_end = if text.ends_with('\n') { "" } else { "\n" };
    let changed = format!(
        "{text}{line_end}\n[[token]]\nname = \"{name}\"\nhash = \"{}\"\nscopes = [{}]\n{expires}revoked = false\n",
        hash.to_hex(),
        scopes.join(", "),
    );
    parse(&changed)?;
    Ok(changed)
}

/// Returns the text with a token revoked.
pub(crate) fn with_revoked(text: &str, name: &str) -> Result<String, TokenTextError> {
    let entries = parse(text)?;
    let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
        let names: Vec<&str> = entries.iter().map(|entry| &*entry.name).collect();
        return Err(wrong(name, &format!("there is none of that name; there are: {}", names.join(", "))));
    };
    let mut changed = text.to_owned();
    match &entry.revoked_at {
        Some(at) => changed.replace_range(at.clone(), "true"),
        None => changed.insert_str(entry.hash_at.end, "\nrevoked = true"),
    }
    let is_revoked = |entry: &TokenEntry| entry.revoked == (entry.name == name || was_revoked(&entries, &entry.name));
    match parse(&changed) {
        Ok(after) if after.len() == entries.len() && after.iter().all(is_revoked) => Ok(changed),
        _ => Err(wrong(name, "cannot be revoked in a file that is written like this; set revoked = true by hand")),
    }
}

fn checked(entry: Entry) -> Result<TokenEntry, TokenTextError> {
    let name = entry.name;
    if !is_name(&name) {
        return Err(wrong(&name, "a name is of letters, digits, '-', '_' and '.', 64 at most"));
    }
    let hash_at = entry.hash.span();
    let hash = TokenHash::from_hex(entry.hash.get_ref())
        .ok_or_else(|| wrong(&name, "its hash is not 64 hexadecimal digits; let a token be made for you"))?;
    let expires = match entry.expires {
        None => None,
        Some(expires) => {
            let reason = "expires is a date and time with its offset, such as 2027-01-01T00:00:00Z";
            Some(expires.to_string().parse().map_err(|_| wrong(&name, reason))?)
        }
    };
    let (revoked, revoked_at) = entry.revoked.map(|revoked| (*revoked.get_ref(), revoked.span())).unzip();
    Ok(TokenEntry { name, hash, scopes: entry.scopes, expires, revoked: revoked.unwrap_or(false), hash_at, revoked_at })
}

fn was_revoked(entries: &[TokenEntry], name: &str) -> bool {
    entries.iter().any(|entry| entry.name == name && entry.revoked)
}

fn wrong(name: &str, reason: &str) -> TokenTextError {
    TokenTextError::Token { name: name.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn what_a_person_wrote_stays_when_tokens_are_added_and_revoked() {
        let text = format!("# mine\n[[token]]\nname = 'a' # Anna\nhash = '{HASH}'\nscopes = ['wall']");
        let text = with_token(&text, "b", TokenHash::of("b"), &[Scope::Post, Scope::AllFeeds], None).unwrap();
        let text = with_revoked(&with_revoked(&text, "b").unwrap(), "a").unwrap();
        assert!(text.starts_with("# mine\n[[token]]\nname = 'a' # Anna\n"), "{text}");
        let entries = parse(&text).unwrap();
        assert!(entries.iter().all(|entry| entry.revoked));
        assert_eq!(entries[1].scopes, [Scope::Post, Scope::AllFeeds]);
        assert!(entries[1].hash.matches(TokenHash::of("b")));
        assert!(with_revoked(&text, "c").unwrap_err().to_string().ends_with("there are: a, b"));
        assert!(with_token(&text, "a", TokenHash::of("a"), &[Scope::Wall], None).is_err());
    }

    #[test]
    fn expiry_is_an_instant() {
        let expires = "2027-01-01T00:00:00Z".parse().unwrap();
        let text = with_token("", "a", TokenHash::of("a"), &[Scope::Wall], Some(expires)).unwrap();
        assert_eq!(parse(&text).unwrap()[0].expires, Some(expires));
        let local = text.replace("00:00:00Z", "00:00:00");
        assert!(parse(&local).unwrap_err().to_string().contains("with its offset"));
    }

    #[test]
    fn a_token_that_makes_no_sense_is_named() {
        let token = |rest: &str| parse(&format!("[[token]]\nname = 'a'\n{rest}")).unwrap_err().to_string();
        assert!(token("hash = 'short'\nscopes = ['wall']").starts_with("token 'a': its hash is not 64"));
        assert!(token(&format!("hash = '{HASH}'\nscopes = ['root']")).contains("'root' is not a scope"));
        assert!(token(&format!("hash = '{HASH}'\nscopes = ['wall']\nrevokd = true")).contains("revokd"));
    }

    #[test]
    fn an_inline_table_is_left_to_its_author() {
        let text = format!("token = [{{ name = 'a', hash = '{HASH}', scopes = ['wall'] }}]");
        match with_revoked(&text, "a") {
            Ok(changed) => assert!(parse(&changed).unwrap()[0].revoked),
            Err(error) => assert!(error.to_string().contains("by hand")),
        }
    }
}
