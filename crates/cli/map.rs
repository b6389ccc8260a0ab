//! `map`: drafts a mapping for a log.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use flowbench_events::{Input, Mapping, draft_mapping};

use crate::args::Map;
use crate::failure::{Failure, OK, eprint, print};

pub(crate) fn map(args: &Map, quiet: bool) -> Result<i32, Failure> {
    let draft = draft_mapping(&Input::new(&args.input), args.format.map(Into::into)).map_err(Failure::failed)?;
    if args.output == Path::new("-") {
        print(&draft)?;
    } else {
        write(&args.output, &draft)?;
        if !quiet {
            eprint(remark(&draft, &args.output.display().to_string()));
        }
    }
    Ok(OK)
}

/// Returns what is left to do for a draft that was written to the file `name`.
fn remark(draft: &str, name: &str) -> String {
    match Mapping::parse(draft, name) {
        Ok(_) => format!("{name} is a first mapping; review it, above all the lines marked as a guess"),
        Err(unfinished) => format!("{name} is a first mapping that cannot be used until it is completed: {unfinished}"),
    }
}

/// Writes the draft to a new file: neither an edited mapping nor the log itself is replaced.
fn write(path: &Path, draft: &str) -> Result<(), Failure> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(draft.as_bytes()));
    written.map_err(|error| {
        let problem = match error.kind() {
            io::ErrorKind::AlreadyExists => "exists already; choose another name".to_owned(),
            _ => format!("cannot be written: {error}"),
        };
        Failure::failed(format!("{}: {problem}", path.display()))
    })
}
