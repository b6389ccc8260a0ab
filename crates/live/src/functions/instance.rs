//! A module that runs: its memory, and the calls of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use thiserror::Error;
use wasmi::{Error, Memory, Store, TrapCode, TypedFunc};

use super::imports::{Said, linker};
use super::module::{ABI, FunctionModule};

/// A module with memory of its own, which lasts from batch to batch.
#[derive(Debug)]
pub(super) struct FunctionInstance {
    store: Store<Said>,
    memory: Memory,
    alloc: TypedFunc<i32, i32>,
    on_batch: TypedFunc<(i32, i32), i32>,
}

/// What calls came to.
#[derive(Debug)]
pub(super) struct CallOutcome {
    /// What was emitted, in order, or why all of it is discarded.
    pub(super) emitted: Result<Vec<Vec<u8>>, BatchFailure>,
    pub(super) fuel: u64,
    pub(super) logged: Vec<String>,
}

/// Why a batch came to nothing.
#[derive(Debug, Error)]
pub(super) enum BatchFailure {
    #[error("it used up its fuel, {0} units; let it do less for an event, or raise the fuel per batch")]
    OutOfFuel(u64),
    #[error("it trapped: {0}")]
    Trap(String),
    #[error("on_batch returned {0}; 0 is success")]
    Code(i32),
    #[error("abi returned {0}, and {ABI} is the interface there is")]
    WrongAbi(i32),
    #[error("alloc({length}) returned {address}, and the memory of {size} bytes has no room for {length} bytes there")]
    NoRoom { address: u32, length: usize, size: usize },
    #[error("it emitted before it was given a batch")]
    EmittedTooEarly,
    #[error("event {index} that it emitted is no CloudEvent: {reason}")]
    BadEmit { index: usize, reason: String },
    #[error("the interpreter failed; this is a bug, please report it with the file")]
    Interpreter,
}

impl FunctionInstance {
    /// Returns an instance of a module, initialised, which may use as much fuel for that as for a batch.
    ///
    /// # Errors
    ///
    /// Returns what kept the module from being instantiated or initialised.
    pub(super) fn new(module: &FunctionModule, fuel: u64) -> Result<FunctionInstance, BatchFailure> {
        caught(|| FunctionInstance::start(module, fuel))
    }

    fn start(module: &FunctionModule, fuel: u64) -> Result<FunctionInstance, BatchFailure> {
        let failed = |error| failure(&error, fuel);
        let mut store = Store::new(&module.engine, Said::new());
        store.limiter(|said| &mut said.limits);
        store.set_fuel(fuel).map_err(failed)?;
        let linker = linker(&module.engine).map_err(failed)?;
        let instance = linker.instantiate_and_start(&mut store, &module.module).map_err(failed)?;
        let memory =
            instance.get_memory(&store, "memory").ok_or_else(|| BatchFailure::Trap("it has no memory".to_owned()))?;
        store.data_mut().memory = Some(memory);
        if module.has_initialize {
            let initialize = instance.get_typed_func::<(), ()>(&store, "_initialize").map_err(failed)?;
            initialize.call(&mut store, ()).map_err(failed)?;
        }
        let abi = instance.get_typed_func::<(), i32>(&store, "abi").map_err(failed)?;
        let version = abi.call(&mut store, ()).map_err(failed)?;
        if version != ABI {
            return Err(BatchFailure::WrongAbi(version));
        }
        if !store.data().emitted.is_empty() {
            return Err(BatchFailure::EmittedTooEarly);
        }
        let alloc = instance.get_typed_func(&store, "alloc").map_err(failed)?;
        let on_batch = instance.get_typed_func(&store, "on_batch").map_err(failed)?;
        Ok(FunctionInstance { store, memory, alloc, on_batch })
    }

    /// Gives the function a batch. After a failure its memory may hold anything, and the instance must not be used again.
    pub(super) fn on_batch(&mut self, batch: &[u8], fuel: u64) -> CallOutcome {
        self.store.data_mut().clear();
        let done = caught(|| self.call(batch, fuel));
        let left = self.store.get_fuel().unwrap_or(0);
        let said = self.store.data_mut();
        let mut logged = std::mem::take(&mut said.logged);
        if said.unlogged > 0 {
            logged.push(format!("({} more lines were not kept)", said.unlogged));
        }
        let emitted = done.map(|()| std::mem::take(&mut said.emitted));
        CallOutcome { emitted, fuel: fuel.saturating_sub(left), logged }
    }

    /// Returns how much memory the module has.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    fn call(&mut self, batch: &[u8], fuel: u64) -> Result<(), BatchFailure> {
        let failed = |error| failure(&error, fuel);
        self.store.set_fuel(fuel).map_err(failed)?;
        let length = i32::try_from(batch.len()).unwrap_or(i32::MAX);
        let address = self.alloc.call(&mut self.store, length).map_err(failed)?;
        let size = self.memory.data_size(&self.store);
        self.memory.write(&mut self.store, address as u32 as usize, batch).map_err(|_| BatchFailure::NoRoom {
            address: address as u32,
            length: batch.len(),
            size,
        })?;
        match self.on_batch.call(&mut self.store, (address, length)).map_err(failed)? {
            0 => Ok(()),
            code => Err(BatchFailure::Code(code)),
        }
    }
}

/// Turns a panic of the interpreter into a failure: a bug of it costs one function, not the service.
fn caught<T>(run: impl FnOnce() -> Result<T, BatchFailure>) -> Result<T, BatchFailure> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(BatchFailure::Interpreter))
}

fn failure(error: &Error, fuel: u64) -> BatchFailure {
    match error.as_trap_code() {
        Some(TrapCode::OutOfFuel) => BatchFailure::OutOfFuel(fuel),
        _ => BatchFailure::Trap(error.to_string()),
    }
}
