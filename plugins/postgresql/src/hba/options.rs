//! The method of a rule and its options: which of them the server accepts where.

/// The ways to prove who one is, and the first release that has each.
const METHODS: [(&str, i64); 13] = [
    ("trust", 0),
    ("reject", 0),
    ("scram-sha-256", 10),
    ("md5", 0),
    ("password", 0),
    ("gss", 0),
    ("ident", 0),
    ("peer", 0),
    ("pam", 0),
    ("ldap", 0),
    ("radius", 0),
    ("cert", 0),
    ("oauth", 18),
];

/// Those of other systems, which a server on Linux refuses.
const ELSEWHERE: [&str; 2] = ["sspi", "bsd"];

/// Words that people write in place of a method.
const MEANT: [(&str, &str); 5] = [
    ("scram", "scram-sha-256"),
    ("scram-sha256", "scram-sha-256"),
    ("scram_sha_256", "scram-sha-256"),
    ("sha256", "scram-sha-256"),
    ("none", "trust"),
];

/// The names of options; whether an option suits its method is the server's to say.
const OPTIONS: [&str; 31] = [
    "clientcert",
    "clientname",
    "compat_realm",
    "delegate_ident_mapping",
    "include_realm",
    "issuer",
    "krb_realm",
    "ldapbasedn",
    "ldapbinddn",
    "ldapbindpasswd",
    "ldapport",
    "ldapprefix",
    "ldapscheme",
    "ldapsearchattribute",
    "ldapsearchfilter",
    "ldapserver",
    "ldapsuffix",
    "ldaptls",
    "ldapurl",
    "map",
    "pam_use_hostname",
    "pamservice",
    "radiusidentifiers",
    "radiusports",
    "radiussecrets",
    "radiusservers",
    "scope",
    "upn_username",
    "validator",
    "radiusidentifier",
    "radiusserver",
];

/// Whether the server refuses this method with these options in a rule of this kind.
///
/// # Errors
/// Why.
pub(super) fn refused(
    kind: &str,
    method: &str,
    options: &[&str],
    release: Option<i64>,
) -> Result<(), String> {
    if ELSEWHERE.contains(&method) {
        return Err(format!("the method {method} does not exist on Linux"));
    }
    let Some((_, since)) = METHODS.iter().find(|(name, _)| *name == method) else {
        let meant = MEANT.iter().find(|(word, _)| word.eq_ignore_ascii_case(method));
        let meant = meant
            .map(|(_, meant)| *meant)
            .or_else(|| METHODS.iter().map(|(name, _)| *name).find(|name| name.eq_ignore_ascii_case(method)));
        return Err(match meant {
            Some(meant) => format!("there is no such method; did you mean {meant}?"),
            None => "there is no such method".to_owned(),
        });
    };
    if release.is_some_and(|release| release < *since) {
        return Err(format!("the method {method} came with {since}"));
    }
    match (method, kind) {
        ("peer", "local") => {}
        ("peer", _) => return Err("peer is for local rules only".to_owned()),
        ("gss", "local") => return Err("gss is not for local rules".to_owned()),
        ("cert", "hostssl") => {}
        ("cert", _) => return Err("cert is for hostssl rules only".to_owned()),
        _ => {}
    }
    for option in options {
        let Some((name, _)) = option.split_once('=') else {
            return Err("options are written name=value".to_owned());
        };
        if !OPTIONS.contains(&name) {
            return Err("there is no such option".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_options_are_held_against_the_rule() {
        for (kind, method, options, problem) in [
            ("local", "peer", &["map=admins"][..], None),
            ("host", "scram-sha-256", &[], None),
            ("hostssl", "cert", &["clientcert=verify-full"], None),
            ("host", "scram", &[], Some("there is no such method; did you mean scram-sha-256?")),
            ("host", "MD5", &[], Some("there is no such method; did you mean md5?")),
            ("host", "255.255.255.0", &[], Some("there is no such method")),
            ("host", "peer", &[], Some("peer is for local rules only")),
            ("host", "cert", &[], Some("cert is for hostssl rules only")),
            ("host", "sspi", &[], Some("the method sspi does not exist on Linux")),
            ("host", "oauth", &[], Some("the method oauth came with 18")),
            ("host", "md5", &["why"], Some("options are written name=value")),
            ("host", "md5", &["colour=red"], Some("there is no such option")),
        ] {
            let found = refused(kind, method, options, Some(15)).err();
            assert_eq!(found.as_deref(), problem, "{kind} {method}");
        }
    }
}
