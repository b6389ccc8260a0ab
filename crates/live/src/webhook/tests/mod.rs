//! Sinks against a server that behaves in all the ways servers do, and signatures against another implementation.

mod delivery;
mod hostile;
mod interoperation;
mod server;
mod session;
mod tls;
