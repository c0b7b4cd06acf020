//! Runs tasks on the thread pool and hands their results over in the tasks' order.

use std::collections::BTreeMap;
use std::sync::mpsc;

/// Applies `work` to every item in parallel and `sink` to every result in the items' order, holding few results at a time.
///
/// Items are drawn, and results sunk, on the calling thread, which is none of the pool's; `work` runs on `pool`. At most twice as many
/// items as the pool has threads are under way, so memory does not grow with their number. The result does not
/// depend on the number of threads. After the first error (in item order, of items under way) nothing more is drawn or sunk.
///
/// # Errors
/// The first error of drawing, working or sinking.
pub fn ordered<I, T, E>(
    pool: &rayon::ThreadPool,
    items: impl IntoIterator<Item = Result<I, E>>,
    work: impl Fn(I) -> Result<T, E> + Sync,
    mut sink: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E>
where
    I: Send,
    T: Send,
    E: Send,
{
    let limit = 2 * pool.current_num_threads();
    let mut items = items.into_iter();
    let (work, (sender, receiver)) = (&work, mpsc::channel::<(usize, std::thread::Result<Result<T, E>>)>());
    pool.in_place_scope_fifo(|scope| {
        let mut waiting = BTreeMap::new();
        let (mut drawn, mut sunk, mut exhausted) = (0, 0, false);
        loop {
            while !exhausted && drawn - sunk < limit {
                match items.next() {
                    None => exhausted = true,
                    Some(item) => {
                        let (item, sender, index) = (item?, sender.clone(), drawn);
                        scope.spawn_fifo(move |_| {
                            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(item)));
                            // The receiver is gone only after an error has ended the run.
                            let _ = sender.send((index, result));
                        });
                        drawn += 1;
                    }
                }
            }
            if sunk == drawn {
                return Ok(());
            }
            while !waiting.contains_key(&sunk) {
                let Ok((index, result)) = receiver.recv() else { return Ok(()) };
                waiting.insert(index, result);
            }
            while let Some(result) = waiting.remove(&sunk) {
                match result {
                    Ok(result) => sink(result?)?,
                    Err(panic) => std::panic::resume_unwind(panic),
                }
                sunk += 1;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squares(threads: usize, count: u64) -> Result<Vec<u64>, String> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|e| e.to_string())?;
        let mut seen = Vec::new();
        let work = |i: u64| {
            std::thread::sleep(std::time::Duration::from_micros((i * 7919) % 300));
            if i == 777 { Err(format!("item {i}")) } else { Ok(i * i) }
        };
        ordered(&pool, (0..count).map(Ok), work, |square| {
            seen.push(square);
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn results_come_in_order_at_any_number_of_threads() {
        let expected: Vec<u64> = (0..500).map(|i| i * i).collect();
        for threads in [1, 2, 5] {
            assert_eq!(squares(threads, 500).as_ref(), Ok(&expected));
        }
    }

    #[test]
    fn the_first_error_ends_the_run() {
        assert_eq!(squares(3, 2_000), Err("item 777".to_string()));
    }
}
