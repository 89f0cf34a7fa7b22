//! Frames and descriptors over a Unix stream socket: the same few lines at both ends.
//!
//! A frame is twelve bytes (kind, length of the body, length of the data; little endian), the body, the data. A
//! descriptor travels with the first byte. Both lengths are held to the limits of the kind before anything is allocated,
//! what is allocated grows with what arrives, and what is sent is not copied.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

use crate::message::Kind;
pub use crate::message::{MAX_BODY, MAX_DATA};

const HEADER: usize = 12;

/// One message.
#[derive(Debug)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// JSON.
    pub body: Vec<u8>,
    /// Bytes as they are.
    pub data: Vec<u8>,
    /// A descriptor that came along.
    pub descriptor: Option<OwnedFd>,
}

/// Why a frame did not come or could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The other side closed the socket, or died.
    #[error("the other side closed the connection")]
    Closed,
    /// The time limit is over.
    #[error("the time limit is over")]
    TimedOut,
    /// What came is no frame of this protocol.
    #[error("{0}")]
    Malformed(&'static str),
    /// The socket failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// One end of the conversation.
#[derive(Debug)]
pub struct Channel {
    socket: UnixStream,
    /// A message was sent in part: whatever came after it would be taken for the rest of it.
    broken: bool,
}

impl Channel {
    /// A channel over one end of a socket pair.
    pub fn new(socket: UnixStream) -> Self {
        Channel { socket, broken: false }
    }

    /// Sends one frame whole, until `deadline` if there is one: the other side may not be reading.
    ///
    /// # Errors
    /// [`ChannelError`]; a body or data over its cap is `Malformed`, and nothing was sent. After any other error nothing
    /// more is sent.
    pub fn send(
        &mut self,
        kind: Kind,
        body: &[u8],
        data: &[u8],
        descriptor: Option<BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> Result<(), ChannelError> {
        let (most_body, most_data) = kind.limits();
        if body.len() > most_body as usize || data.len() > most_data as usize {
            return Err(ChannelError::Malformed("a message larger than its limit"));
        }
        if self.broken {
            return Err(ChannelError::Closed);
        }
        let outcome = self.send_whole(kind, body, data, descriptor, deadline);
        self.broken = outcome.is_err();
        outcome
    }

    fn send_whole(
        &mut self,
        kind: Kind,
        body: &[u8],
        data: &[u8],
        descriptor: Option<BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> Result<(), ChannelError> {
        let mut header = [0_u8; HEADER];
        let words = [kind as u32, body.len() as u32, data.len() as u32];
        for (place, word) in header.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let parts = [&header[..], body, data];
        let mut sent = 0;
        if let Some(descriptor) = descriptor {
            let descriptors = [descriptor];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&descriptors));
            self.socket.set_write_timeout(time_left(deadline)?)?;
            let slices = rest(parts, 0);
            sent = loop {
                match rustix::net::sendmsg(&self.socket, &slices, &mut control, SendFlags::NOSIGNAL) {
                    Ok(sent) => break sent,
                    Err(errno) => explained(errno.into())?,
                }
            };
        }
        let all = HEADER + body.len() + data.len();
        while sent < all {
            self.socket.set_write_timeout(time_left(deadline)?)?;
            match self.socket.write_vectored(&rest(parts, sent)) {
                Ok(0) => return Err(ChannelError::Closed),
                Ok(written) => sent += written,
                Err(error) => explained(error)?,
            }
        }
        Ok(())
    }

    /// Waits for one frame, until `deadline` if there is one.
    ///
    /// # Errors
    /// [`ChannelError`]; after any of them the channel is of no more use.
    pub fn receive(&mut self, deadline: Option<Instant>) -> Result<Frame, ChannelError> {
        let mut header = [0_u8; HEADER];
        let mut descriptor = None;
        let mut filled = 0;
        while filled < HEADER {
            self.wait_until(deadline)?;
            let rest = header.get_mut(filled..).unwrap_or_default();
            let read = receive_some(&self.socket, rest, &mut descriptor)?;
            if read == 0 {
                return Err(ChannelError::Closed);
            }
            filled += read;
        }
        let word = |at: usize| {
            header
                .get(at..at + 4)
                .and_then(|bytes| bytes.try_into().ok())
                .map_or(u32::MAX, u32::from_le_bytes)
        };
        let kind = Kind::from_number(word(0)).ok_or(ChannelError::Malformed("a message of no known kind"))?;
        let (body, data) = (word(4), word(8));
        let (most_body, most_data) = kind.limits();
        if body > most_body || data > most_data {
            return Err(ChannelError::Malformed("a message larger than its limit"));
        }
        let body = self.receive_bytes(body as usize, deadline)?;
        let data = self.receive_bytes(data as usize, deadline)?;
        Ok(Frame { kind, body, data, descriptor })
    }

    fn receive_bytes(&mut self, length: usize, deadline: Option<Instant>) -> Result<Vec<u8>, ChannelError> {
        const STEP: usize = 64 << 10;
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let have = bytes.len();
            bytes.resize(length.min(have + STEP.max(have)), 0);
            let mut filled = have;
            while filled < bytes.len() {
                self.wait_until(deadline)?;
                match self.socket.read(bytes.get_mut(filled..).unwrap_or_default()) {
                    Ok(0) => return Err(ChannelError::Closed),
                    Ok(read) => filled += read,
                    Err(error) => explained(error)?,
                }
            }
        }
        Ok(bytes)
    }

    /// Gives the next read what is left of the time.
    fn wait_until(&self, deadline: Option<Instant>) -> Result<(), ChannelError> {
        match time_left(deadline)? {
            None => Ok(()),
            left => Ok(self.socket.set_read_timeout(left)?),
        }
    }
}

