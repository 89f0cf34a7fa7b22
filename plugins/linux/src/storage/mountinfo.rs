//! The lines of mountinfo, as proc_pid_mountinfo(5) describes them.

use crate::storage::file_system::Class;

/// One line of mountinfo (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mount {
    pub(super) id: String,
    pub(super) parent: String,
    pub(super) device: String,
    pub(super) root: String,
    /// The folder.
    pub(crate) target: String,
    options: String,
    /// The file system's type.
    pub(crate) fstype: String,
    /// The device, export or name.
    pub(crate) source: String,
    /// The options of the file system, as opposed to those of this mount of it.
    pub(crate) super_options: String,
}

impl Mount {
    /// What kind of storage it is.
    pub(crate) fn class(&self) -> Class {
        Class::of(&self.fstype, &self.source, &self.super_options)
    }

    /// Whether nothing can be written here, for whichever of the two reasons.
    pub(super) fn read_only(&self) -> bool {
        self.refuses_writes() || self.options.split(',').any(|option| option == "ro")
    }

    /// Whether the file system itself takes no writes, not only this mount of it.
    pub(crate) fn refuses_writes(&self) -> bool {
        self.super_options.split(',').any(|option| matches!(option, "ro" | "emergency_ro"))
    }
}

/// The mounts of `text`, and how many lines are none.
pub(crate) fn parse(text: &str) -> (Vec<Mount>, usize) {
    let mut mounts = Vec::new();
    let mut odd = 0;
    for line in text.lines().filter(|line| !line.is_empty()) {
        match parse_line(line) {
            Some(mount) => mounts.push(mount),
            None => odd += 1,
        }
    }
    (mounts, odd)
}

fn parse_line(line: &str) -> Option<Mount> {
    // Single blanks, not any white space: a source may be empty.
    let mut fields = line.split(' ');
    let mut next = || fields.next().map(str::to_owned);
    let (id, parent, device, root, target, options) = (next()?, next()?, next()?, next()?, next()?, next()?);
    let numbers = [&id, &parent].iter().all(|number| number.parse::<u64>().is_ok());
    // Optional fields follow, up to a dash.
    let mut fields = fields.skip_while(|field| *field != "-").skip(1);
    let (fstype, source, super_options) = (fields.next()?, fields.next()?, fields.next()?);
    let target = unescape(&target);
    (numbers && target.starts_with('/')).then(|| Mount {
        id,
        parent,
        device,
        root: unescape(&root),
        target,
        options,
        fstype: fstype.to_owned(),
        source: unescape(source),
        super_options: super_options.to_owned(),
    })
}

/// Undoes the kernel's escapes: blanks, tabs, line ends and backslashes stand as three octal digits.
pub(crate) fn unescape(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let [first, after @ ..] = rest {
        let octal = |digit: &u8| (b'0'..=b'7').contains(digit).then(|| u32::from(digit - b'0'));
        let escaped = match after {
            [a, b, c, more @ ..] if *first == b'\\' => {
                let value = (|| Some(octal(a)? * 64 + octal(b)? * 8 + octal(c)?))();
                value.and_then(|value| u8::try_from(value).ok()).map(|byte| (byte, more))
            }
            _ => None,
        };
        let (byte, more) = escaped.unwrap_or((*first, after));
        bytes.push(byte);
        rest = more;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(r"/mnt/a\040b\011c\134d"), "/mnt/a b\tc\\d");
        assert_eq!(unescape(r"\04 \999 \777 \"), r"\04 \999 \777 \");
    }

    #[test]
    fn types_and_sources_may_be_odd() {
        let (mounts, odd) = parse("30 27 0:9 / /a rw -  - none  rw\n30 27 0:9 / /b rw - tmpfs  rw\n");
        assert_eq!((mounts.len(), odd), (2, 0));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(?s).*") {
            let _ = unescape(&text);
            parse(&text);
        }
    }
}
