//! Records what a command shows in a terminal, as a picture that plays: SVG, animated by CSS, without scripts or fonts.
//!
//! ```text
//! cargo run --example terminal_recording -- results/quickstart/recording.svg target/release/flowbench run
//! ```
//!
//! The text is what the command has written. Only time is changed: what took longer is played within [`PLAYED`].

mod film;
mod picture;
mod session;

use std::error::Error;
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use film::Film;

/// Size of the terminal, in characters.
const COLUMNS: NonZero<u16> = NonZero::new(80).unwrap();
const ROWS: NonZero<u16> = NonZero::new(50).unwrap();

/// How long a recording plays until its last picture, at the most.
const PLAYED: Duration = Duration::from_secs(16);

fn main() -> ExitCode {
    match record() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn record() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, program, rest @ ..] = arguments.as_slice() else {
        return Err("usage: terminal_recording FILE.svg PROGRAM [ARGUMENT]...".into());
    };
    let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let prompt = [std::slice::from_ref(&name), rest].concat().join(" ");
    let chunks = session::record(program, rest, COLUMNS.get(), ROWS.get())?;
    let film = Film::of(&prompt, &chunks, (COLUMNS, ROWS), PLAYED);
    std::fs::write(file, picture::svg(&film, &prompt))?;
    Ok(())
}
