//! One line of a sysctl.d file: which setting gets which value.

use crate::kernel::sysctl::fold;

/// An assignment, or an exclusion where there is no value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    /// The setting as a path below /proc/sys; it may hold the wild cards of glob(7).
    pub(crate) key: String,
    /// The value in the form of [`canonical`]; `None` for `-key`, which takes the key out.
    pub(crate) value: Option<String>,
    /// Whether failing to set it is no error (`-key = value`).
    pub(crate) may_fail: bool,
    /// The file that it stands in.
    pub(crate) file: String,
    /// Its line, from 1.
    pub(crate) number: i64,
}

impl Assignment {
    /// Whether the key is a pattern.
    pub(crate) fn is_glob(&self) -> bool {
        self.key.contains(['*', '?', '['])
    }
}

/// The assignments and exclusions of `text`, by the rules of sysctl.d(5). Lines that are neither are passed over, as
/// systemd does.
pub(crate) fn parse(file: &str, text: &str) -> Vec<Assignment> {
    (1..).zip(text.lines()).filter_map(|(number, line)| parse_line(file, number, line)).collect()
}

fn parse_line(file: &str, number: i64, line: &str) -> Option<Assignment> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    let (name, value) = match line.split_once('=') {
        Some((name, value)) => (name, Some(canonical(value))),
        None => (line, None),
    };
    let bare = name.strip_prefix('-');
    // Without a value only an exclusion has a meaning.
    if value.is_none() && bare.is_none() {
        return None;
    }
    let key = path_of(bare.unwrap_or(name).trim());
    (!key.is_empty()).then(|| Assignment {
        key,
        may_fail: bare.is_some(),
        value,
        file: file.to_owned(),
        number,
    })
}

/// The path below /proc/sys: where a dot comes before any slash, the two change places.
fn path_of(name: &str) -> String {
    match name.find(['.', '/']).and_then(|at| name.get(at..=at)) {
        Some(".") => name
            .chars()
            .map(|letter| match letter {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect(),
        _ => name.trim_start_matches('/').to_owned(),
    }
}

/// A value in the one form in which two can be compared: white space folded, whole numbers in decimal, as the kernel
/// reads them (`0x` for hexadecimal, a leading 0 for octal).
pub(crate) fn canonical(value: &str) -> String {
    fold(value).split(' ').map(decimal).collect::<Vec<_>>().join(" ")
}

fn decimal(word: &str) -> String {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", word),
    };
    let number = if let Some(digits) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        unsigned(digits, 16)
    } else if digits.starts_with('0') {
        unsigned(digits, 8)
    } else {
        unsigned(digits, 10)
    };
    match number {
        Some(0) => "0".to_owned(),
        Some(number) => format!("{sign}{number}"),
        None => word.to_owned(),
    }
}

fn unsigned(digits: &str, radix: u32) -> Option<u64> {
    // A sign in the middle is no number.
    if digits.starts_with('+') { None } else { u64::from_str_radix(digits, radix).ok() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(line: &str) -> Option<(String, Option<String>, bool)> {
        parse("f", line).pop().map(|line| (line.key, line.value, line.may_fail))
    }

    #[test]
    fn dots_and_slashes_are_read_as_the_manual_says() {
        let key = |line| one(line).unwrap().0;
        assert_eq!(key("kernel.panic = 1"), "kernel/panic");
        assert_eq!(key("kernel/panic=1"), "kernel/panic");
        assert_eq!(key("net.ipv4.conf.enp3s0/200.forwarding=1"), "net/ipv4/conf/enp3s0.200/forwarding");
        assert_eq!(key("net/ipv4/conf/enp3s0.200/forwarding=1"), "net/ipv4/conf/enp3s0.200/forwarding");
        assert_eq!(key("  -net.ipv4.conf.*.rp_filter  =  2  "), "net/ipv4/conf/*/rp_filter");
    }

    #[test]
    fn comments_and_nonsense_are_passed_over() {
        for line in ["", "  ", "# a = 1", "; a = 1", "a", "=", "= 1", "-", "-=1", "\u{0}"] {
            assert_eq!(one(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_dash_means_may_fail_or_take_out() {
        assert_eq!(one("-a.b = 1"), Some(("a/b".into(), Some("1".into()), true)));
        assert_eq!(one("-a.b"), Some(("a/b".into(), None, true)));
    }

    #[test]
    fn numbers_compare_as_the_kernel_reads_them() {
        assert_eq!(canonical(" 4096\t 0x10  010 -0 007"), "4096 16 8 0 7");
        assert_eq!(canonical("18446744073692774399"), "18446744073692774399");
        // Not octal, not a number, and a number that is too large stay text.
        assert_eq!(
            canonical("09 |/bin/x 0xfg +5 -- 99999999999999999999"),
            "09 |/bin/x 0xfg +5 -- 99999999999999999999"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_canonical_is_final(text in "\\PC*|(?s).*") {
            let _ = parse("f", &text);
            let once = canonical(&text);
            prop_assert_eq!(canonical(&once), once);
        }
    }
}
