//! The list of authorities that TLS clients trust.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, Site, SiteExt};

/// Where distributions keep it: Debian, Ubuntu, Arch and Gentoo; Fedora and Red Hat, where newer releases leave out the
/// first of two; SUSE; Alpine.
const PLACES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What writes it.
const TOOLS: [&str; 3] =
    ["/usr/sbin/update-ca-certificates", "/usr/bin/update-ca-trust", "/usr/bin/update-ca-certificates"];

/// The record `ca_bundle`.
///
/// # Errors
/// Why it cannot be told.
pub(crate) fn ca_bundle(site: &mut dyn Site) -> Result<Fact, Cause> {
    let maintained = first(site, &TOOLS)?.is_some();
    let mut record = BTreeMap::from([("maintained".to_owned(), maintained.into())]);
    if let Some((file, size)) = first(site, &PLACES)? {
        record.insert("file".to_owned(), file.into());
        record.insert("size_bytes".to_owned(), Fact::Int(i64::try_from(size).unwrap_or(i64::MAX)));
    }
    Ok(record.into())
}

/// The first of these that exists, and its size.
fn first(site: &mut dyn Site, paths: &[&'static str]) -> Result<Option<(&'static str, u64)>, Cause> {
    for path in paths {
        match site.stat(path) {
            Ok(stat) => return Ok(Some((path, stat.size))),
            Err(cause) if cause.kind == CauseKind::Absent => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;

    use super::*;

    fn told(mut site: FakeSite) -> String {
        ca_bundle(&mut site).map_or_else(|cause| cause.to_string(), |fact| fact.to_json().to_string())
    }

    #[test]
    fn the_list_and_its_tool_are_found_where_distributions_keep_them() {
        let debian = FakeSite::new().file("/usr/sbin/update-ca-certificates", "").file(PLACES[0], "abc");
        assert_eq!(
            told(debian),
            r#"{"file":"/etc/ssl/certs/ca-certificates.crt","maintained":true,"size_bytes":3}"#
        );
        assert_eq!(told(FakeSite::new().file("/usr/bin/update-ca-trust", "")), r#"{"maintained":true}"#);
        let newer = FakeSite::new().file("/usr/bin/update-ca-trust", "").file(PLACES[2], "ab");
        assert!(told(newer).contains("tls-ca-bundle.pem"));
        assert_eq!(told(FakeSite::new()), r#"{"maintained":false}"#);
        assert_eq!(told(FakeSite::new().refused_file(PLACES[1], CauseKind::NotPermitted, "no")), "no");
    }
}
