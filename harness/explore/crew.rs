//! Work for many states, side by side.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use crate::fault::Trouble;

/// Work on a state: its number among all, and a number of its own.
pub type Work<'a, T> = dyn Fn(usize, usize) -> Pin<Box<dyn Future<Output = T> + 'a>> + Sync + 'a;

/// Does some work for states on as many threads as there are processors; what was not begun within the limit is left.
pub fn side_by_side<'a, T: Send>(
    chosen: &[usize],
    limit: Duration,
    work: &Work<'a, T>,
) -> Result<Vec<(usize, T)>, Trouble> {
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..workers() {
            let (tell, next) = (tell.clone(), &next);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = match runtime {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        let _ = tell.send(Err(Trouble::Lab(format!("failed to build a runtime: {error}"))));
                        return;
                    }
                };
                while began.elapsed() < limit {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&at) = chosen.get(number) else { break };
                    let done = LocalSet::new().block_on(&runtime, work(at, number));
                    if tell.send(Ok((at, done))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(tell);
    });
    let mut done = told.into_iter().collect::<Result<Vec<_>, _>>()?;
    done.sort_by_key(|(at, _)| *at);
    Ok(done)
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}
