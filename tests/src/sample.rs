//! A check of a local pack: small, whole, and true of every host.

/// A check `id` that passes wherever the kernel setting `sysctl` can be read, with a case for each verdict.
pub fn check_of_sysctl(id: &str, sysctl: &str) -> String {
    TEXT.replace("ID", id).replace("SYSCTL", sysctl)
}

const TEXT: &str = r#"id = "ID"
title = "A local sample"
since = "0.1.0"
concern = "operability"
impact = "low"
likelihood = "low"
pass = 'linux.sysctl["SYSCTL"] >= 0'
evidence = ['linux.sysctl["SYSCTL"]']
why = "It is a sample."
remedy = "Do nothing."
[[case]]
name = "set"
facts.linux.sysctl = { "SYSCTL" = 60 }
expect = "pass"
[[case]]
name = "negative"
facts.linux.sysctl = { "SYSCTL" = -1 }
expect = "fail"
[[case]]
name = "not read"
facts.linux.sysctl = { "SYSCTL" = "$unknown" }
expect = "unknown"
"#;
