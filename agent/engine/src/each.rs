//! The list that a check judges element by element, and its items in the facts: each with a name, and why some are
//! missing if some are.

use goodstead_protocol::fact::{Cause, CauseKind, Fact};

use crate::condition::{Condition, ListPath, Root, Scope, cause_of, printed};

/// The declared list whose elements a check judges one by one.
#[derive(Debug, Clone)]
pub struct Each {
    source: String,
    root: Root,
    /// The names to each list on the way, from the element of the one before.
    lists: Vec<Vec<String>>,
    /// The fields that name the elements of each of these lists.
    keys: Vec<Option<String>>,
}

impl Each {
    /// The list at `path`, which the check writes as `source`.
    pub(crate) fn new(path: ListPath<'_>, source: String) -> Each {
        Each { source, root: path.root, lists: path.lists, keys: path.keys }
    }

    /// The path as it stands in the check: `linux.mounts[]`.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// The items of a list, with their names.
pub(crate) struct Items<'f> {
    pub(crate) items: Vec<(String, &'f Fact)>,
    /// Why some are missing, if some are.
    pub(crate) unknown: Option<Cause>,
}

/// The items that a check judges one by one.
pub(crate) fn items<'f>(each: &Each, scope: &Scope<'f>) -> Items<'f> {
    let mut found = Items { items: Vec::new(), unknown: None };
    gather(each, scope_root(each.root, scope), 0, String::new(), &mut found);
    found
}

fn scope_root<'f>(root: Root, scope: &Scope<'f>) -> &'f Fact {
    match root {
        Root::Host => scope.host,
        Root::Linux => scope.linux,
        _ => scope.own,
    }
}

/// Adds the items below `at`; the names of lists around it stand before an item's own.
fn gather<'f>(each: &Each, at: &'f Fact, depth: usize, prefix: String, found: &mut Items<'f>) {
    let Some(names) = each.lists.get(depth) else {
        found.items.push((prefix, at));
        return;
    };
    let mut at = at;
    for name in names {
        match at {
            Fact::Map(map) => match map.items.get(name) {
                Some(inner) => at = inner,
                None => {
                    let absent =
                        || Cause::new(CauseKind::Absent, format!("`{}` is not there", each.source()));
                    found
                        .unknown
                        .get_or_insert_with(|| map.partial.as_deref().cloned().unwrap_or_else(absent));
                    return;
                }
            },
            other => {
                found.unknown.get_or_insert_with(|| cause_of(other, || no_list(each)));
                return;
            }
        }
    }
    let Fact::List(list) = at else {
        found.unknown.get_or_insert_with(|| cause_of(at, || no_list(each)));
        return;
    };
    let key = each.keys.get(depth).and_then(Option::as_deref);
    for (position, item) in list.items.iter().enumerate() {
        let own = item_name(item, key).unwrap_or_else(|| format!("#{}", position + 1));
        let name = if prefix.is_empty() { own } else { format!("{prefix}/{own}") };
        gather(each, item, depth + 1, name, found);
    }
    if let Some(partial) = &list.partial {
        found.unknown.get_or_insert_with(|| (**partial).clone());
    }
}

fn no_list(each: &Each) -> Cause {
    Cause::new(CauseKind::Evaluation, format!("`{}` is no list here", each.source()))
}

fn item_name(item: &Fact, key: Option<&str>) -> Option<String> {
    match (item, key) {
        (Fact::Map(map), Some(key)) => printed(map.items.get(key)?),
        (Fact::Map(_), None) => None,
        (plain, _) => printed(plain),
    }
}

/// The expression with the item that it is about.
pub(crate) fn item_path(each: &Each, shown: &Condition, name: &str) -> String {
    let list = each.source().strip_suffix("[]").unwrap_or(each.source());
    match shown.rest_of_item() {
        Some(rest) => format!("{list}[{name:?}]{rest}"),
        None => format!("{} (item {name:?})", shown.source()),
    }
}
