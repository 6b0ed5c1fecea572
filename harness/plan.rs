//! A case with everything that it points at: what one trial needs to know.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::contract::TrialFacts;
use crate::matrix::{Directive, Fault, Matrix, Persistence, Server, Storage, Workload};
use crate::server::{Build, Unavailable};

/// Servers by their name in matrix.toml.
pub type Builds = BTreeMap<String, Result<Arc<Build>, Unavailable>>;

/// Everything one trial needs to know.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name of the trial.
    pub name: String,
    /// Name of the suite.
    pub suite: String,
    /// The server, as in matrix.toml.
    pub server: Server,
    /// The server, as found.
    pub build: Arc<Build>,
    /// Every server of the matrix, as found, for steps that switch.
    pub builds: Arc<Builds>,
    /// The policy.
    pub persistence: Persistence,
    /// What holds the data.
    pub storage: Storage,
    /// What is written.
    pub workload: Workload,
    /// What happens.
    pub fault: Fault,
    /// Seed, from 1.
    pub seed: u64,
    /// Whether the trial lives a second life after recovery.
    pub second_life: bool,
    /// 1, or more when an inconclusive trial is tried again with more pressure.
    pub attempt: u32,
    /// Limit of the whole trial.
    pub limit: Duration,
    /// Longest wait for a started server to answer.
    pub ready: Duration,
    /// Folder of this trial; short, because unix sockets live in it.
    pub folder: PathBuf,
    /// Folder for traces of disks; absent where none are kept.
    pub traces: Option<PathBuf>,
    /// Name of the trial for the engine: unique in the run, `[a-z0-9-]`.
    pub id: String,
    /// The whole matrix, for contracts, budgets and known findings.
    pub matrix: Arc<Matrix>,
    /// Lines of the server's and the policy's own config files, read once.
    pub base: Vec<Directive>,
}

impl Plan {
    /// The trial's coordinates, for the entries of matrix.toml that are about some trials only.
    pub fn facts<'a>(&'a self, engine: &'a str) -> TrialFacts<'a> {
        TrialFacts {
            suite: &self.suite,
            server: &self.server.name,
            persistence: &self.persistence.name,
            storage: &self.storage.name,
            workload: &self.workload.name,
            fault: &self.fault.name,
            engine,
        }
    }

    /// redis.conf lines in order: base files, server, policy, fault. A directive of a later layer
    /// replaces the earlier one with all its lines.
    pub fn directives(&self) -> Vec<Directive> {
        let mut lines = self.base.clone();
        for layer in [&self.server.directives, &self.persistence.directives, &self.fault.directives] {
            lines.retain(|line| layer.iter().all(|newer| newer.name != line.name));
            lines.extend(layer.iter().cloned());
        }
        lines
    }
}
