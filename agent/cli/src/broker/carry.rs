//! Carrying the bytes of a connection between the plugin and the product.
//!
//! A plugin never holds the product's socket: a socket can be pointed at another address by the flags of a call, and
//! descriptors that arrive over a Unix socket are new rights. It holds one end of a pair that leads to this process and
//! to nowhere else, and bytes are all that is carried. A connection takes a fixed amount of memory: who does not read is
//! not read from either.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::{Errno, Result};
use rustix::net::{RecvFlags, SendFlags, Shutdown};

/// How much of each direction is on its way at a time.
const BUFFER: usize = 64 << 10;

/// How long a product may take to read what a plugin sent before it closed its end.
const FAREWELL: Duration = Duration::from_secs(2);

/// The most bytes that the connections of one plugin carry in one scan, both directions together.
pub(super) const MAX_CARRIED: u64 = 512 << 20;

/// How much the connections of one plugin may still carry.
#[derive(Debug)]
pub(super) struct Allowance(AtomicU64);

impl Allowance {
    pub(super) fn new(bytes: u64) -> Self {
        Allowance(AtomicU64::new(bytes))
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Takes so many bytes off; what exceeds the rest spends all of it.
    fn spend(&self, bytes: usize) {
        let less = |left: u64| Some(left.saturating_sub(bytes as u64));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

/// Carries bytes until both sides have said their last, one of them is gone, the allowance is spent, or the time is over.
/// The caller closes both ends afterwards.
pub(super) fn carry(
    plugin: BorrowedFd<'_>,
    product: BorrowedFd<'_>,
    allowance: &Allowance,
    until: Option<Instant>,
) {
    let mut asked = Direction::new(plugin, product, allowance);
    let mut answered = Direction::new(product, plugin, allowance);
    // Whatever fails ends the connection, which is all that either side needs to know.
    let _ = exchange(&mut asked, &mut answered, until);
}

fn exchange(asked: &mut Direction<'_>, answered: &mut Direction<'_>, until: Option<Instant>) -> Result<()> {
    const GONE: PollFlags = PollFlags::HUP.union(PollFlags::ERR).union(PollFlags::NVAL);
    const READABLE: PollFlags = PollFlags::IN.union(GONE);
    while !(asked.is_over && answered.is_over) {
        let mut ends = [
            PollFd::from_borrowed_fd(asked.from, asked.awaits_input() | answered.awaits_room()),
            PollFd::from_borrowed_fd(answered.from, answered.awaits_input() | asked.awaits_room()),
        ];
        wait(&mut ends, until)?;
        let [at_plugin, at_product] = ends.map(|end| end.revents());
        if at_plugin.intersects(GONE) {
            let farewell = Instant::now() + FAREWELL;
            return asked.finish(Some(until.map_or(farewell, |until| until.min(farewell))));
        }
        if at_product.intersects(GONE) {
            // As on a connection of its own, the plugin cannot write any more, and reads what had been sent.
            rustix::net::shutdown(asked.from, Shutdown::Read)?;
            return answered.finish(until);
        }
        if at_plugin.intersects(READABLE) || at_product.intersects(PollFlags::OUT) {
            asked.pass()?;
        }
        if at_product.intersects(READABLE) || at_plugin.intersects(PollFlags::OUT) {
            answered.pass()?;
        }
    }
    Ok(())
}

/// Waits until something happens at one of the ends.
fn wait(ends: &mut [PollFd<'_>], until: Option<Instant>) -> Result<()> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match rustix::event::poll(ends, timeout.as_ref()) {
            Ok(0) => return Err(Errno::TIMEDOUT),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// One direction of a connection, and what was read and not yet written.
struct Direction<'a> {
    from: BorrowedFd<'a>,
    to: BorrowedFd<'a>,
    allowance: &'a Allowance,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Nothing more comes, and the other side was told so.
    is_over: bool,
}

impl<'a> Direction<'a> {
    fn new(from: BorrowedFd<'a>, to: BorrowedFd<'a>, allowance: &'a Allowance) -> Self {
        Direction { from, to, allowance, buffer: vec![0; BUFFER], start: 0, end: 0, is_over: false }
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// What to wait for where the bytes come from.
    fn awaits_input(&self) -> PollFlags {
        if self.is_empty() && !self.is_over { PollFlags::IN } else { PollFlags::empty() }
    }

    /// What to wait for where the bytes go to.
    fn awaits_room(&self) -> PollFlags {
        if self.is_empty() { PollFlags::empty() } else { PollFlags::OUT }
    }

    /// Passes on what there is, as far as there is room for it; whether anything was read.
    fn pass(&mut self) -> Result<bool> {
        let mut has_read = false;
        loop {
            if self.is_empty() {
                if !self.fill()? {
                    return Ok(has_read);
                }
                has_read = true;
            }
            // A buffer that was not filled has taken all that was there: asking once more would only say so.
            if !self.drain()? || self.end < self.buffer.len() {
                return Ok(has_read);
            }
        }
    }

    /// Passes on everything that was sent by a side that is gone.
    fn finish(&mut self, until: Option<Instant>) -> Result<()> {
        while !self.is_over {
            let has_read = self.pass()?;
            if !self.is_empty() {
                wait(&mut [PollFd::from_borrowed_fd(self.to, PollFlags::OUT)], until)?;
            } else if !has_read {
                break;
            }
        }
        Ok(())
    }

    /// Reads into the empty buffer; false when there is nothing now, or for ever. Reading without room for control
    /// messages has the kernel close every descriptor that came along.
    fn fill(&mut self) -> Result<bool> {
        match rustix::net::recv(self.from, self.buffer.as_mut_slice(), RecvFlags::DONTWAIT) {
            Ok((_, 0)) => {
                self.is_over = true;
                rustix::net::shutdown(self.to, Shutdown::Write)?;
                Ok(false)
            }
            Ok((_, read)) => {
                if self.allowance.is_spent() {
                    return Err(Errno::DQUOT);
                }
                self.allowance.spend(read);
                (self.start, self.end) = (0, read);
                Ok(true)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Writes from the buffer; whether it is empty then.
    fn drain(&mut self) -> Result<bool> {
        while let Some(rest) = self.buffer.get(self.start..self.end).filter(|rest| !rest.is_empty()) {
            match rustix::net::send(self.to, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(written) => self.start += written,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(errno) => return Err(errno),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
