//! Generated traces on several threads: the same trace for any number of them.

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use flowbench_events::{Event, Trace};
use flowbench_generators::{Amount, Generator, Profile, ProfileError, Wave};
use thiserror::Error;

use crate::experiment::settings::check_once;

/// Why a profile cannot be used.
#[derive(Debug, Error)]
pub enum UnusableProfile {
    /// Its file cannot be read.
    #[error("profile {path}: cannot be read: {error}")]
    Unreadable {
        /// Path of the file.
        path: String,
        /// The error of the system.
        error: std::io::Error,
    },
    /// Its file, or a setting, is wrong.
    #[error(transparent)]
    Wrong(#[from] ProfileError),
    /// A parameter is set twice.
    #[error("{0}")]
    SetTwice(String),
    /// A setting is not written as `KEY=VALUE`.
    #[error("'{0}' is not KEY=VALUE")]
    NotASetting(String),
}

/// Returns a shipped profile by its name, or the profile in a TOML file by its path, with `KEY=VALUE` settings applied.
///
/// # Errors
///
/// Fails if the profile does not exist or cannot be read, and if a parameter is unknown, set twice or out of range.
pub fn profile(name: &str, settings: &[String]) -> Result<Profile, UnusableProfile> {
    let is_path = name.contains('/') || Path::new(name).extension().is_some();
    let mut profile = if is_path {
        let unreadable = |error| UnusableProfile::Unreadable { path: name.to_owned(), error };
        Profile::from_toml(&std::fs::read_to_string(name).map_err(unreadable)?, name)?
    } else {
        Profile::named(name)?
    };
    check_once(settings).map_err(UnusableProfile::SetTwice)?;
    for setting in settings {
        let (key, value) = setting.split_once('=').ok_or_else(|| UnusableProfile::NotASetting(setting.clone()))?;
        profile.set(key, value)?;
    }
    profile.validate()?;
    Ok(profile)
}

/// The number of waves a thread may be ahead.
const WAVES_AHEAD: usize = 4;

/// Generates `amount` of a world on `threads` threads (at least 1) and passes it to `each` in arrival order, batch by
/// batch; returns the number of events. Memory does not grow with the amount. If the system gives fewer threads, the
/// trace is still the same.
///
/// # Errors
///
/// Stops at the first error of `each` and returns it.
pub fn generate<E>(
    generator: &Generator,
    amount: Amount,
    threads: usize,
    mut each: impl FnMut(&[Event]) -> Result<(), E>,
) -> Result<u64, E> {
    let mut threads = threads.max(1);
    while threads > 0 {
        let merged = thread::scope(|scope| {
            let waves = start(scope, generator, threads)?;
            let in_turn = waves.iter().cycle().map(|receive| receive.recv().ok());
            Ok(merge(generator, amount, in_turn, &mut each))
        });
        match merged {
            Ok(merged) => return merged,
            Err(Started(fewer)) => threads = fewer,
        }
    }
    merge(generator, amount, (0..).map(|number| generator.wave(number)), &mut each)
}

/// The number of threads that were started when the system gave no more.
struct Started(usize);

/// Starts threads that generate every n-th wave each, for n threads.
fn start<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    generator: &'scope Generator,
    threads: usize,
) -> Result<Vec<Receiver<Wave>>, Started> {
    let mut waves = Vec::with_capacity(threads);
    for thread in 0..threads {
        let (send, receive) = sync_channel(WAVES_AHEAD);
        let make = move || {
            let own = (thread as u64..).step_by(threads);
            // Sending fails when enough has been merged: then this thread is done, too.
            own.map_while(|number| generator.wave(number)).all(|wave| send.send(wave).is_ok())
        };
        thread::Builder::new().spawn_scoped(scope, make).map_err(|_| Started(thread))?;
        waves.push(receive);
    }
    Ok(waves)
}

/// Generates a trace into memory, like [`generate`].
pub fn trace(generator: &Generator, amount: Amount, threads: usize) -> Trace {
    let mut events = Vec::new();
    let Ok(_) = generate(generator, amount, threads, |batch| {
        events.extend_from_slice(batch);
        Ok::<(), std::convert::Infallible>(())
    });
    Trace { events, symbols: generator.symbols().clone(), ..Trace::default() }
}

/// Merges waves, which come in their order, with `None` after the last one.
fn merge<E>(
    generator: &Generator,
    amount: Amount,
    waves: impl Iterator<Item = Option<Wave>>,
    each: &mut impl FnMut(&[Event]) -> Result<(), E>,
) -> Result<u64, E> {
    let mut merger = generator.merger(amount);
    let mut batch = Vec::new();
    let mut events = 0;
    for wave in waves {
        while merger.append_batch(&mut batch) {
            events += batch.len() as u64;
            each(&batch)?;
            batch.clear();
        }
        if merger.is_finished() {
            break;
        }
        match wave {
            Some(wave) => merger.push(&wave),
            None => merger.end(),
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_threads_makes_the_same_trace() {
        for profile in ["tiny", "stormy"] {
            let generator = Generator::new(&Profile::named(profile).unwrap(), 7).unwrap();
            let alone = generator.trace(Amount::Events(30_000)).digest();
            let in_turn = (0..).map(|number| generator.wave(number));
            let mut events = Vec::new();
            let here = merge(&generator, Amount::Events(30_000), in_turn, &mut |batch: &[Event]| {
                events.extend_from_slice(batch);
                Ok::<(), ()>(())
            });
            assert_eq!(here, Ok(30_000));
            let symbols = generator.symbols().clone();
            assert_eq!(Trace { events, symbols, ..Trace::default() }.digest(), alone, "{profile} without threads");
            for threads in [1, 2, 4] {
                assert_eq!(
                    trace(&generator, Amount::Events(30_000), threads).digest(),
                    alone,
                    "{profile} on {threads}"
                );
            }
        }
    }

    #[test]
    fn nothing_and_one_event_are_traces() {
        let generator = Generator::new(&Profile::named("tiny").unwrap(), 7).unwrap();
        assert_eq!(trace(&generator, Amount::Events(0), 2).events.len(), 0);
        assert_eq!(trace(&generator, Amount::Events(1), 2).events.len(), 1);
    }

    #[test]
    fn an_error_of_the_receiver_stops_all_threads() {
        let generator = Generator::new(&Profile::named("retail").unwrap(), 7).unwrap();
        assert_eq!(generate(&generator, Amount::Events(u64::MAX), 3, |_| Err("full")), Err("full"));
    }
}
