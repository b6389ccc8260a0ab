//! `token`: who may post, read and watch.

use std::time::{Duration, SystemTime};

use flowbench_events::rfc3339;
use flowbench_live::{Scope, ScopeError, TokenFile};

use crate::args::{Token, TokenAdd};
use crate::failure::{Failure, OK, eprint};

pub(crate) fn token(command: &Token, quiet: bool) -> Result<i32, Failure> {
    match command {
        Token::Add(args) => add(args, quiet)?,
        Token::List(args) => list(&TokenFile::new(&args.tokens))?,
        Token::Revoke(args) => {
            TokenFile::new(&args.tokens).revoke(&args.name).map_err(Failure::failed)?;
            if !quiet {
                eprint(format!("token '{}' is revoked", args.name));
            }
        }
    }
    Ok(OK)
}

fn add(args: &TokenAdd, quiet: bool) -> Result<(), Failure> {
    let scopes: Result<Vec<Scope>, ScopeError> = args.scopes.iter().map(|scope| scope.parse()).collect();
    let scopes = scopes.map_err(Failure::usage_error)?;
    let valid = args.valid_ms.map(|valid_ms| Duration::from_millis(valid_ms.max(0) as u64));
    let expires = valid.and_then(|valid| SystemTime::now().checked_add(valid));
    let secret = TokenFile::new(&args.tokens).create(&args.name, &scopes, expires).map_err(Failure::failed)?;
    println!("{}", secret.as_str());
    if !quiet {
        eprint(format!("this is the token of '{}': keep it, it cannot be shown again", args.name));
    }
    Ok(())
}

fn list(file: &TokenFile) -> Result<(), Failure> {
    for token in file.list().map_err(Failure::failed)? {
        let scopes: Vec<String> = token.scopes.iter().map(Scope::to_string).collect();
        let state = match (token.revoked, token.expires) {
            (true, _) => "revoked".to_owned(),
            (false, None) => "valid until it is revoked".to_owned(),
            (false, Some(at)) => {
                let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let ended = if at <= SystemTime::now() { "ended" } else { "valid until" };
                format!("{ended} {}", rfc3339(since.as_millis() as i64))
            }
        };
        println!("{}\t{}\t{state}", token.name, scopes.join(" "));
    }
    Ok(())
}
