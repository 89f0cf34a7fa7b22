//! The hand that touches the site's files: a thread that can be left behind.
//!
//! A file system that hangs cannot be interrupted, so it is touched by a thread for which the broker waits only while
//! its pulse beats, or while it wants to run and is not let, on a machine that is short of processors. One that is left
//! behind ends with the process, and a new one takes its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use goodstead_protocol::fact::{Cause, CauseKind};

/// How long one file or folder may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How long, once several did not: what is healthy answers within a fraction of it.
const LITTLE_PATIENCE: Duration = Duration::from_millis(100);

/// How many may hang until patience is little.
const MAX_HANGING: u32 = 4;

/// How many may be left behind hanging, each with its thread, until nothing more is looked at.
const MAX_LEFT_BEHIND: u32 = 32;

/// A moment for a hand that ends by itself when the plugin's time is over.
const GRACE: Duration = Duration::from_millis(50);

/// Beats whenever something answered.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    beats: AtomicU64,
    /// The thread's number for the kernel; 0 until it runs.
    thread: AtomicI32,
}

impl Pulse {
    /// Something answered.
    pub(crate) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Whether the thread wants a processor, and so waits for no file.
    fn wants_to_run(&self) -> bool {
        match self.thread.load(Ordering::Relaxed) {
            0 => true,
            thread => std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"))
                .is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('R'))),
        }
    }
}

/// How far a piece of work got, and until when it may go on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace<'a> {
    pub(crate) pulse: &'a Pulse,
    pub(crate) deadline: Instant,
}

impl Pace<'_> {
    /// Beats, and says whether the time of the request is over.
    pub(crate) fn is_over(&self) -> bool {
        self.pulse.beat();
        Instant::now() >= self.deadline
    }

    /// Why `path` was not looked at, or not to its end.
    pub(crate) fn late(&self, path: &str) -> Cause {
        late(path)
    }
}

/// Why `what` was not looked at, or not to its end: the time of the whole request was over.
pub(crate) fn late(what: &str) -> Cause {
    let detail = format!("the time of the request was over before {what} was read");
    Cause::new(CauseKind::TimedOut, detail)
}

type Job = Box<dyn FnOnce(&Pulse) + Send>;

/// The thread, started when it is first needed.
#[derive(Debug)]
pub(super) struct Hand {
    worker: Option<(Sender<Job>, Arc<Pulse>)>,
    patience: Duration,
    hanging: u32,
}

impl Hand {
    pub(super) fn new() -> Hand {
        Hand { worker: None, patience: PATIENCE, hanging: 0 }
    }

