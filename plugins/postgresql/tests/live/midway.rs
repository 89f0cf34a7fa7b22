//! Somebody who stands between plugin and server, and does something of its own after each statement before the answer
//! is passed on: so that a look can be caught at any point of it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

/// The plugin's end of a connection to `server`; `hook` runs whenever a statement was passed on. The thread returns how
/// often that was.
pub(crate) fn between(
    mut server: UnixStream,
    mut hook: impl FnMut() + Send + 'static,
) -> (UnixStream, JoinHandle<usize>) {
    let (theirs, mut client) = UnixStream::pair().unwrap();
    let thread = thread::spawn(move || {
        let mut count = 0;
        let mut first = true;
        while let Some((kind, message)) = message(&mut client, !first) {
            server.write_all(&message).unwrap();
            if kind == b'Q' {
                hook();
                count += 1;
            }
            if first || kind == b'Q' {
                first = false;
                let mut answer = Vec::new();
                while let Some((kind, message)) = self::message(&mut server, true) {
                    answer.extend(message);
                    if kind == b'Z' {
                        break;
                    }
                }
                if client.write_all(&answer).is_err() {
                    break;
                }
            }
        }
        count
    });
    (theirs, thread)
}

/// One message with its kind, which the very first of a client does not have.
fn message(from: &mut UnixStream, with_kind: bool) -> Option<(u8, Vec<u8>)> {
    let mut head = vec![0; if with_kind { 5 } else { 4 }];
    from.read_exact(&mut head).ok()?;
    let kind = if with_kind { head[0] } else { 0 };
    let length = u32::from_be_bytes(head[head.len() - 4..].try_into().unwrap());
    let mut body = vec![0; length as usize - 4];
    from.read_exact(&mut body).ok()?;
    head.extend(body);
    Some((kind, head))
}
