//! The plugin for @name@: asks the running product over its socket, and makes facts of what it answers.
//!
//! It gathers facts and judges nothing. The agent connects for it, to what `plugin.toml` and `agent.toml` allow. What it
//! writes with `eprintln!` is shown by `goodstead plugins test`.

#![deny(unsafe_code)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use goodstead_plugin::{
    Address, Cause, CauseKind, Fact, Plugin, Proposal, Site, SiteExt, Target, UnknownOr, facts,
};

/// What a target is called.
const TITLE: &str = "@name@";

/// Where the product listens.
const SOCKET: &str = "/run/@name@/@name@.sock";

/// How long the product may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest answer in bytes.
const MAX_ANSWER: u64 = 256;

/// The plugin.
#[derive(Debug, Default)]
pub struct @Type@;

impl Plugin for @Type@ {
    /// Is the product here, and how often? Each target is gathered and judged on its own; an empty list is not an error.
    fn discover(&self, site: &mut dyn Site) -> Result<Vec<Proposal>, Cause> {
        let address = Some(Address::Unix(SOCKET.to_owned()));
        match site.stat(SOCKET) {
            Ok(_) => Ok(vec![Proposal { name: None, title: TITLE.to_owned(), address, hints: Default::default() }]),
            Err(cause) if cause.kind == CauseKind::Absent => Ok(Vec::new()),
            Err(cause) => Err(cause),
        }
    }

    /// The facts of one target. What cannot be seen is unknown with its cause, and everything else is reported all the same.
    fn gather(&self, target: &Target, site: &mut dyn Site) -> Result<Fact, Cause> {
        // Where discovery found it, or where agent.toml says that it is.
        let nowhere = || Cause::new(CauseKind::NotAvailable, "the target has no address");
        let address = target.address.as_ref().ok_or_else(nowhere)?;
        let version = site.connect(address).and_then(|connection| version(connection.descriptor));
        Ok(facts! { "version" => version.or_unknown() })
    }
}

/// What the product answers to the question for its version.
fn version(product: OwnedFd) -> Result<String, Cause> {
    match ask(product.into(), "version\n") {
        Ok(answer) if answer.is_empty() => {
            Err(Cause::new(CauseKind::NotAvailable, "no answer: it closed the connection"))
        }
        Ok(answer) => Ok(answer),
        Err(error) => Err(Cause::new(CauseKind::NotAvailable, format!("no answer: {error}"))),
    }
}

/// The first line of the answer to a question.
fn ask(mut product: UnixStream, question: &str) -> io::Result<String> {
    product.set_read_timeout(Some(PATIENCE))?;
    product.write_all(question.as_bytes())?;
    let mut answer = Vec::new();
    BufReader::new(product.take(MAX_ANSWER)).read_until(b'\n', &mut answer)?;
    Ok(String::from_utf8_lossy(&answer).trim_end().to_owned())
}

goodstead_plugin::export!(@Type@);

#[cfg(test)]
mod tests {
    use std::net::Shutdown;

    use goodstead_plugin::Stat;
    use goodstead_plugin::fake::{FakeSite, gather, manifest};

    use super::*;

    /// The facts of a product that sends this, and what did not fit the contract.
    fn facts_of(sends: &str) -> (Fact, Vec<String>) {
        let manifest = manifest(include_str!("../plugin.toml"));
        let address = Address::Unix(SOCKET.to_owned());
        let (mut product, plugin) = UnixStream::pair().unwrap();
        product.write_all(sends.as_bytes()).unwrap();
        product.shutdown(Shutdown::Write).unwrap();
        let mut site = FakeSite::with_manifest(&manifest).connection(&address, Ok(plugin.into()));
        let target = Target { address: Some(address), ..Target::default() };
        gather::<@Type@>(&manifest.contract, &target, &mut site)
    }

    #[test]
    fn the_product_is_asked_for_its_version() {
        let (facts, notes) = facts_of("1.2 beta\nmore");
        assert_eq!(facts.to_json()["version"], "1.2 beta");
        assert!(notes.is_empty(), "{notes:?}");
    }

    #[test]
    fn a_product_that_says_nothing_is_unknown() {
        let (facts, _) = facts_of("");
        assert_eq!(facts.to_json()["version"]["$unknown"]["kind"], "not-available");
    }

    #[test]
    fn it_is_found_by_its_socket() {
        let manifest = manifest(include_str!("../plugin.toml"));
        let found = |mut site: FakeSite| @Type@.discover(&mut site).unwrap().len();
        assert_eq!(found(FakeSite::with_manifest(&manifest)), 0);
        let kind = goodstead_plugin::FileKind::Other;
        let stat = Stat { kind, size: 0, mode: 0o777, uid: 0, gid: 0, modified: 0 };
        assert_eq!(found(FakeSite::with_manifest(&manifest).stat_of(SOCKET, stat)), 1);
    }
}
