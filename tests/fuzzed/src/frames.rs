//! What a runner sends: any bytes on the socket, read until nothing more can come of them.
//!
//! What is received is what was sent, byte for byte; nothing is waited for once the other side has closed; and the
//! buffers grow with what arrives, not with what is announced.

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use goodstead_protocol::budget::Budget;
use goodstead_protocol::channel::{Channel, ChannelError, Frame};
use goodstead_protocol::fact::Fact;
use goodstead_protocol::message::{Hello, Kind, Locked, Reply, Request, Target};
use goodstead_protocol::proposals::Proposals;

/// As much as a socket holds before anybody reads, whatever the kernel's settings are.
const MAX_INPUT: usize = 64 << 10;

/// More than reading [`MAX_INPUT`] bytes takes anywhere.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends `data`, closes, and receives until it ends.
pub fn run(data: &[u8]) {
    let data = data.get(..MAX_INPUT).unwrap_or(data);
    let (mut theirs, ours) = UnixStream::pair().expect("a socket pair");
    theirs.write_all(data).expect("a socket holds 64 KiB");
    theirs.shutdown(Shutdown::Write).expect("the socket is open");
    let mut channel = Channel::new(ours);
    let mut received = Vec::new();
    loop {
        match channel.receive(Some(Instant::now() + PATIENCE)) {
            Ok(frame) => {
                for buffer in [&frame.body, &frame.data] {
                    assert!(buffer.capacity() <= 2 * buffer.len() + (64 << 10), "{}", buffer.capacity());
                }
                assert!(frame.descriptor.is_none(), "a descriptor out of bytes");
                judge(&frame);
                received.extend((frame.kind as u32).to_le_bytes());
                received.extend((frame.body.len() as u32).to_le_bytes());
                received.extend((frame.data.len() as u32).to_le_bytes());
                received.extend([frame.body, frame.data].concat());
            }
            Err(ChannelError::Closed | ChannelError::Malformed(_)) => break,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(data.starts_with(&received), "what was received is not what was sent");
}

/// The body as its reader takes it; nonsense is an error there and nothing else.
fn judge(frame: &Frame) {
    let body = frame.body.as_slice();
    match frame.kind {
        Kind::Hello => _ = serde_json::from_slice::<Hello>(body),
        Kind::Loaded => _ = serde_json::from_slice::<Hello>(body),
        Kind::Locked => _ = serde_json::from_slice::<Locked>(body),
        Kind::NotLoaded => _ = serde_json::from_slice::<String>(body),
        Kind::Gather => _ = serde_json::from_slice::<Target>(body),
        Kind::Ask => {
            if let Ok(request) = Request::read(body) {
                let again = serde_json::to_vec(&request).expect("a request is JSON");
                assert_eq!(serde_json::from_slice::<Request>(&again).ok(), Some(request));
            }
        }
        Kind::Reply => {
            if let Ok(reply) = serde_json::from_slice::<Reply>(body) {
                let again = serde_json::to_vec(&reply).expect("a reply is JSON");
                assert_eq!(serde_json::from_slice::<Reply>(&again).ok(), Some(reply));
            }
        }
        Kind::Emit => {
            if let Ok(found) = Proposals::read(body, 3) {
                assert!(found.kept.len() <= 3, "{} targets", found.kept.len());
            }
            _ = Fact::read_within(body, &Budget::new(1 << 20));
        }
        Kind::Done => _ = serde_json::from_slice::<i32>(body),
        Kind::Load | Kind::Discover => {}
    }
}
