//! What a library's headers ask of the process before any of its code runs.
//!
//! Memory that is written must not be run: a library that needs it otherwise is refused here, where the reason can be
//! named. The lock refuses the same of the calls that the loader or the library would make (`lock/seccomp.rs`).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The sizes of ELF's own structures, 64 bit.
const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const DYNAMIC_ENTRY: usize = 16;

/// More program headers than this no linker writes.
const MAX_PROGRAM_HEADERS: usize = 256;

/// More dynamic entries than this no linker writes.
const MAX_DYNAMIC_ENTRIES: usize = 4096;

const EXECUTABLE: u32 = libc::PF_X;
const WRITABLE: u32 = libc::PF_W;
const DT_TEXTREL: u64 = 22;
const DT_FLAGS: u64 = 30;
const DF_TEXTREL: u64 = 4;

/// Refuses a library that asks for memory that is both writable and executable. What is not an ELF library of this
/// machine is left to the loader, which refuses it.
///
/// # Errors
/// In words: what it asks for, and how it is built without.
pub(crate) fn inspect(library: &File) -> Result<(), String> {
    let unreadable = |error: io::Error| format!("its headers cannot be read: {error}");
    let mut header = [0; HEADER];
    if library.read_exact_at(&mut header, 0).is_err() || !is_of_this_machine(&header) {
        return Ok(());
    }
    let count = usize::from(half(&header, 56));
    if usize::from(half(&header, 54)) != PROGRAM_HEADER || count > MAX_PROGRAM_HEADERS {
        return Err("its program headers are malformed".to_owned());
    }
    let mut table = vec![0; count * PROGRAM_HEADER];
    library.read_exact_at(&mut table, long(&header, 32)).map_err(unreadable)?;
    let mut stack = None;
    for program in table.chunks_exact(PROGRAM_HEADER) {
        let flags = word(program, 4);
        match word(program, 0) {
            libc::PT_LOAD if flags & WRITABLE != 0 && flags & EXECUTABLE != 0 => {
                return Err(
                    "one of its segments is writable and executable; link it without -N or a script that \
                            merges code and data"
                        .to_owned(),
                );
            }
            libc::PT_GNU_STACK => stack = Some(flags),
            libc::PT_DYNAMIC => {
                let size = usize::try_from(long(program, 32)).unwrap_or(usize::MAX);
                let mut entries = vec![0; size.min(MAX_DYNAMIC_ENTRIES * DYNAMIC_ENTRY)];
                library.read_exact_at(&mut entries, long(program, 8)).map_err(unreadable)?;
                without_text_relocations(&entries)?;
            }
            _ => {}
        }
    }
    match stack {
        Some(flags) if flags & EXECUTABLE == 0 => Ok(()),
        Some(_) => Err("it asks for an executable stack; link it with -z noexecstack".to_owned()),
        None => {
            Err("it does not say that its stack is not executable; link it with -z noexecstack".to_owned())
        }
    }
}

/// Whether this is a 64 bit ELF file in this machine's order of bytes.
fn is_of_this_machine(header: &[u8]) -> bool {
    let order = if cfg!(target_endian = "little") { 1 } else { 2 };
    header.starts_with(&[0x7f, b'E', b'L', b'F', 2, order])
}

fn without_text_relocations(entries: &[u8]) -> Result<(), String> {
    for entry in entries.chunks_exact(DYNAMIC_ENTRY) {
        match (long(entry, 0), long(entry, 8)) {
            (0, _) => break,
            (DT_TEXTREL, _) => return Err(text_relocations()),
            (DT_FLAGS, flags) if flags & DF_TEXTREL != 0 => return Err(text_relocations()),
            _ => {}
        }
    }
    Ok(())
}

fn text_relocations() -> String {
    "its code is changed while it is loaded (text relocations); build it with -fPIC".to_owned()
}

fn half(bytes: &[u8], at: usize) -> u16 {
    field(bytes, at).map_or(0, u16::from_ne_bytes)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    field(bytes, at).map_or(0, u32::from_ne_bytes)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    field(bytes, at).map_or(0, u64::from_ne_bytes)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}
