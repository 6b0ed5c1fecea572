//! Lives of servers side by side, on threads of their own.

use std::pin::Pin;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use crate::fault::Trouble;

/// Lives at a time for each processor: a server also waits, some of them 30 ms before they listen.
const PER_PROCESSOR: usize = 2;

/// What is done with one of the numbers that are handed out.
pub type Work<'a, N, T> = dyn Fn(N) -> Pin<Box<dyn Future<Output = T> + 'a>> + Sync + 'a;

/// Works on some threads at a time, until nothing more is handed out or the limit is over: what was not begun by then is
/// left. In no order.
pub fn side_by_side<'a, N, T: Send>(
    limit: Duration,
    hand_out: &(dyn Fn() -> Option<N> + Sync),
    work: &Work<'a, N, T>,
) -> Result<Vec<T>, Trouble> {
    let began = Instant::now();
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            let tell = tell.clone();
            scope.spawn(move || {
                let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        let _ = tell.send(Err(Trouble::Lab(format!("failed to build a runtime: {error}"))));
                        return;
                    }
                };
                while began.elapsed() < limit {
                    let Some(number) = hand_out() else { break };
                    let done = LocalSet::new().block_on(&runtime, work(number));
                    if tell.send(Ok(done)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(tell);
    });
    told.into_iter().collect()
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from) * PER_PROCESSOR
}
