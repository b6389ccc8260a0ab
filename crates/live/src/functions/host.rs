//! The functions of a folder.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::folder::{FileContent, FunctionFile, FunctionFolder};
use super::function::Function;
use super::limits;
use super::state::FunctionStates;
use crate::cursors_by_name::{CursorFileError, CursorsByName};
use crate::emissions::EventSink;
use crate::queue::EventQueue;

/// Finds a queue by its name.
pub type QueueByName = dyn Fn(&str) -> Option<Arc<EventQueue>> + Send + Sync;

/// Cursors that are kept of functions whose files are gone.
const CURSORS_MAX: usize = 1_000;

/// Where functions are, and what they may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSettings {
    /// The folder with the functions.
    pub folder: PathBuf,
    /// The file that keeps their cursors. It is best kept elsewhere than in the folder.
    pub cursors: PathBuf,
    /// The fuel a function has for a batch: about one unit an instruction, 10,000,000 unless set otherwise.
    pub fuel_per_batch: u64,
}

/// Runs the functions of a folder over the events of queues.
pub struct FunctionHost {
    folder: FunctionFolder,
    cursors: CursorsByName,
    fuel_per_batch: u64,
    functions: BTreeMap<String, Function>,
    /// Where functions were when they were last asked, those included whose files are gone.
    noted: BTreeMap<String, u64>,
    sink: EventSink,
    states: FunctionStates,
}

impl FunctionSettings {
    /// Returns settings with the usual fuel.
    pub fn new(folder: impl Into<PathBuf>, cursors: impl Into<PathBuf>) -> FunctionSettings {
        FunctionSettings { folder: folder.into(), cursors: cursors.into(), fuel_per_batch: limits::FUEL_PER_BATCH }
    }
}

impl FunctionHost {
    /// Returns a host without functions, which [`refresh`](Self::refresh) finds. `sink` takes what they emit.
    ///
    /// # Errors
    ///
    /// Fails if there is a file of cursors that cannot be read.
    pub fn new(settings: FunctionSettings, sink: EventSink) -> Result<FunctionHost, CursorFileError> {
        let cursors = CursorsByName::open(settings.cursors, "functions")?;
        Ok(FunctionHost {
            folder: FunctionFolder::new(settings.folder),
            noted: cursors.cursors().clone(),
            cursors,
            fuel_per_batch: settings.fuel_per_batch,
            functions: BTreeMap::new(),
            sink,
            states: FunctionStates::default(),
        })
    }

    /// Returns what shows the functions.
    pub fn states(&self) -> FunctionStates {
        self.states.clone()
    }

    /// Looks at the folder: takes up functions that are new or changed, and drops those whose files are gone.
    ///
    /// A file that is no function is shown with the reason; the error is of the folder, and lets everything be as it is.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be read.
    pub fn refresh(&mut self) -> io::Result<()> {
        let files = self.folder.scan().map_err(|error| {
            io::Error::new(error.kind(), format!("the folder of functions {}: {error}", self.folder.path().display()))
        })?;
        self.note_cursors();
        self.functions.retain(|name, _| files.iter().any(|file| file.name == *name));
        for FunctionFile { name, feed, content } in files {
            let fuel = self.fuel_per_batch;
            let function = self
                .functions
                .entry(name)
                .or_insert_with_key(|name| Function::new(name, &feed, self.noted.get(name).copied(), fuel));
            match content {
                FileContent::Unchanged => {}
                FileContent::Module { bytes, form, digest } => function.load(&bytes, form, digest),
                FileContent::Refused(reason) => function.refuse(reason),
            }
        }
        self.publish();
        Ok(())
    }

    /// Gives each function its next batch, if there is one. Returns the number of events they are done with.
    pub fn run_once(&mut self, queues: &QueueByName) -> u64 {
        let mut events = 0;
        for function in self.functions.values_mut() {
            let queue = queues(&function.state().feed);
            events += function.run(queue.as_deref(), &self.sink);
        }
        self.publish();
        events
    }

    /// Returns true if it is still to be said of what functions emitted that it is recorded.
    pub fn is_waiting(&mut self) -> bool {
        self.functions.values_mut().any(Function::is_waiting)
    }

    /// Keeps the cursors over a restart. What functions read after it, or emitted and is not recorded, they read again if
    /// the process does not end well.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written; it is what it was, then.
    pub fn save_cursors(&mut self) -> Result<(), CursorFileError> {
        self.note_cursors();
        self.cursors.write(&self.noted)
    }

    /// Notes where functions are. Those whose files are gone may come back, unless there are too many of them.
    fn note_cursors(&mut self) {
        for (name, function) in &mut self.functions {
            self.noted.extend(function.kept_cursor().map(|cursor| (name.clone(), cursor)));
        }
        if self.noted.len() > CURSORS_MAX {
            self.noted.retain(|name, _| self.functions.contains_key(name));
        }
    }

    fn publish(&self) {
        self.states.set(self.functions.values().map(|function| function.state().clone()).collect());
    }
}
