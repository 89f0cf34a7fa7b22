//! Lines of the SSH server's configuration that every release of OpenSSH from 8.4 to 10.0 refuses, so that the server does
//! not start with them (`sshd -t` says the same).
//!
//! Distributions add keywords of their own, and newer releases bring new ones. So a keyword that is not in the table is
//! only told where it is a slip of a known one, and values only of keywords whose words have not changed.

use strsim::damerau_levenshtein;

/// What the manual of OpenSSH 8.4 to 10.0 has (sshd_config(5)), what the server still takes without any effect
/// (servconf.c, "deprecated" and "unsupported" keywords), and what Debian, Ubuntu, Red Hat and SUSE add, in small letters.
const KEYWORDS: &str = "acceptenv addressfamily allowagentforwarding allowgroups allowstreamlocalforwarding \
allowtcpforwarding allowusers authenticationmethods authorizedkeyscommand authorizedkeyscommanduser authorizedkeysfile \
authorizedprincipalscommand authorizedprincipalscommanduser authorizedprincipalsfile banner casignaturealgorithms \
challengeresponseauthentication channeltimeout chrootdirectory ciphers clientalivecountmax clientaliveinterval \
compression denygroups denyusers disableforwarding exposeauthinfo fingerprinthash forcecommand gatewayports \
gssapiauthentication gssapicleanupcredentials gssapistrictacceptorcheck gssapidelegatecredentials hostbasedacceptedalgorithms \
hostbasedacceptedkeytypes hostbasedauthentication hostbasedusesnamefrompacketonly hostcertificate hostkey hostkeyagent \
hostkeyalgorithms ignorerhosts ignoreuserknownhosts include ipqos kbdinteractiveauthentication kerberosauthentication \
kerberosgetafstoken kerberosorlocalpasswd kerberosticketcleanup kexalgorithms listenaddress logingracetime loglevel \
logverbose macs match maxauthtries maxsessions maxstartups modulifile passwordauthentication permitemptypasswords \
permitlisten permitopen permitrootlogin permittty permittunnel permituserenvironment permituserrc persourcemaxstartups \
persourcenetblocksize persourcepenalties persourcepenaltyexemptlist pidfile port printlastlog printmotd \
pubkeyacceptedalgorithms pubkeyacceptedkeytypes pubkeyauthoptions pubkeyauthentication refuseconnection rekeylimit \
requiredrsasize revokedkeys rdomain securitykeyprovider setenv sshdauthpath sshdsessionpath streamlocalbindmask \
streamlocalbindunlink strictmodes subsystem syslogfacility tcpkeepalive trustedusercakeys unusedconnectiontimeout \
usedns usepam versionaddendum x11displayoffset x11forwarding x11maxdisplays x11uselocalhost xauthlocation \
keepalive rsaauthentication rhostsauthentication rhostsrsaauthentication protocol serverkeybits keyregenerationinterval \
uselogin useprivilegeseparation verifyreversemapping reversemappingcheck dsaauthentication skeyauthentication \
authorizedkeysfile2 showpatchlevel checkmail pamauthenticationviakbdint allowedcertpurposes hostdsakey \
debianbanner gssapikeyexchange gssapistorecredentialsonrekey gssapienablek5users gssapikexalgorithms \
rsaminsize cryptopolicy useseccomp usefips exposeauthenticationmethods kerberosuniqueccache kerberosusekuserok showmotd \
usekrb5 x509rsasigtype cacertificatefile ldapservers";

/// Keywords that take nothing but yes or no. `true` and `false` are taken by some releases: they are not told.
const SWITCHES: [&str; 17] = [
    "allowagentforwarding",
    "disableforwarding",
    "exposeauthinfo",
    "gssapiauthentication",
    "hostbasedauthentication",
    "ignoreuserknownhosts",
    "kbdinteractiveauthentication",
    "passwordauthentication",
    "permitemptypasswords",
    "permittty",
    "printlastlog",
    "pubkeyauthentication",
    "strictmodes",
    "tcpkeepalive",
    "usedns",
    "usepam",
    "x11forwarding",
];

const ROOT_LOGIN: [&str; 5] = ["yes", "no", "prohibit-password", "without-password", "forced-commands-only"];

