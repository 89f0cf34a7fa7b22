//! The plugin's library: its three functions, found once.

use goodstead_plugin::abi::{GoodsteadBytes, GoodsteadSite};

use crate::output;
use crate::site::{AgentSite, lend};

type ProtocolFn = unsafe extern "C" fn() -> u32;
type DiscoverFn = unsafe extern "C" fn(*const GoodsteadSite) -> i32;
type GatherFn = unsafe extern "C" fn(*const GoodsteadSite, GoodsteadBytes) -> i32;

/// A loaded plugin. Never unloaded: the process ends with it.
pub(crate) struct Library {
    protocol: u32,
    discover: DiscoverFn,
    gather: GatherFn,
}

impl Library {
    /// Loads the library and finds its functions.
    ///
    /// # Errors
    /// In words: it is no library, or does not export what a plugin exports.
    pub(crate) fn open(path: &str) -> Result<Library, String> {
        // SAFETY: loading runs the library's constructors. That is what this process is for: it holds nothing that the
        // plugin may not have, and a crash here costs this plugin's facts only.
        let library = unsafe { libloading::Library::new(path) }
            .map_err(|error| format!("it cannot be loaded: {}", described(&error)))?;
        let missing = |name: &str| format!("it does not export `{name}`, so it is no Goodstead plugin");
        // SAFETY: the three symbols have the types of the generated header; a library that exports others under these
        // names breaks itself only.
        let functions = unsafe {
            let protocol = library.get::<ProtocolFn>(b"goodstead_plugin_protocol\0");
            let discover = library.get::<DiscoverFn>(b"goodstead_plugin_discover\0");
            let gather = library.get::<GatherFn>(b"goodstead_plugin_gather\0");
            (
                *protocol.map_err(|_| missing("goodstead_plugin_protocol"))?,
                *discover.map_err(|_| missing("goodstead_plugin_discover"))?,
                *gather.map_err(|_| missing("goodstead_plugin_gather"))?,
            )
        };
        let (protocol, discover, gather) = functions;
        // The functions live as long as the library: for ever.
        std::mem::forget(library);
        // SAFETY: takes nothing and returns a number.
        let protocol = unsafe { protocol() };
        Ok(Library { protocol, discover, gather })
    }

    /// The protocol that the plugin speaks.
    pub(crate) fn protocol(&self) -> u32 {
        self.protocol
    }

    /// Has the plugin propose its targets; returns its code, 0 for success.
    pub(crate) fn discover(&self, site: &mut AgentSite) -> i32 {
        let site = lend(site);
        // SAFETY: the site lives until the call returns, which is as long as the plugin may use it.
        let code = unsafe { (self.discover)(&site) };
        output::flush();
        code
    }

    /// Has the plugin gather the facts of `target`; returns its code, 0 for success.
    pub(crate) fn gather(&self, site: &mut AgentSite, target: &[u8]) -> i32 {
        let site = lend(site);
        // SAFETY: the site and the target live until the call returns, which is as long as the plugin may use them.
        let code = unsafe { (self.gather)(&site, GoodsteadBytes::lend(target)) };
        output::flush();
        code
    }
}

/// The loader's own words, which `libloading` keeps behind the error.
fn described(error: &libloading::Error) -> String {
    match error {
        libloading::Error::DlOpen { source } => format!("{source}"),
        other => other.to_string(),
    }
}
