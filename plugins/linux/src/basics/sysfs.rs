//! Devices as the kernel shows them below /sys: a folder each, with one value a file.

use std::collections::BTreeMap;

use goodstead_plugin::{Cause, CauseKind, Fact, Site, SiteExt};

use crate::basics::plain::plain;

/// The values of one device by the names of their files, which may lie in folders of their own.
#[derive(Debug, Default)]
pub(crate) struct Device(BTreeMap<String, Result<String, Cause>>);

/// Devices by name.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    /// In the order of their names.
    pub(crate) found: BTreeMap<String, Device>,
    /// Why there may be more.
    pub(crate) partial: Option<Cause>,
}

impl Devices {
    /// Reads what matches `globs`, all of which start with `folder` and its closing slash.
    ///
    /// # Errors
    /// Why nothing is known.
    pub(crate) fn read(site: &mut dyn Site, folder: &str, globs: &[&str]) -> Result<Devices, Cause> {
        let files = site.read_many(globs, &[])?;
        let mut devices = Devices { found: BTreeMap::new(), partial: files.partial };
        for file in files.files {
            let place = file.path.strip_prefix(folder).and_then(|rest| rest.split_once('/'));
            let Some((device, name)) = place else { continue };
            let value = file.content.map(|bytes| plain(&String::from_utf8_lossy(&bytes)));
            devices.found.entry(device.to_owned()).or_default().0.insert(name.to_owned(), value);
        }
        Ok(devices)
    }
}

impl Device {
    /// A value, where the file exists and could be read.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_ref().ok().map(String::as_str)
    }

    /// A value as a fact; `None` where the file does not exist.
    pub(crate) fn fact(&self, name: &str) -> Option<Fact> {
        Some(match self.0.get(name)? {
            Ok(text) => text.as_str().into(),
            Err(cause) => cause.clone().into(),
        })
    }

    /// A number as a fact; `None` where the file does not exist.
    pub(crate) fn number(&self, name: &str) -> Option<Fact> {
        let odd = || Fact::unknown(CauseKind::NotAvailable, format!("{name} holds no number"));
        Some(match self.0.get(name)? {
            Ok(text) => text.parse().map_or_else(|_| odd(), Fact::Int),
            Err(cause) => cause.clone().into(),
        })
    }

    /// The names of all its files.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
