//! The committed corpora, run once more as they are and then broken in many small ways, the same ones every time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often each committed file is broken where that costs little.
pub const MUTATIONS: u64 = 500;

/// More than any input may take, even without optimisation and on a busy machine: "always ends" in a figure.
const PATIENCE: Duration = Duration::from_secs(10);

/// What parsers stumble over: brackets, quotes, ends, numbers at their borders, bytes that are no text.
const TOKENS: [&[u8]; 32] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\\u0000",
    b"\"",
    b"'",
    b"\\",
    b"[[",
    b"{{",
    b"}}",
    b"(((((((((((((((((((((((",
    b"[[[[[[[[[[[[[[[[",
    b"!!!!!!!!!!!!!!!!",
    b"-",
    b".",
    b",",
    b"=",
    b"#",
    b"@/",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"1e999",
    b"null",
    b"$unknown",
    b"\x1e",
    b"\x1f",
    b"all(x, x",
];

/// Runs every file in `folder`, then `rounds` mutations of each.
///
/// # Panics
/// When `run` does, having told the file and the round; when an input takes too long; when there is no file.
pub fn replay(folder: &Path, rounds: u64, run: impl Fn(&[u8])) {
    let files = files(folder);
    assert!(!files.is_empty(), "nothing in {}", folder.display());
    for file in files {
        let seed = fs::read(&file).expect("a readable file");
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        for round in 0..=rounds {
            let data = if round == 0 { seed.clone() } else { mutated(&seed, &name, round) };
            let told = Told { file: &file, round, data: &data };
            let begun = Instant::now();
            run(&data);
            assert!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
            drop(told);
        }
    }
}

/// The files in `folder` and below, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of inputs").flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Names the input when the run panics.
struct Told<'a> {
    file: &'a Path,
    round: u64,
    data: &'a [u8],
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Told { file, round, data } = self;
            eprintln!("{}, mutation {round}: {}", file.display(), data.escape_ascii());
        }
    }
}

/// `seed`, broken in one to four places; which ones depends on the name and the round alone.
fn mutated(seed: &[u8], name: &str, round: u64) -> Vec<u8> {
    let mut dice = Dice::new(name, round);
    let mut data = seed.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(data.len() + 1);
        let end = (at + 1 + dice.below(16)).min(data.len());
        match dice.below(6) {
            0 => data.truncate(at),
            1 => _ = data.drain(at..end),
            2 => {
                let part = data[at..end].to_vec();
                data.splice(at..at, part);
            }
            3 => {
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= 1 << dice.below(8);
                }
            }
            4 => {
                let token = TOKENS[dice.below(TOKENS.len())];
                data.splice(at..end, token.iter().copied());
            }
            _ => {
                let token = TOKENS[dice.below(TOKENS.len())];
                data.splice(at..at, token.iter().copied());
            }
        }
    }
    data
}

/// Numbers that look random and are the same on every machine (xorshift64).
struct Dice(u64);

impl Dice {
    fn new(name: &str, round: u64) -> Self {
        let mix = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        let state = name.bytes().chain(round.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, mix);
        Dice(state | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or_default() % end
    }
}
