//! What a function may call: `flowbench.emit` and `flowbench.log`.

use std::fmt;

use wasmi::errors::HostError;
use wasmi::{Caller, Engine, Error, Linker, Memory, StoreLimits, StoreLimitsBuilder, TrapCode};

use super::limits;
use super::module::IMPORTS_FROM;

/// What a function has said since it was last asked, and what bounds it.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) memory: Option<Memory>,
    pub(super) emitted: Vec<Vec<u8>>,
    pub(super) logged: Vec<String>,
    /// Lines of the log that were not kept.
    pub(super) unlogged: u64,
    pub(super) limits: StoreLimits,
    emitted_bytes: usize,
}

/// Why a call of the host was refused.
#[derive(Debug)]
pub(super) struct RefusedCall(String);

impl fmt::Display for RefusedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HostError for RefusedCall {}

impl Said {
    pub(super) fn new() -> Said {
        let limits = StoreLimitsBuilder::new()
            .memory_size(limits::MEMORY_BYTES_MAX)
            .memories(1)
            .table_elements(limits::TABLE_ELEMENTS_MAX)
            .tables(limits::TABLES_MAX)
            .instances(1)
            .build();
        let (emitted, logged) = (Vec::new(), Vec::new());
        Said { memory: None, emitted, logged, unlogged: 0, limits, emitted_bytes: 0 }
    }

    /// Forgets what was emitted and logged.
    pub(super) fn clear(&mut self) {
        self.emitted.clear();
        self.emitted_bytes = 0;
        self.logged.clear();
        self.unlogged = 0;
    }

    fn make_room(&mut self, bytes: usize) -> Result<(), RefusedCall> {
        if self.emitted.len() == limits::EMITS_MAX {
            return Err(RefusedCall(format!("emit: more than {} events for one batch", limits::EMITS_MAX)));
        }
        self.emitted_bytes = self.emitted_bytes.saturating_add(bytes);
        if self.emitted_bytes > limits::EMITTED_BYTES_MAX {
            return Err(RefusedCall(format!("emit: more than {} bytes for one batch", limits::EMITTED_BYTES_MAX)));
        }
        Ok(())
    }
}

/// Returns the imports of a function.
pub(super) fn linker(engine: &Engine) -> Result<Linker<Said>, Error> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(IMPORTS_FROM, "emit", emit)?;
    linker.func_wrap(IMPORTS_FROM, "log", log)?;
    Ok(linker)
}

fn emit(mut caller: Caller<'_, Said>, address: i32, length: i32) -> Result<(), Error> {
    charge(&mut caller, length)?;
    caller.data_mut().make_room(length as u32 as usize).map_err(Error::host)?;
    let bytes = read(&caller, "emit", address, length)?.to_vec();
    caller.data_mut().emitted.push(bytes);
    Ok(())
}

fn log(mut caller: Caller<'_, Said>, address: i32, length: i32) -> Result<(), Error> {
    charge(&mut caller, length)?;
    let bytes = read(&caller, "log", address, length)?;
    if caller.data().logged.len() == limits::LOG_LINES_MAX {
        caller.data_mut().unlogged += 1;
        return Ok(());
    }
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(limits::LOG_LINE_BYTES_MAX)]);
    // A line stays one line, and does not command the terminal it is printed on.
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    caller.data_mut().logged.push(line);
    Ok(())
}

/// Takes the fuel of a call, so that calls of the host are bounded like instructions.
fn charge(caller: &mut Caller<'_, Said>, length: i32) -> Result<(), Error> {
    let price = limits::FUEL_PER_HOST_CALL + u64::from(length as u32);
    let left = caller.get_fuel()?.checked_sub(price);
    caller.set_fuel(left.unwrap_or(0))?;
    left.map(|_| ()).ok_or_else(|| TrapCode::OutOfFuel.into())
}

/// Returns bytes of the function's memory. Addresses and lengths are unsigned, as in all of WebAssembly.
fn read<'a>(caller: &'a Caller<'_, Said>, import: &str, address: i32, length: i32) -> Result<&'a [u8], Error> {
    let (address, length) = (address as u32 as usize, length as u32 as usize);
    let memory = caller.data().memory.map_or(&[][..], |memory| memory.data(caller));
    memory.get(address..address.saturating_add(length)).ok_or_else(|| {
        let size = memory.len();
        Error::host(RefusedCall(format!("{import}: {length} bytes at {address} are not in the memory of {size} bytes")))
    })
}
