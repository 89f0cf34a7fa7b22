//! The plugin's side of the C ABI, against a runner that replies anything.
//!
//! The input is a target and then one reply after another, parted by the byte 0x1e; in a reply the byte 0x1f parts the
//! JSON from the data. When there are no more, replies are empty. Whatever comes, the call returns 0, and hands over
//! exactly one result, which the agent can read.

use std::os::unix::net::UnixStream;

use goodstead_plugin::fake_runner::{Told, Words, discover, gather};
use goodstead_plugin::{Address, Cause, Fact, Plugin, Proposal, Site, SiteExt, Target, UnknownOr, facts};

/// Puts every question once, and tells what it heard.
#[derive(Default)]
struct Asker;

impl Plugin for Asker {
    fn discover(&self, site: &mut dyn Site) -> Result<Vec<Proposal>, Cause> {
        let propose = |name: String| Proposal {
            title: format!("Asker {name}"),
            name: Some(name),
            address: None,
            hints: Default::default(),
        };
        Ok(site.list("/etc")?.into_iter().map(|entry| propose(entry.name)).collect())
    }

    fn gather(&self, target: &Target, site: &mut dyn Site) -> Result<Fact, Cause> {
        let address = target.address.clone().unwrap_or(Address::Unix("/run/a".to_owned()));
        let content = |file: goodstead_plugin::File| {
            facts! { "path" => file.path, "text" => file.content.map(lossy).or_unknown() }
        };
        let read_many = site.read_many(&["/etc/*"], &["/etc/shadow"]);
        Ok(facts! {
            "target" => target.name.clone().unwrap_or_default(),
            "read_many" => read_many
                .map(|files| files.files.into_iter().map(content).collect::<Vec<_>>())
                .or_unknown(),
            "read" => site.read_text("/etc/a").or_unknown(),
            "list" => site.list("/etc").map(|entries| entries.len() as i64).or_unknown(),
            "stat" => site.stat("/etc/a").map(|stat| stat.modified).or_unknown(),
            "statfs" => site
                .statfs(&["/", "/var"])
                .map(|outcomes| outcomes.into_iter().map(|it| it.map(|_| true).or_unknown()).collect::<Vec<_>>())
                .or_unknown(),
            "connect" => site.connect(&address).map(|connection| connection.user).or_unknown(),
            "run" => site.run("uptime").map(lossy).or_unknown(),
        })
    }
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Calls both functions of the plugin with `data` as everything that it is told.
pub fn run(data: &[u8]) {
    let found = one(discover::<Asker>(replies(data)));
    assert!(
        serde_json::from_slice::<Vec<Proposal>>(&found).is_ok()
            || serde_json::from_slice::<Fact>(&found).is_ok(),
        "{}",
        lossy(found)
    );
    let target = data.split(|byte| *byte == 0x1e).next().unwrap_or_default();
    let gathered = one(gather::<Asker>(target, replies(data)));
    assert!(serde_json::from_slice::<Fact>(&gathered).is_ok(), "{}", lossy(gathered));
}

fn replies(data: &[u8]) -> impl FnMut(&[u8]) -> Words {
    let mut parts = data.split(|byte| *byte == 0x1e).skip(1);
    move |_| {
        let part = parts.next().unwrap_or_default();
        let (json, data) = match part.iter().position(|byte| *byte == 0x1f) {
            Some(at) => (&part[..at], &part[at + 1..]),
            None => (part, &[][..]),
        };
        // A reply to another question may bring a descriptor as well; it must not stay open.
        let wanted = json.windows(7).any(|word| word == b"connect");
        let descriptor = wanted.then(|| UnixStream::pair().expect("a socket pair").0.into());
        Words { json: json.to_vec(), data: data.to_vec(), descriptor }
    }
}

/// The one result.
fn one(told: Told) -> Vec<u8> {
    assert_eq!((told.code, told.emitted.len()), (0, 1));
    told.emitted.concat()
}
