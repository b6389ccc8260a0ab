//! Where the workers of a run live: threads of this process, or of several.

use std::any::Any;
use std::sync::Arc;

use timely::communication::allocator::ProcessBuilder;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::zero_copy::stream::Stream;
use timely::communication::{AllocatorBuilder, Hooks};

/// Where the workers of a run live.
#[derive(Clone)]
pub enum Deployment {
    /// All workers are threads of this process.
    Threads,
    /// The workers are spread over several processes, of which this is one.
    Processes(Arc<dyn Cluster>),
}

/// Connections to the other processes of a run. Whoever starts the processes makes them; this crate only uses them.
pub trait Cluster: Send + Sync {
    /// Returns the number of processes.
    fn processes(&self) -> usize;
    /// Returns the index of this process, from 0. The answers of all are gathered in process 0.
    fn process(&self) -> usize;
    /// Connects the workers of this process, once; returns their allocators and a guard that must outlive them.
    ///
    /// # Errors
    ///
    /// Fails, in words, if another process cannot be reached.
    fn connect(&self, workers: usize) -> Result<Connected, String>;
}

/// One allocator builder per worker of the process, and what must outlive them.
pub type Connected = (Vec<AllocatorBuilder>, Box<dyn Any + Send>);

/// Connects the `workers` of `process` over sockets that are already connected: one per process, in order, `None` for
/// this one. `hooks` observes what is sent and received.
///
/// # Errors
///
/// Fails, in words, if the sockets cannot be used.
pub fn over<S: Stream + 'static>(
    sockets: Vec<Option<S>>,
    process: usize,
    workers: usize,
    hooks: Hooks,
) -> Result<Connected, String> {
    let within = ProcessBuilder::new_typed_vector(workers, hooks.refill.clone(), hooks.spill.clone());
    let (builders, guard) = initialize_networking_from_sockets(within, sockets, process, workers, hooks)
        .map_err(|error| format!("the connections between the processes cannot be used: {error}"))?;
    Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(guard)))
}

impl Deployment {
    /// Returns the number of processes.
    pub fn processes(&self) -> usize {
        match self {
            Deployment::Threads => 1,
            Deployment::Processes(cluster) => cluster.processes(),
        }
    }

    /// Returns the index of this process, from 0.
    pub fn process(&self) -> usize {
        match self {
            Deployment::Threads => 0,
            Deployment::Processes(cluster) => cluster.process(),
        }
    }
}
