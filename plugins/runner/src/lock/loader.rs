//! What libraries need of the system, loaded before the lock: afterwards no file can be opened.

/// The rest of the C runtime; its first part the runner has itself. Before version 2.34 of the GNU C library threads,
/// the loader and the real-time functions were libraries of their own, and what was built then names them still.
const RUNTIME: [&str; 4] = ["libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1"];

/// Loads them. Without one of them only the plugins that need it are not loaded.
pub(super) fn preload() {
    for name in RUNTIME {
        // SAFETY: the constructors of the system's own C runtime.
        if let Ok(library) = unsafe { libloading::Library::new(name) } {
            // For as long as the process lives.
            std::mem::forget(library);
        }
    }
}
