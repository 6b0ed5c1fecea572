//! Names of trials, there and back: a name finds its case without the matrix being expanded.

use super::{Case, Matrix, StorageKind};

impl Matrix {
    /// The storage that suites take and names leave out: the first plain folder.
    pub(super) fn plain_storage(&self) -> Option<usize> {
        self.storages.iter().position(|storage| storage.kind == StorageKind::Bind)
    }

    /// `suite::server::persistence[@storage]::workload::fault::s<seed>`; a plain folder is not named.
    pub fn name(&self, case: Case) -> String {
        let plain = self.plain_storage() == Some(usize::from(case.storage));
        let at = if plain { [""; 2] } else { ["@", &self.storages[usize::from(case.storage)].name] };
        format!(
            "{}::{}::{}{}{}::{}::{}::s{}",
            self.suites[usize::from(case.suite)].name,
            self.servers[usize::from(case.server)].name,
            self.persistences[usize::from(case.persistence)].name,
            at[0],
            at[1],
            self.workloads[usize::from(case.workload)].name,
            self.faults[usize::from(case.fault)].name,
            case.seed,
        )
    }

    /// The case of a name, where the matrix holds it.
    pub fn find(&self, name: &str) -> Option<Case> {
        let parts: Vec<_> = name.split("::").collect();
        let [suite, server, policy, workload, fault, seed] = parts[..] else { return None };
        let (policy, storage) =
            policy.split_once('@').map_or((policy, None), |(policy, at)| (policy, Some(at)));
        let suite = self.suites.iter().position(|value| value.name == suite)?;
        let picks = &self.suites[suite];
        let server = among(&picks.servers, |at| self.servers[at].name == server)?;
        let persistence = among(&picks.persistences, |at| self.persistences[at].name == policy)?;
        let plain = self.plain_storage();
        let storage = among(&picks.storages, |at| match storage {
            Some(name) => self.storages[at].name == name && plain != Some(at),
            None => plain == Some(at),
        })?;
        let workload = among(&picks.workloads, |at| self.workloads[at].name == workload)?;
        let fault = among(&picks.faults, |at| self.faults[at].name == fault)?;
        let digits = seed.strip_prefix('s')?;
        let seed = digits.parse().ok().filter(|seed: &u32| seed.to_string() == digits)?;
        let case = Case { suite: suite as u16, server, persistence, storage, workload, fault, seed };
        // A hunt goes beyond the seeds of the suite, and what it finds must have a name.
        (seed >= 1 && self.allows(case, None)).then_some(case)
    }

    /// The name nearest to one that does not exist.
    pub fn nearest(&self, name: &str) -> Option<String> {
        self.cases(None)
            .filter(|case| case.seed == 1)
            .map(|case| self.name(case))
            .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)))
    }
}

fn among(picks: &[u16], wanted: impl Fn(usize) -> bool) -> Option<u16> {
    picks.iter().copied().find(|at| wanted(usize::from(*at)))
}
