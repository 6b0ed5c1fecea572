//! Outlast: when this Redis dies in this way, which acknowledged writes does it keep?
//!
//! Data flows one way, and so does this tour:
//!
//! 1. [`matrix`] turns `matrix.toml` into cases; pure.
//! 2. [`server`] finds the binaries and images under test.
//! 3. [`engine`] runs one server, as a process or in a container.
//! 4. [`workload`] writes to it and keeps the ledger of every acknowledgement.
//! 5. [`fault`] makes it die in a chosen way and starts it again.
//! 6. [`oracle`] compares the ledger with what survived; pure.
//! 7. [`contract`] says whether that was allowed; pure.
//! 8. [`record`] is the data model, `journal` makes it durable, [`report`] renders it.

pub mod contract;
pub mod engine;
pub mod matrix;
pub mod oracle;
pub mod record;
pub mod server;
pub mod workload;
