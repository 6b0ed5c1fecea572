//! `oom`: the server ends for want of memory.
//!
//! In a container the kernel kills it when its memory is all touched. A process has a limit on what it may allocate:
//! there `malloc` fails, and the server says so and aborts.

use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncWriteExt;

use super::scene::Scene;
use super::{Step, Trouble, Verb, nothing};
use crate::contract::Death;
use crate::engine::{Address, Exit};
use crate::workload::connection;

/// Memory that no file ever sees: a script's own, so that recovery does not meet it again.
const GREED: &str = "local t = {} for i = 1, 1000000 do t[i] = string.rep(tostring(i), 200000) end return #t";
/// Bytes of a value that is announced and never sent (`proto-max-bulk-len`): the server allocates them at once.
const ANNOUNCED: u64 = 512 << 20;
/// Longest wait for the end: a kernel first writes back what is dirty, and other work on the device may go before.
const LIMIT: Duration = Duration::from_secs(80);
/// What servers log before they abort.
const LAST_WORDS: &str = "Out Of Memory";
/// The crash report that follows it is long.
const LOG_LINES: usize = 2_000;

pub(super) const VERB: Verb = Verb {
    word: "oom",
    usage: "oom",
    about: "Takes memory until the kernel kills the server, or its malloc fails; the fault needs a `memory` limit.",
    parse: |args| nothing(args).map(|()| Box::new(Oom) as Box<dyn Step>),
};

struct Oom;

#[async_trait(?Send)]
impl Step for Oom {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let Some(memory) = scene.plan.fault.memory else {
            return Err(Trouble::Unsupported {
                reason: "without a memory limit the whole machine would run out".into(),
                remedy: "give the fault `memory = \"64MB\"`".into(),
            });
        };
        let mut control = scene.control()?;
        let address = scene.instance.address();
        let by_kernel = scene.engine.name() != "process";
        scene.strike("oom", Death::Kill).await?;
        let greedy = tokio::task::spawn_local(async move {
            if by_kernel {
                let _: Result<redis::Value, _> = control.ask(&["EVAL", GREED, "0"]).await;
            } else {
                announce(&address, memory / ANNOUNCED + 1).await;
            }
        });
        let exit = scene.instance.exited(LIMIT).await?;
        greedy.abort();
        let Some(end) = exit else {
            return Err(Trouble::Lab(format!("the server was still alive after {LIMIT:?}: nobody ended it")));
        };
        if !by_kernels_hand(end) && (by_kernel || !said_so(scene).await) {
            return Err(Trouble::Lab(format!("the server ended ({end:?}), but not for want of memory")));
        }
        scene.died(exit).await
    }
}

/// Announces values that never come, one per connection, and waits for the end.
async fn announce(address: &Address, values: u64) {
    let head = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${ANNOUNCED}\r\n");
    let mut streams = Vec::new();
    for _ in 0..values {
        let Ok(mut stream) = connection::connect(address).await else { return };
        if stream.write_all(head.as_bytes()).await.is_err() {
            return;
        }
        streams.push(stream);
    }
    std::future::pending().await
}

fn by_kernels_hand(exit: Exit) -> bool {
    exit.oom || exit.signal == Some(9) || exit.code == Some(137)
}

async fn said_so(scene: &mut Scene) -> bool {
    scene.instance.log_tail(LOG_LINES).await.iter().any(|line| line.contains(LAST_WORDS))
}
