//! Certificates in the places where services keep theirs: for whom, and until when. No private key is asked for, and of
//! a file that holds one beside its certificate nothing but the certificate is looked at.

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, File, FileKind, Site, SiteExt, facts};
use x509_parser::pem::Pem;
use x509_parser::prelude::X509Certificate;

use crate::basics::clock::rfc3339;

/// Folders and patterns where services keep theirs.
const PLACES: [&str; 14] = [
    "/etc/letsencrypt/live/*/cert.pem",
    "/etc/ssl/*.pem",
    "/etc/ssl/*.crt",
    "/etc/*/*.crt",
    "/etc/*/{ssl,tls,certs,cert,pki,server}/*.crt",
    "/etc/*/{ssl,tls,certs,cert,pki,server}/*cert*.pem",
    "/etc/*/{ssl,tls,certs,cert,pki,server}/fullchain*.pem",
    "/etc/*/{ssl,tls,certs,cert}/*/*.crt",
    "/etc/*/{ssl,tls,certs,cert}/*/fullchain*.pem",
    "/etc/kubernetes/pki/etcd/*.crt",
    "/etc/pve/local/pve-ssl.pem",
    "/var/lib/rancher/{k3s,rke2}/server/tls/*.crt",
    "/var/lib/kubelet/pki/*.crt",
    "/opt/*/{ssl,tls,certs,cert}/*.crt",
];

/// Folders that hold hundreds of authorities, mostly as links: of these only files of their own are read.
const STORES: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Files that are made by installing a package and protect nothing, and lists of authorities.
const IGNORED: [&str; 6] = [
    "ssl-cert-snakeoil.pem",
    "localhost.crt",
    "ca-certificates.crt",
    "ca-bundle.crt",
    "ca-bundle.trust.crt",
    "ca-bundle.pem",
];

/// More files than this are not looked at.
const MAX_FILES: usize = 500;

/// A certificate is a few KiB; chains of ten are 20.
const MAX_SIZE: usize = 64 << 10;

/// More certificates than this in one file make it a list of authorities.
const MAX_CHAIN: usize = 10;

/// Names are cut here.
const MAX_NAME: usize = 500;

/// The list `certificates`.
pub(crate) fn certificates(site: &mut dyn Site, now: &Result<i64, Cause>) -> Fact {
    let mut partial: Option<Cause> = None;
    let mut wanted: Vec<String> = PLACES.map(str::to_owned).to_vec();
    for store in STORES {
        match site.list(store) {
            Ok(entries) => wanted.extend(
                entries
                    .into_iter()
                    .filter(|entry| entry.kind == FileKind::File && is_certificate_name(&entry.name))
                    .map(|entry| format!("{store}/{}", entry.name)),
            ),
            Err(cause) if cause.kind == CauseKind::Absent => {}
            // A link to the store of another distribution's layout, which is listed itself.
            Err(cause) if cause.kind == CauseKind::NotDeclared => {}
            Err(cause) => _ = partial.get_or_insert(cause),
        }
    }
    if wanted.len() > MAX_FILES {
        wanted.truncate(MAX_FILES);
        let detail = format!("there are more than {MAX_FILES} files of certificates");
        partial.get_or_insert(Cause::new(CauseKind::TooLarge, detail));
    }
    let globs: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let mut items = Vec::new();
    match site.read_many(&globs, &["/**/*key*", "/**/*priv*"]) {
        Ok(found) => {
            // A link of /etc out of these places leads to something of others, as /etc/rmt does.
            partial = partial.or(found.partial.filter(|cause| cause.kind != CauseKind::NotDeclared));
            for file in found.files.into_iter().take(MAX_FILES) {
                if IGNORED.iter().any(|name| file.path.ends_with(name)) {
                    continue;
                }
                match told(&file, now) {
                    Ok(fact) => items.extend(fact),
                    Err(cause) => _ = partial.get_or_insert(cause),
                }
            }
        }
        Err(cause) => return cause.into(),
    }
    Fact::List(Elements { items, partial: partial.map(Box::new) })
}

/// Whether a file of a store may hold a certificate of a service, and its name can stand in a request as it is.
fn is_certificate_name(name: &str) -> bool {
    (name.ends_with(".pem") || name.ends_with(".crt"))
        && !IGNORED.contains(&name)
        && !name.contains(['*', '?', '[', '{', '\\', '\u{fffd}'])
}

/// The certificate of a file; `None` where it holds none, or is a list of authorities.
fn told(file: &File, now: &Result<i64, Cause>) -> Result<Option<Fact>, Cause> {
    let bytes = match &file.content {
        Ok(bytes) => bytes,
        // Links out of these places lead to files of others.
        Err(cause) if cause.kind == CauseKind::NotDeclared => return Ok(None),
        Err(cause) => return Err(cause.clone()),
    };
    if bytes.len() > MAX_SIZE {
        return Ok(None);
    }
    let mut certificates = Pem::iter_from_buffer(bytes).filter_map(Result::ok).filter(|block| {
        matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
    });
    let Some(first) = certificates.next() else { return Ok(None) };
    if certificates.count() >= MAX_CHAIN {
        return Ok(None);
    }
    match first.parse_x509() {
        Ok(certificate) => Ok(Some(fact(&file.path, &certificate, now))),
        Err(_) => {
            let detail = format!("{} holds something that is no certificate", file.path);
            Err(Cause::new(CauseKind::NotAvailable, detail))
        }
    }
}

