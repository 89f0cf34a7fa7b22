//! Both ends in the test's hands: what arrives, what does not, and that carrying ends.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, SendAncillaryBuffer, SendAncillaryMessage};

use super::*;

/// A connection that is being carried.
struct Carried {
    plugin: UnixStream,
    product: UnixStream,
    carrying: JoinHandle<()>,
}

fn carried(bytes: u64, until: Option<Instant>) -> Carried {
    let (plugin, ours) = UnixStream::pair().unwrap();
    let (product, reached) = UnixStream::pair().unwrap();
    let allowance = Allowance::new(bytes);
    let carrying = std::thread::spawn(move || carry(ours.as_fd(), reached.as_fd(), &allowance, until));
    Carried { plugin, product, carrying }
}

fn read_all(from: &mut impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_side_that_has_said_its_last_still_hears_the_other() {
    let Carried { mut plugin, mut product, carrying } = carried(MAX_CARRIED, None);
    let long = "a question".repeat(100_000);
    let asking = {
        let (mut plugin, long) = (plugin.try_clone().unwrap(), long.clone());
        std::thread::spawn(move || {
            plugin.write_all(long.as_bytes()).unwrap();
            plugin.shutdown(std::net::Shutdown::Write).unwrap();
        })
    };
    assert_eq!(read_all(&mut product), long);
    asking.join().unwrap();
    product.write_all(b"an answer").unwrap();
    drop(product);
    assert_eq!(read_all(&mut plugin), "an answer");
    carrying.join().unwrap();
}

#[test]
fn what_a_plugin_said_before_it_closed_arrives_and_then_the_product_is_let_go() {
    let Carried { mut plugin, mut product, carrying } = carried(MAX_CARRIED, None);
    plugin.write_all(b"farewell").unwrap();
    drop(plugin);
    assert_eq!(read_all(&mut product), "farewell");
    carrying.join().unwrap();
    assert_eq!(product.write_all(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn what_a_product_said_before_it_closed_arrives_and_then_the_plugin_cannot_write() {
    let Carried { mut plugin, mut product, carrying } = carried(MAX_CARRIED, None);
    product.write_all(b"go away").unwrap();
    drop(product);
    assert_eq!(read_all(&mut plugin), "go away");
    carrying.join().unwrap();
    assert_eq!(plugin.write_all(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_product_that_does_not_read_is_not_written_to_without_end_and_time_ends_it() {
    let until = Instant::now() + Duration::from_millis(300);
    let Carried { mut plugin, product, carrying } = carried(MAX_CARRIED, Some(until));
    // Everything that fits is taken, and then the plugin waits, until its connection ends.
    let part = vec![b'x'; 1 << 20];
    let mut taken = 0;
    let error = loop {
        match plugin.write(&part) {
            Ok(written) => taken += written,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert!(taken < 4 << 20, "{taken} bytes are on their way");
    carrying.join().unwrap();
    assert!(Instant::now() >= until);
    drop(product);
}

#[test]
fn a_product_that_does_not_read_holds_up_a_farewell_only_so_long() {
    let Carried { mut plugin, product, carrying } = carried(MAX_CARRIED, None);
    plugin.set_nonblocking(true).unwrap();
    let part = vec![b'x'; 64 << 10];
    let mut full = 0;
    // Carrying may still be making room when there is none: it is full when there is none for a while.
    while full < 20 {
        match plugin.write(&part) {
            Ok(written) if written > 0 => full = 0,
            _ => {
                full += 1;
                std::thread::park_timeout(Duration::from_millis(5));
            }
        }
    }
    drop(plugin);
    carrying.join().unwrap();
    drop(product);
}

#[test]
fn descriptors_do_not_travel() {
    let Carried { plugin, product, carrying } = carried(MAX_CARRIED, None);
    for (from, to) in [(&plugin, &product), (&product, &plugin)] {
        let secret = std::fs::File::open("/dev/null").unwrap();
        let rights = [secret.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&rights)));
        rustix::net::sendmsg(from, &[IoSlice::new(b"x")], &mut control, SendFlags::empty()).unwrap();

        let mut byte = [0];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut byte)];
        let received = rustix::net::recvmsg(to, &mut slices, &mut control, RecvFlags::empty()).unwrap();
        assert_eq!(received.bytes, 1);
        let came = control.drain().any(|part| matches!(part, RecvAncillaryMessage::ScmRights(_)));
        assert!(!came, "a descriptor came along");
        assert_eq!(&byte, b"x");
    }
    drop((plugin, product));
    carrying.join().unwrap();
}

#[test]
fn what_is_carried_is_counted_over_all_connections_and_ends_at_the_limit() {
    let allowance = Arc::new(Allowance::new(10));
    for (sent, arrives) in [("12345678", "12345678"), ("1234", "1234"), ("1", "")] {
        let (mut plugin, ours) = UnixStream::pair().unwrap();
        let (mut product, reached) = UnixStream::pair().unwrap();
        let counted = Arc::clone(&allowance);
        let carrying = std::thread::spawn(move || carry(ours.as_fd(), reached.as_fd(), &counted, None));
        plugin.write_all(sent.as_bytes()).unwrap();
        drop(plugin);
        assert_eq!(read_all(&mut product), arrives);
        carrying.join().unwrap();
    }
    assert!(allowance.is_spent());
}

#[test]
fn a_product_that_breaks_off_ends_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let reached = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut product, _) = listener.accept().unwrap();
    let (mut plugin, ours) = UnixStream::pair().unwrap();
    let allowance = Allowance::new(MAX_CARRIED);
    let carrying = std::thread::spawn(move || carry(ours.as_fd(), reached.as_fd(), &allowance, None));
    plugin.write_all(b"12").unwrap();
    // Closing with something unread resets a TCP connection.
    product.read_exact(&mut [0]).unwrap();
    drop(product);
    assert_eq!(plugin.read(&mut [0; 8]).unwrap_or(0), 0);
    carrying.join().unwrap();
}