/// Keywords that take one whole number from the first figure on.
const NUMBERS: [(&str, u32, u32); 4] = [
    ("port", 1, 65_535),
    ("maxauthtries", 1, 2_147_483_647),
    ("maxsessions", 0, 2_147_483_647),
    ("x11displayoffset", 0, 2_147_483_647),
];

/// A slip changes one letter, or exchanges two.
const SLIP: usize = 1;

/// Short words are near to too many others.
const SHORTEST: usize = 6;

/// Why the server refuses the line of this keyword and value, both in small letters; `None` where it may take it.
pub(super) fn refused(keyword: &str, value: &str) -> Option<String> {
    let known = || KEYWORDS.split_whitespace();
    if !known().any(|one| one == keyword) {
        if keyword.len() < SHORTEST {
            return None;
        }
        let meant = known().find(|one| damerau_levenshtein(one, keyword) <= SLIP)?;
        return Some(format!("unknown keyword, probably meant to be `{meant}`"));
    }
    let words = if SWITCHES.contains(&keyword) {
        if value.is_empty() || ["yes", "no", "true", "false"].contains(&value) {
            None
        } else {
            Some("yes or no")
        }
    } else if keyword == "permitrootlogin" {
        let known = value.is_empty() || ROOT_LOGIN.contains(&value) || ["true", "false"].contains(&value);
        (!known).then_some("yes, no, prohibit-password or forced-commands-only")
    } else {
        None
    };
    if let Some(words) = words {
        return Some(format!("the value must be {words}"));
    }
    let (_, least, most) = NUMBERS.iter().find(|(name, ..)| *name == keyword)?;
    let is_plain = !value.is_empty() && !value.contains(char::is_whitespace);
    // An empty value is refused too, but a line that goes on elsewhere looks like one.
    let outside = is_plain && value.parse::<u32>().map_or(true, |number| !(*least..=*most).contains(&number));
    // The port may be a service's name.
    let named = *least == 1 && keyword == "port" && value.starts_with(|c: char| c.is_ascii_alphabetic());
    (outside && !named).then(|| match keyword {
        "port" => "the value must be a port from 1 to 65535".to_owned(),
        _ => format!("the value must be a whole number, {least} or more"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_release_takes_is_not_told() {
        for keyword in KEYWORDS.split_whitespace() {
            assert_eq!(refused(keyword, "").as_deref(), None, "{keyword}");
        }
        for (keyword, value) in [
            ("permitrootlogin", "prohibit-password"),
            ("permitrootlogin", "without-password"),
            ("passwordauthentication", "no"),
            ("usepam", "yes"),
            ("port", "2222"),
            ("port", "ssh"),
            ("maxsessions", "0"),
            // A newer release, or a distribution of its own.
            ("somethingnewer", "yes"),
            ("usea", "yes"),
            ("allowtcpforwarding", "local"),
            ("ignorerhosts", "shosts-only"),
            ("compression", "delayed"),
            ("gatewayports", "clientspecified"),
        ] {
            assert_eq!(refused(keyword, value), None, "{keyword} {value}");
        }
    }

    #[test]
    fn slips_and_values_that_no_release_takes_are_told() {
        for (keyword, value, part) in [
            ("permitrootlogins", "no", "meant to be `permitrootlogin`"),
            ("passwordauthentification", "no", ""),
            ("permitrootlogn", "no", "meant to be `permitrootlogin`"),
            ("pemritrootlogin", "no", "meant to be `permitrootlogin`"),
            ("permitrootlogin", "never", "prohibit-password"),
            ("passwordauthentication", "disabled", "yes or no"),
            ("x11forwarding", "off", "yes or no"),
            ("port", "22222222", "1 to 65535"),
            ("port", "0", "1 to 65535"),
            ("maxauthtries", "many", "1 or more"),
        ] {
            let found = refused(keyword, value);
            match part {
                // Two letters off: not certain.
                "" => assert_eq!(found, None, "{keyword}"),
                part => assert!(found.as_ref().is_some_and(|why| why.contains(part)), "{keyword}: {found:?}"),
            }
        }
    }
}