fn fact(path: &str, certificate: &X509Certificate<'_>, now: &Result<i64, Cause>) -> Fact {
    let validity = certificate.validity();
    let (from, until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    let cut = |name: String| name.chars().take(MAX_NAME).collect::<String>();
    let expires = rfc3339(until).map_or_else(
        || Cause::new(CauseKind::NotAvailable, "the certificate's end is no date").into(),
        Fact::from,
    );
    let left = match now {
        Ok(now) => Fact::Int(until.saturating_sub(*now)),
        Err(cause) => cause.clone().into(),
    };
    facts! {
        "path" => path,
        "subject" => cut(certificate.subject().to_string()),
        "issuer" => cut(certificate.issuer().to_string()),
        "expires" => expires,
        "seconds_left" => left,
        "lifetime_seconds" => until.saturating_sub(from).max(0),
        "self_signed" => certificate.subject() == certificate.issuer(),
        "authority" => certificate.is_ca(),
        "trust_store" => STORES.iter().any(|store| path.starts_with(store)),
    }
}

#[cfg(test)]
mod tests {
    use goodstead_plugin::fake::FakeSite;
    use proptest::prelude::*;

    use super::*;

    /// For `web.example.test`, by `Example CA`, from 2026-01-01 to 2026-04-01; made for these tests.
    const LEAF: &str = include_str!("certificates_test.pem");

    /// 2026-03-31T00:00:00Z.
    const NOW: i64 = 1_774_915_200;

    fn certificates_of(mut site: FakeSite) -> Elements<Vec<Fact>> {
        match certificates(&mut site, &Ok(NOW)) {
            Fact::List(list) => list,
            other => panic!("{other:?}"),
        }
    }

    fn paths(site: FakeSite) -> Vec<String> {
        let list = certificates_of(site);
        list.items.iter().map(|item| item.to_json()["path"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_certificate_is_told_whole() {
        let list = certificates_of(FakeSite::new().file("/etc/nginx/ssl/web.crt", LEAF));
        insta::assert_snapshot!(list.items[0].to_json().to_string().replace(",\"", "\n\""), @r#"
        {"authority":false
        "expires":"2026-04-01T00:00:00Z"
        "issuer":"CN=Example CA"
        "lifetime_seconds":7776000
        "path":"/etc/nginx/ssl/web.crt"
        "seconds_left":86400
        "self_signed":false
        "subject":"CN=web.example.test"
        "trust_store":false}
        "#);
        assert_eq!(list.partial, None);
    }

    #[test]
    fn places_of_services_are_looked_at_and_keys_are_not() {
        let site = FakeSite::new()
            .file("/etc/letsencrypt/live/web/cert.pem", LEAF)
            .file("/etc/letsencrypt/live/web/privkey.pem", LEAF)
            .file("/etc/ssl/web.pem", LEAF)
            .file("/etc/ssl/web-key.pem", LEAF)
            .file("/etc/ssl/private/web.pem", LEAF)
            .file("/etc/ssl/certs/own.crt", LEAF)
            .file("/etc/ssl/certs/ssl-cert-snakeoil.pem", LEAF)
            .file("/etc/ssl/certs/ca-certificates.crt", LEAF)
            .file("/etc/pki/tls/certs/localhost.crt", LEAF)
            .file("/etc/kubernetes/pki/apiserver.crt", LEAF)
            .file("/etc/kubernetes/pki/apiserver.key", LEAF)
            .file("/etc/nginx/tls/app-key.crt", LEAF);
        assert_eq!(
            paths(site),
            [
                "/etc/kubernetes/pki/apiserver.crt",
                "/etc/letsencrypt/live/web/cert.pem",
                "/etc/ssl/certs/own.crt",
                "/etc/ssl/web.pem"
            ]
        );
    }

    #[test]
    fn lists_of_authorities_and_files_without_a_certificate_are_left_out() {
        let site = FakeSite::new()
            .file("/etc/ssl/all.pem", LEAF.repeat(MAX_CHAIN + 1))
            .file("/etc/ssl/dh.pem", "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n")
            .file("/etc/ssl/text.pem", "no certificate")
            .file("/etc/ssl/elsewhere.pem", LEAF)
            .refused_file("/etc/ssl/elsewhere.pem", CauseKind::NotDeclared, "leads elsewhere");
        let list = certificates_of(site);
        assert_eq!((list.items.len(), list.partial), (0, None));
    }

    #[test]
    fn what_is_broken_or_refused_leaves_the_list_open() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let list = certificates_of(FakeSite::new().file("/etc/ssl/web.pem", broken));
        assert!(list.partial.unwrap().detail.contains("no certificate"));
        let refused =
            FakeSite::new().refused_file("/etc/letsencrypt/live/web/cert.pem", CauseKind::NotPermitted, "no");
        assert_eq!(certificates_of(refused).partial.unwrap().kind, CauseKind::NotPermitted);
    }

    #[test]
    fn with_a_wrong_clock_only_the_time_left_is_unknown() {
        let mut site = FakeSite::new().file("/etc/ssl/web.pem", LEAF);
        let wrong = Err(Cause::new(CauseKind::NotAvailable, "the clock is wrong"));
        let Fact::List(list) = certificates(&mut site, &wrong) else { panic!("no list") };
        let json = list.items[0].to_json();
        assert_eq!(json["expires"], "2026-04-01T00:00:00Z");
        assert_eq!(json["seconds_left"]["$unknown"]["detail"], "the clock is wrong");
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(at in 0..LEAF.len(), byte: u8, rest in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut bytes = LEAF.as_bytes().to_vec();
            bytes[at] = byte;
            for content in [bytes, rest] {
                let file = File { path: "/etc/ssl/web.pem".to_owned(), content: Ok(content) };
                let _ = told(&file, &Ok(NOW));
            }
        }
    }
}
