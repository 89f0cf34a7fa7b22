//! From where apt takes packages: hosts and suites of the enabled sources (sources.list(5)), in both of its formats.

use std::collections::BTreeSet;

use goodstead_plugin::{Cause, Elements, Fact, Site, SiteExt, facts};

/// The files.
pub(crate) const SOURCES: [&str; 3] =
    ["/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources"];

/// More sources than this are not told.
const MAX_SOURCES: usize = 200;

/// Hosts and suites are cut here.
const MAX_LENGTH: usize = 200;

/// The list `package_sources`, each host and suite once.
///
/// # Errors
/// Why the files cannot be read.
pub(crate) fn package_sources(site: &mut dyn Site) -> Result<Fact, Cause> {
    let found = site.read_many(&SOURCES, &[])?;
    let mut partial = found.partial;
    let mut sources = BTreeSet::new();
    for file in found.files {
        match &file.content {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                let in_file = if file.path.ends_with(".sources") { blocks(&text) } else { lines(&text) };
                sources.extend(in_file);
            }
            Err(cause) => _ = partial.get_or_insert_with(|| cause.clone()),
        }
    }
    let items = sources
        .into_iter()
        .take(MAX_SOURCES)
        .map(|(host, suite)| facts! { "host" => host, "suite" => suite })
        .collect();
    Ok(Fact::List(Elements { items, partial: partial.map(Box::new) }))
}

/// Of `deb [options] URI suite components` lines.
fn lines(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some(rest) = line.strip_prefix("deb").filter(|rest| rest.starts_with([' ', '\t'])) else {
            continue;
        };
        let rest = rest.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']').map_or("", |(_, after)| after),
            None => rest,
        };
        let mut words = rest.split_whitespace();
        if let (Some(uri), Some(suite)) = (words.next(), words.next()) {
            found.extend(host(uri).map(|host| (host, cut(suite))));
        }
    }
    found
}

/// Of blocks of fields, separated by empty lines; a field goes on in lines that begin with a space.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for block in text.replace("\r\n", "\n").split("\n\n") {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in block.lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let of = |wanted: &str| {
            fields.iter().rev().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str())
        };
        let off = ["no", "false", "without", "off", "disable", "0"]
            .contains(&of("enabled").to_ascii_lowercase().as_str());
        if off || !of("types").split_whitespace().any(|kind| kind == "deb") {
            continue;
        }
        for uri in of("uris").split_whitespace() {
            let Some(host) = host(uri) else { continue };
            found.extend(of("suites").split_whitespace().map(|suite| (host.clone(), cut(suite))));
        }
    }
    found
}

/// The host of an address; a folder or disc has none.
fn host(uri: &str) -> Option<String> {
    let (_, rest) = uri.split_once("://")?;
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    (!host.is_empty()).then(|| cut(&host.to_ascii_lowercase()))
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use proptest::prelude::*;

    use super::*;

    fn told(mut site: FakeSite) -> Vec<String> {
        let Fact::List(list) = package_sources(&mut site).unwrap() else { panic!("no list") };
        list.items
            .iter()
            .map(|item| item.to_json())
            .map(|json| format!("{} {}", json["host"], json["suite"]).replace('"', ""))
            .collect()
    }

    #[test]
    fn both_formats_tell_hosts_and_suites() {
        let site = FakeSite::new()
            .file(
                "/etc/apt/sources.list",
                "# deb http://deb.debian.org/debian sid main\ndeb-src http://deb.debian.org/debian trixie main\n\
                 deb [arch=amd64 signed-by=/x] http://me:pw@deb.debian.org:80/debian bookworm main # ours\n\
                 deb cdrom:[Debian]/ bookworm main\ndeb file:///srv/repo ./\n",
            )
            .file(
                "/etc/apt/sources.list.d/a.sources",
                "Types: deb deb-src\nURIs: http://deb.debian.org/debian-security\nSuites: bookworm-security\n bookworm-updates\n\n\
                 Types: deb\nEnabled: no\nURIs: http://off.example\nSuites: x\n",
            );
        assert_eq!(
            told(site),
            [
                "deb.debian.org bookworm",
                "deb.debian.org bookworm-security",
                "deb.debian.org bookworm-updates"
            ]
        );
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "(deb |Types: deb\n|URIs: |Suites: |://|[a-z \\[\\]:\n#]|\\PC){0,60}") {
            let site = FakeSite::new().file("/etc/apt/sources.list", &text).file("/etc/apt/sources.list.d/a.sources", &text);
            let _ = told(site);
        }
    }
}
