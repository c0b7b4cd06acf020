//! Runs tasks on many threads and hands their results over in the tasks' order.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// An item with its number.
struct Task<I> {
    number: usize,
    item: I,
    /// Whether the pool's threads share it, for so few are left that some would have nothing to do.
    shared: bool,
}

/// What became of an item.
type Done<T, E> = (usize, thread::Result<Result<T, E>>);

/// Applies `work` to every item in parallel and `sink` to every result in the items' order, holding few results at a time.
///
/// Items are drawn, and results sunk, on the calling thread, which is none of the pool's. As many threads as the pool has take an item after
/// the other. What `work` does in parallel stays on its thread: were the parts of an item shared, a thread that waits for a part would begin
/// the next item meanwhile, and results would come late. The last items, and a few alone, are worked on by all of the pool's threads. At most
/// three times as many items as the pool has threads are under way, so memory does not grow with their number. The result does not depend on
/// the number of threads. After the first error (in item order, of items under way) nothing more is drawn or sunk.
///
/// # Errors
/// The first error of drawing, working or sinking.
pub fn ordered<I, T, E>(
    pool: &ThreadPool,
    items: impl IntoIterator<Item = Result<I, E>>,
    work: impl Fn(I) -> Result<T, E> + Sync,
    mut sink: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E>
where
    I: Send,
    T: Send,
    E: Send,
{
    let threads = pool.current_num_threads();
    let limit = 3 * threads;
    let mut items = items.into_iter();
    let (feed, tasks) = mpsc::channel();
    let (tasks, work) = (&Mutex::new(tasks), &work);
    thread::scope(|scope| {
        // Both ends are gone when this returns: threads get no further task then, and none waits for a result that nobody takes.
        let (feed, (sender, receiver)) = (feed, mpsc::channel());
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(move || run(pool, tasks, &sender, work));
        }
        drop(sender);
        let (mut ahead, mut waiting) = (VecDeque::new(), BTreeMap::new());
        let (mut drawn, mut sunk, mut exhausted) = (0, 0, false);
        loop {
            while !exhausted && drawn - sunk < limit {
                match items.next() {
                    None => exhausted = true,
                    Some(item) => {
                        ahead.push_back((drawn, item?));
                        drawn += 1;
                    }
                }
                let kept = if exhausted { 0 } else { threads };
                for (number, item) in ahead.drain(..ahead.len().saturating_sub(kept)) {
                    // Somebody listens as long as results come.
                    let _ = feed.send(Task { number, item, shared: exhausted });
                }
            }
            if sunk == drawn {
                return Ok(());
            }
            while !waiting.contains_key(&sunk) {
                let Ok((number, result)) = receiver.recv() else { return Ok(()) };
                waiting.insert(number, result);
            }
            while let Some(result) = waiting.remove(&sunk) {
                match result {
                    Ok(result) => sink(result?)?,
                    Err(panic) => resume_unwind(panic),
                }
                sunk += 1;
            }
        }
    })
}

/// One thread: task after task, until there are no more or nobody takes results.
fn run<I: Send, T: Send, E: Send>(
    pool: &ThreadPool,
    tasks: &Mutex<Receiver<Task<I>>>,
    results: &Sender<Done<T, E>>,
    work: &(impl Fn(I) -> Result<T, E> + Sync),
) {
    // A pool of this thread alone, so that parallel iterators stay on it; without one they would be the global pool's, which is as right.
    let _own = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(Task { number, item, shared }) = next() {
        let result = catch_unwind(AssertUnwindSafe(|| if shared { pool.install(|| work(item)) } else { work(item) }));
        if results.send((number, result)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squares(threads: usize, count: u64) -> Result<Vec<u64>, String> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().map_err(|e| e.to_string())?;
        let mut seen = Vec::new();
        let work = |i: u64| {
            thread::sleep(std::time::Duration::from_micros((i * 7919) % 300));
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
    fn a_thread_begins_no_item_before_its_last_one_is_done() -> Result<(), String> {
        use rayon::prelude::*;
        use std::cell::Cell;
        thread_local!(static UNDER_WAY: Cell<usize> = const { Cell::new(0) });
        let (threads, count) = (4, 200);
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().map_err(|e| e.to_string())?;
        let work = |i: usize| {
            let others = UNDER_WAY.replace(UNDER_WAY.get() + 1);
            let sum: u64 = (0..20_000_u64).into_par_iter().map(|k| (k * i as u64) % 7).sum();
            UNDER_WAY.set(others);
            Ok((i, others, sum))
        };
        let sink =
            |(i, others, _)| if others == 0 || i + threads >= count { Ok(()) } else { Err(format!("item {i} was begun within another")) };
        ordered(&pool, (0..count).map(Ok), work, sink)
    }

    #[test]
    fn a_panic_is_passed_on() {
        let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let work = |i: usize| if i == 40 { panic!("item 40") } else { Ok::<_, ()>(i) };
        let run = || ordered(&pool, (0..1_000).map(Ok), work, |_| Ok(()));
        let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"item 40"));
    }

    #[test]
    fn the_first_error_ends_the_run() {
        assert_eq!(squares(3, 2_000), Err("item 777".to_string()));
    }
}
