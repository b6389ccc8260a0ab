//! `completions` and `man`: the command line as shells and readers of man pages know it, from the tree of commands.

use std::fs;

use crate::args::{Completions, Man, command};
use crate::failure::{Failure, OK, print};
use crate::terminal::eprint;

pub(crate) fn completions(args: &Completions) -> Result<i32, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "flowbench", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(OK)
}

pub(crate) fn man(args: &Man, quiet: bool) -> Result<i32, Failure> {
    let failed = |error| Failure::failed(format!("{}: cannot be written: {error}", args.dir.display()));
    fs::create_dir_all(&args.dir).map_err(failed)?;
    clap_mangen::generate_to(command(), &args.dir).map_err(failed)?;
    if !quiet {
        eprint(format!(
            "man pages in {}; man -l {} shows one",
            args.dir.display(),
            args.dir.join("flowbench.1").display()
        ));
    }
    Ok(OK)
}
