//! How lives end: by a kill, by a kill after the server would not end, and under a supervisor that starts it again.

use super::{EXIT_LIMIT, Scene};
use crate::contract::Death;
use crate::engine::{Address, Exit, Restart, Signal};
use crate::fault::Trouble;
use crate::workload::Safe;

impl Scene {
    /// SIGKILL, and everything that comes after it.
    pub async fn kill(&mut self) -> Result<(), Trouble> {
        self.instance.signal(Signal::Kill).await?;
        self.let_go();
        let exit = self.instance.exited(EXIT_LIMIT).await?;
        self.died(exit).await
    }

    /// Kills a server that was told to end and did not: what it did with its data until then is still to be judged,
    /// as after a grace that has run out.
    pub(super) async fn put_down(&mut self) -> Result<Exit, Trouble> {
        let fact = self.draft.deaths.last_mut().filter(|fact| was_told(fact.death));
        let Some(fact) = fact else {
            return Err(Trouble::Lab(format!("the server was still alive after {EXIT_LIMIT:?}")));
        };
        fact.death = Death::Stop;
        self.draft.outlived = true;
        self.note("exit", "would not end, and is killed");
        self.instance.signal(Signal::Kill).await?;
        self.let_go();
        match self.instance.exited(EXIT_LIMIT).await? {
            Some(exit) => Ok(Exit { forced: true, ..exit }),
            None => Err(Trouble::Lab("the server outlives SIGKILL".into())),
        }
    }

    /// The attached server takes the place of the dead one, which is removed; where the new one is reached.
    pub async fn take_replicas_place(&mut self) -> Result<Address, Trouble> {
        let Some(mut other) = self.attached.pop() else {
            return Err(Trouble::Lab("there is no replica to promote; use `replica following` first".into()));
        };
        if self.is_up() {
            return Err(Trouble::Lab("`promote` needs a dead server; use `kill` first".into()));
        }
        // One that was frozen reads what had reached it, and then the end of the connection.
        other.signal(Signal::Resume).await?;
        std::mem::swap(&mut self.instance, &mut other);
        other.remove().await?;
        self.draft.promoted = true;
        self.ledger.put_to_test = Safe::OnReplica;
        Ok(self.instance.address())
    }

    /// From now on a supervisor starts the server again.
    pub async fn supervise(&mut self, restart: Restart) -> Result<(), Trouble> {
        self.instance.supervise(restart).await?;
        self.supervisor = Some(restart);
        Ok(())
    }

    /// What the supervisor does after a death: nothing after a stop that went through it.
    pub(super) async fn revive(&mut self, told: Option<Death>, exit: Exit) -> Result<(), Trouble> {
        let wanted = self.supervisor.is_some_and(|restart| restart.wants(exit)) && told != Some(Death::Stop);
        if !wanted {
            return Ok(());
        }
        self.before_start().await?;
        self.instance.revived().await?;
        self.recover().await
    }

    /// Whether a supervisor has started the server already.
    pub fn was_restarted(&self) -> bool {
        self.supervisor.is_some() && self.is_up()
    }
}

/// Whether it is a way to tell a server to end, not to end it.
fn was_told(death: Death) -> bool {
    match death {
        Death::Term | Death::Shutdown | Death::ShutdownSave | Death::ShutdownNosave => true,
        Death::Stop | Death::Kill | Death::PowerCut | Death::DiskError => false,
    }
}
