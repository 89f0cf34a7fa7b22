//! How many connections there are, and which of them goes when there are too many.
//!
//! A connection takes a descriptor, and descriptors are what SQLite and `accept` need, too. So there is a limit below
//! the process's own. A new connection is never turned away for one that does nothing: the one that has been idle for
//! the longest goes. Idle means that no request is being answered on it, whatever else it does: opened and silent, half
//! of a head, kept alive, or slow to read its answer. Requests in progress are bounded elsewhere (`limits`).

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum_server::accept::Accept;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::Service;

/// The most connections.
const MOST: usize = 2_048;

/// Descriptors that are kept for the database, the log and the runtime.
const OTHERS: usize = 64;

/// How long a client may take to read the next byte of an answer.
const STALLED: Duration = Duration::from_secs(30);

/// The open connections. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Arc<Table>);

#[derive(Debug)]
struct Table {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    entries: HashMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Requests that are being answered.
    busy: usize,
    /// A number that grows each time the connection becomes idle.
    idle_since: u64,
    closed: bool,
    /// Whoever waits for the connection to be readable or writable.
    wakers: Vec<Waker>,
}

impl Connections {
    /// As many as the process has descriptors for, after it asked for more of them.
    pub(crate) fn new() -> Connections {
        let limit = getrlimit(Resource::Nofile);
        let wanted = (MOST + OTHERS) as u64;
        let current = limit.current.unwrap_or(u64::MAX);
        let raised = wanted.min(limit.maximum.unwrap_or(u64::MAX)).max(current);
        let raise = Rlimit { current: Some(raised), maximum: limit.maximum };
        let granted = if setrlimit(Resource::Nofile, raise).is_ok() { raised } else { current };
        let granted = usize::try_from(granted).unwrap_or(usize::MAX);
        Connections::at_most(granted.saturating_sub(OTHERS).clamp(1, MOST))
    }

    pub(crate) fn at_most(most: usize) -> Connections {
        Connections(Arc::new(Table { most, open: Mutex::default() }))
    }

    /// Enters a new connection, for which an idle one may have to go.
    fn enter(&self) -> Slot {
        let mut open = self.0.open();
        let live = open.entries.values().filter(|entry| !entry.closed).count();
        if live >= self.0.most {
            let idle = open.entries.values_mut().filter(|entry| !entry.closed && entry.busy == 0);
            if let Some(entry) = idle.min_by_key(|entry| entry.idle_since) {
                entry.closed = true;
                entry.wakers.drain(..).for_each(Waker::wake);
            }
        }
        open.next += 1;
        let id = open.next;
        open.entries.insert(id, Entry { busy: 0, idle_since: id, closed: false, wakers: Vec::new() });
        Slot { id, of: Arc::clone(&self.0) }
    }
}

impl Table {
    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One entry; taken out with the value.
#[derive(Debug)]
struct Slot {
    id: u64,
    of: Arc<Table>,
}

impl Slot {
    /// Whether the connection has to go; if not, `waker` is woken when it has to.
    fn closed(&self, waker: &Waker) -> bool {
        let mut open = self.of.open();
        let Some(entry) = open.entries.get_mut(&self.id) else { return true };
        if !entry.closed && !entry.wakers.iter().any(|known| known.will_wake(waker)) {
            entry.wakers.push(waker.clone());
        }
        entry.closed
    }

    fn begin(self: &Arc<Self>) -> Busy {
        if let Some(entry) = self.of.open().entries.get_mut(&self.id) {
            entry.busy += 1;
        }
        Busy(Arc::clone(self))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.of.open().entries.remove(&self.id);
    }
}

/// A request in progress.
struct Busy(Arc<Slot>);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut open = self.0.of.open();
        open.next += 1;
        let now = open.next;
        if let Some(entry) = open.entries.get_mut(&self.0.id) {
            entry.busy = entry.busy.saturating_sub(1);
            entry.idle_since = now;
        }
    }
}

impl<S> Accept<TcpStream, S> for Connections {
    type Stream = Guarded;
    type Service = Counted<S>;
    type Future = Ready<io::Result<(Guarded, Counted<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let slot = Arc::new(self.enter());
        let guarded = Guarded { stream, slot: Arc::clone(&slot), stalled: None };
        ready(Ok((guarded, Counted { service, slot })))
    }
}

/// The service of one connection, which says when it is busy.
#[derive(Debug, Clone)]
pub(crate) struct Counted<S> {
    service: S,
    slot: Arc<Slot>,
}

impl<S, R> Service<R> for Counted<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let busy = self.slot.begin();
        let answer = self.service.call(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(busy);
            answer
        })
    }
}

/// A connection that ends when its turn to go has come, or when nobody reads what it writes.
#[derive(Debug)]
pub(crate) struct Guarded {
    stream: TcpStream,
    slot: Arc<Slot>,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Guarded {
    /// The outcome of a write, or an error when writes have waited too long.
    fn written<T>(&mut self, outcome: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + STALLED)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.slot.closed(context.waker()) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.slot.closed(context.waker()) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(outcome, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.slot.closed(context.waker()) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(outcome, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_closed(slot: &Slot) -> bool {
        slot.closed(Waker::noop())
    }

    #[test]
    fn the_one_that_was_idle_for_the_longest_makes_room_and_a_busy_one_never() {
        let all = Connections::at_most(3);
        let [first, second, third] = [(); 3].map(|()| Arc::new(all.enter()));
        let busy = first.begin();
        drop(second.begin());
        let fourth = all.enter();
        assert_eq!([&first, &second, &third].map(|slot| is_closed(slot)), [false, false, true]);
        let fifth = all.enter();
        assert!(is_closed(&second) && !is_closed(&fourth));
        drop(busy);
        drop((second, third));
        let _sixth = all.enter();
        assert!(is_closed(&fourth) && !is_closed(&fifth) && !is_closed(&first));
        assert_eq!(all.0.open().entries.len(), 4);
    }
}
