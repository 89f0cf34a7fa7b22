//! Where a result is shown: the configuration file that the evidence names, otherwise the check's own file.

use goodstead_model::Judgement;
use goodstead_protocol::fact::Fact;

use super::format::{ArtifactLocation, PhysicalLocation, Region};

/// Directories whose files nobody edits.
const VIRTUAL: [&str; 3] = ["/proc/", "/sys/", "/dev/"];

/// The physical location of a result; there always is one.
pub(super) fn of(judgement: &Judgement) -> PhysicalLocation {
    let named = judgement.evidence.iter().find_map(|evidence| in_value(&evidence.value));
    let named = named.or_else(|| judgement.items.iter().find_map(|item| in_text(item)));
    let (uri, line) = named.unwrap_or_else(|| (check_file(&judgement.id), 1));
    PhysicalLocation { artifact_location: ArtifactLocation { uri }, region: Region { start_line: line } }
}

/// The first file that a value names.
fn in_value(value: &Fact) -> Option<(String, u64)> {
    match value {
        Fact::Text(text) => in_text(text),
        Fact::List(list) => list.items.iter().find_map(in_value),
        _ => None,
    }
}

/// A text that is `/path/of/a/file` or `/path/of/a/file:LINE` and nothing else.
fn in_text(text: &str) -> Option<(String, u64)> {
    let (path, line) = match text.rsplit_once(':') {
        Some((path, line)) => (path, line.parse().ok().filter(|line| *line > 0)?),
        None => (text, 1),
    };
    let file = path.starts_with('/')
        && !path.ends_with('/')
        && !path.contains(char::is_whitespace)
        && !path.contains(char::is_control)
        && !VIRTUAL.iter().any(|directory| path.starts_with(directory));
    file.then(|| (format!("file://{}", escaped(path)), line))
}

/// The check's file, relative to the directory of the packs.
fn check_file(id: &str) -> String {
    let (pack, name) = id.split_once('.').unwrap_or(("checks", id));
    escaped(&format!("checks/{pack}/{name}.toml"))
}

/// A path as part of an address: every byte that RFC 3986 does not leave unreserved is escaped, because an id or a
/// path of a report from elsewhere may hold anything.
fn escaped(path: &str) -> String {
    let mut address = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            address.push(char::from(byte));
        } else {
            address.push_str(&format!("%{byte:02X}"));
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_whole_path_of_a_file_is_a_place() {
        let at = |text: &str| in_text(text);
        assert_eq!(at("/etc/sysctl.d/60-a b.conf:3"), None);
        assert_eq!(at("/etc/sysctl.d/60-a.conf:3"), Some(("file:///etc/sysctl.d/60-a.conf".into(), 3)));
        assert_eq!(at("/etc/fstab"), Some(("file:///etc/fstab".into(), 1)));
        assert_eq!(at("/etc/100%.conf:7"), Some(("file:///etc/100%25.conf".into(), 7)));
        for other in ["", "/", "/proc/1/limits", "relative.conf:2", "/etc/x.conf:0", "/etc/x.conf:y", "8:00"]
        {
            assert_eq!(at(other), None, "{other}");
        }
        let list = Fact::from_json(json!([1, "x", "/etc/hosts:2"])).unwrap();
        assert_eq!(check_file("linux.swap-full"), "checks/linux/swap-full.toml");
        assert_eq!(check_file("linux.a\u{1b}[ b"), "checks/linux/a%1B%5B%20b.toml");
        assert_eq!(in_value(&list), Some(("file:///etc/hosts".into(), 2)));
    }
}