/// What is left of these parts after so many bytes of them.
fn rest(parts: [&[u8]; 3], mut sent: usize) -> [IoSlice<'_>; 3] {
    parts.map(|part| {
        let skipped = sent.min(part.len());
        sent -= skipped;
        IoSlice::new(part.get(skipped..).unwrap_or_default())
    })
}

/// What is left of the time, if it is limited.
fn time_left(deadline: Option<Instant>) -> Result<Option<Duration>, ChannelError> {
    let Some(deadline) = deadline else { return Ok(None) };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ChannelError::TimedOut) } else { Ok(Some(left.max(Duration::from_millis(1)))) }
}

fn receive_some(
    socket: &UnixStream,
    buffer: &mut [u8],
    descriptor: &mut Option<OwnedFd>,
) -> Result<usize, ChannelError> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(buffer)];
    let received = rustix::net::recvmsg(socket.as_fd(), &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC);
    match received {
        Ok(message) => {
            for part in control.drain() {
                if let RecvAncillaryMessage::ScmRights(descriptors) = part {
                    // The last one wins and the others are closed here.
                    *descriptor = descriptors.last().or(descriptor.take());
                }
            }
            Ok(message.bytes)
        }
        Err(error) => {
            explained(error.into())?;
            receive_some(socket, buffer, descriptor)
        }
    }
}

/// An interruption is no error; the others in this module's words.
fn explained(error: io::Error) -> Result<(), ChannelError> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        // The socket's timeout, which is what is left until the deadline.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(ChannelError::TimedOut),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Err(ChannelError::Closed),
        _ => Err(ChannelError::Io(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{MAX_ASK, MAX_EMIT};

    fn pair() -> (Channel, Channel) {
        let (a, b) = UnixStream::pair().unwrap();
        (Channel::new(a), Channel::new(b))
    }

    #[test]
    fn a_frame_with_data_and_a_descriptor_arrives_whole() {
        let (mut a, mut b) = pair();
        let data = vec![7_u8; 300_000];
        let file = std::fs::File::open("/dev/null").unwrap();
        let sender =
            std::thread::spawn(move || a.send(Kind::Reply, b"{}", &data, Some(file.as_fd()), None).unwrap());
        let frame = b.receive(None).unwrap();
        sender.join().unwrap();
        assert_eq!(
            (frame.kind, frame.body.as_slice(), frame.data.len()),
            (Kind::Reply, b"{}".as_slice(), 300_000)
        );
        assert!(frame.descriptor.is_some());
    }

    #[test]
    fn nonsense_and_giants_are_refused_before_they_are_allocated() {
        for header in [
            [0_u32, 0, 0],
            [99, 0, 0],
            [Kind::Reply as u32, MAX_BODY + 1, 0],
            [Kind::Reply as u32, 0, u32::MAX],
            [Kind::Emit as u32, MAX_EMIT + 1, 0],
            [Kind::Ask as u32, MAX_ASK + 1, 0],
            // Only a reply has data.
            [Kind::Emit as u32, 2, 1],
            [Kind::Ask as u32, 2, 1],
            [Kind::Done as u32, 2000, 0],
        ] {
            let (mut a, mut b) = pair();
            let bytes: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
            a.socket.write_all(&bytes).unwrap();
            assert!(matches!(b.receive(None), Err(ChannelError::Malformed(_))), "{header:?}");
        }
    }

    #[test]
    fn what_is_left_of_a_message_begins_where_the_last_part_of_it_ended() {
        let parts = [&b"abc"[..], b"", b"defg"];
        for sent in 0..=7 {
            let left: Vec<u8> = rest(parts, sent).iter().flat_map(|part| part.to_vec()).collect();
            assert_eq!(left, b"abcdefg"[sent..], "after {sent}");
        }
    }

    #[test]
    fn nothing_follows_a_message_that_was_sent_in_part() {
        let (mut a, mut b) = pair();
        let deadline = Some(Instant::now() + Duration::from_millis(20));
        let giant = vec![0; 8 << 20];
        assert!(a.send(Kind::Reply, b"", &giant, None, deadline).is_err());
        assert!(matches!(a.send(Kind::Done, b"0", &[], None, None), Err(ChannelError::Closed)));
        drop(a);
        assert!(matches!(b.receive(None), Err(ChannelError::Closed)));
    }

    #[test]
    fn a_cut_off_frame_is_a_closed_connection() {
        let (mut a, mut b) = pair();
        a.socket.write_all(&[9, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]).unwrap();
        drop(a);
        assert!(matches!(b.receive(None), Err(ChannelError::Closed)));
    }

    #[test]
    fn silence_ends_at_the_deadline() {
        let (_a, mut b) = pair();
        let deadline = Instant::now() + Duration::from_millis(20);
        assert!(matches!(b.receive(Some(deadline)), Err(ChannelError::TimedOut)));
        assert!(Instant::now() >= deadline);
    }

    #[test]
    fn a_reader_that_does_not_read_is_not_waited_for() {
        let (mut a, _b) = pair();
        let deadline = Instant::now() + Duration::from_millis(20);
        let giant = vec![0; 8 << 20];
        assert!(matches!(
            a.send(Kind::Reply, b"", &giant, None, Some(deadline)),
            Err(ChannelError::TimedOut)
        ));
    }
}
