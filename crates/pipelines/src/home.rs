//! Where the workers of a run live: threads of this process, or of several.

use std::any::Any;
use std::sync::Arc;

use timely::communication::allocator::ProcessBuilder;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::zero_copy::stream::Stream;
use timely::communication::{AllocatorBuilder, Hooks};

/// Where the workers live.
pub enum Home {
    /// All in this process.
    Threads,
    /// In several processes of which this is one.
    Processes(Arc<dyn Cluster>),
}

/// Connections to the other processes of a run. Whoever runs processes makes them; this package only uses them.
pub trait Cluster: Send + Sync {
    /// How many processes there are.
    fn processes(&self) -> usize;
    /// Which of them this is, from 0. The answers of all are gathered in process 0.
    fn process(&self) -> usize;
    /// What the workers of this process communicate through, and what keeps that going until they are done. Asked for
    /// once.
    fn connect(&self, workers: usize) -> Result<Connected, String>;
}

/// One builder for each worker of the process, and what must outlive them.
pub type Connected = (Vec<AllocatorBuilder>, Box<dyn Any + Send>);

/// What `workers` of `process` communicate through, over sockets that are connected: one for each process in their order, none
/// for this one. `hooks` sees what is sent and received.
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

impl Home {
    /// How many processes there are.
    pub fn processes(&self) -> usize {
        match self {
            Home::Threads => 1,
            Home::Processes(cluster) => cluster.processes(),
        }
    }

    /// Which of them this is, from 0.
    pub fn process(&self) -> usize {
        match self {
            Home::Threads => 0,
            Home::Processes(cluster) => cluster.process(),
        }
    }
}
