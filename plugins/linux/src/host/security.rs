//! The age of the software, who can get in, names and certificates, put together.

use goodstead_plugin::{Cause, Fact, Site, UnknownOr};

use crate::access::accounts::Accounts;
use crate::access::sudo::Sudoers;
use crate::access::{ca_bundle, certificates, nologin, sensitive_files, sshd, sudo};
use crate::network::names;
use crate::software::os::OsRelease;
use crate::software::{apt_sources, os, packages, reboot, support, updates};
use crate::{Record, named, when};

/// The facts by name; `now` is in seconds since 1970.
pub(crate) fn facts(
    site: &mut dyn Site,
    running: bool,
    os: &Result<OsRelease, Cause>,
    now: &Result<i64, Cause>,
) -> Record {
    let accounts = Accounts::read(site);
    let supported = os
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|os| now.clone().and_then(|now| support::support(site, os, now)));
    let (sshd, sshd_refused) = match sshd::sshd(site) {
        Ok([settings, refused]) => (settings, refused),
        Err(cause) => (cause.clone().into(), cause.into()),
    };
    named([
        ("full_system", os::full_system(site).or_unknown()),
        ("support", supported.or_unknown()),
        ("reboot", when(running, || Ok(reboot::reboot(site, now))).or_unknown()),
        ("packages", now.clone().map(|now| packages::packages(site, now)).or_unknown()),
        ("package_sources", apt_sources::package_sources(site).or_unknown()),
        ("updates", now.clone().and_then(|now| updates::updates(site, now)).or_unknown()),
        ("accounts", accounts.as_ref().map(Accounts::facts).map_err(Clone::clone).or_unknown()),
        ("sudo", sudoers(site, &accounts).or_unknown()),
        ("nologin", nologin::nologin(site, now).or_unknown()),
        ("sshd", sshd),
        ("sshd_refused", sshd_refused),
        ("sensitive_files", sensitive_files::sensitive_files(site, accounts.as_ref()).or_unknown()),
        ("names", names::names(site, running)),
        ("certificates", certificates::certificates(site, now)),
        ("ca_bundle", ca_bundle::ca_bundle(site).or_unknown()),
    ])
}

/// The list `sudo`, for which both its rules and the accounts must be known.
fn sudoers(site: &mut dyn Site, accounts: &Result<Accounts, Cause>) -> Result<Fact, Cause> {
    let accounts = accounts.as_ref().map_err(Clone::clone)?;
    let sudoers = Sudoers::read(site)?;
    Ok(sudo::facts(site, &sudoers, accounts))
}