    /// Does `work`, and waits while its pulse beats, until `deadline` at most.
    ///
    /// # Errors
    /// `what` did not answer, or no thread could be started.
    pub(super) fn work<T: Send + 'static>(
        &mut self,
        what: impl FnOnce() -> String,
        deadline: Instant,
        work: impl FnOnce(&Pulse) -> T + Send + 'static,
    ) -> Result<T, Cause> {
        if self.hanging >= MAX_LEFT_BEHIND {
            let detail =
                format!("{} was not looked at, because {MAX_LEFT_BEHIND} others did not answer", what());
            return Err(Cause::new(CauseKind::TimedOut, detail));
        }
        let (sender, receiver) = channel();
        let job: Job = Box::new(move |pulse| {
            // Whoever gave up does not listen any more.
            let _ = sender.send(work(pulse));
        });
        let pulse = self.start(job)?;
        loop {
            let before = pulse.count();
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = left.min(self.patience).max(GRACE);
            match receiver.recv_timeout(wait) {
                Ok(result) => return Ok(result),
                Err(RecvTimeoutError::Timeout)
                    if left > wait && (pulse.count() > before || pulse.wants_to_run()) => {}
                Err(RecvTimeoutError::Timeout) => {
                    self.leave_behind();
                    if left <= wait && pulse.count() > before {
                        return Err(late(&what()));
                    }
                    let detail = format!("{} did not answer within {:.1} s", what(), wait.as_secs_f64());
                    return Err(Cause::new(CauseKind::TimedOut, detail));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.worker = None;
                    let detail = format!("{} cannot be looked at: the agent failed at it", what());
                    return Err(Cause::new(CauseKind::NotAvailable, detail));
                }
            }
        }
    }

    fn start(&mut self, job: Job) -> Result<Arc<Pulse>, Cause> {
        if self.worker.is_none() {
            let (sender, jobs) = channel::<Job>();
            let pulse = Arc::new(Pulse::default());
            let beating = Arc::clone(&pulse);
            let spawned = thread::Builder::new().name("site".to_owned()).spawn(move || {
                beating.thread.store(rustix::thread::gettid().as_raw_nonzero().get(), Ordering::Relaxed);
                for job in jobs {
                    job(&beating);
                }
            });
            spawned.map_err(|error| {
                Cause::new(CauseKind::NotAvailable, format!("no thread can be started: {error}"))
            })?;
            self.worker = Some((sender, pulse));
        }
        let gone = || Cause::new(CauseKind::NotAvailable, "the agent failed at an earlier request");
        let (jobs, pulse) = self.worker.as_ref().ok_or_else(gone)?;
        jobs.send(job).map_err(|_| gone())?;
        Ok(Arc::clone(pulse))
    }

    fn leave_behind(&mut self) {
        self.worker = None;
        self.hanging += 1;
        if self.hanging >= MAX_HANGING {
            self.patience = LITTLE_PATIENCE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Later than any test takes.
    fn never() -> Instant {
        Instant::now() + Duration::from_secs(600)
    }

    /// What never comes back: until the test program ends.
    fn hang() {
        loop {
            thread::park();
        }
    }

    #[test]
    fn what_hangs_is_left_behind_and_the_next_is_done() {
        let mut hand = Hand::new();
        hand.patience = Duration::from_millis(60);
        let cause = hand.work(|| "/net/x".to_owned(), never(), |_| hang()).unwrap_err();
        assert_eq!(cause.kind, CauseKind::TimedOut);
        assert!(cause.detail.starts_with("/net/x did not answer within 0.1 s"), "{cause}");
        assert_eq!(hand.work(|| "/etc/x".to_owned(), never(), |_| 7), Ok(7));
    }

    #[test]
    fn what_is_slow_and_beats_is_waited_for_until_the_deadline() {
        let slow = |pulse: &Pulse| {
            let (_silent, nothing) = channel::<()>();
            for _ in 0..10 {
                let _ = nothing.recv_timeout(Duration::from_millis(30));
                pulse.beat();
            }
            1
        };
        let mut hand = Hand::new();
        hand.patience = Duration::from_millis(150);
        assert_eq!(hand.work(|| "/slow".to_owned(), never(), slow), Ok(1));
        let soon = Instant::now() + Duration::from_millis(60);
        assert_eq!(hand.work(|| "/slow".to_owned(), soon, slow).unwrap_err().kind, CauseKind::TimedOut);
    }

    #[test]
    fn what_wants_to_run_is_waited_for() {
        let busy = |_: &Pulse| {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(400) {
                std::hint::spin_loop();
            }
            1
        };
        let mut hand = Hand::new();
        hand.patience = Duration::from_millis(60);
        assert_eq!(hand.work(|| "/busy".to_owned(), never(), busy), Ok(1));
    }

    #[test]
    fn patience_ends_when_many_hang() {
        let mut hand = Hand::new();
        hand.patience = Duration::from_secs(1);
        hand.hanging = MAX_HANGING - 1;
        assert!(hand.work(|| "/a".to_owned(), Instant::now(), |_| hang()).is_err());
        assert_eq!(hand.patience, LITTLE_PATIENCE);
        assert_eq!(hand.work(|| "/b".to_owned(), never(), |_| 1), Ok(1));
    }

    #[test]
    fn a_fault_of_ours_costs_one_request() {
        let mut hand = Hand::new();
        let outcome: Result<(), Cause> =
            hand.work(|| "/a".to_owned(), never(), |_| panic!("a test panics on purpose"));
        assert_eq!(outcome.unwrap_err().kind, CauseKind::NotAvailable);
        assert_eq!(hand.work(|| "/b".to_owned(), never(), |_| 1), Ok(1));
    }
}
