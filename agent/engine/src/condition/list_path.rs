//! The path of `each`: to a declared list, perhaps through the elements of others.

use goodstead_protocol::contract::{Field, Shape};

use super::compile::{Compiler, undeclared};
use super::node::Root;
use super::{Env, Problem, Type};

/// A path to a list, for `each`: the names on it, and the type of the innermost elements.
pub(crate) struct ListPath<'c> {
    pub(crate) root: Root,
    pub(crate) lists: Vec<Vec<String>>,
    pub(crate) keys: Vec<Option<String>>,
    pub(crate) element: Type<'c>,
}

/// Resolves `linux.mounts[]`, `postgresql.databases[].tables[]`.
pub(crate) fn list_path<'c>(source: &str, env: &Env<'c>) -> Result<ListPath<'c>, Problem> {
    let lists = |help: &str| {
        Problem::new("bad-each", format!("`{source}` names no list"))
            .help(format!("{help}, for example linux.mounts[]"))
    };
    let Some(path) = source.strip_suffix("[]") else {
        return Err(lists("`each` names a declared list, with `[]`"));
    };
    let (name, rest) = path.split_once('.').ok_or_else(|| lists("`each` is a path"))?;
    let (root, mut kind) = match env.root(name) {
        Some((root @ (Root::Own | Root::Host | Root::Linux), kind)) => (root, kind),
        _ => {
            let unknown = Compiler::new(env).name(name).err();
            return Err(unknown.unwrap_or_else(|| lists("`each` is about what the scan sees now")));
        }
    };
    let mut found = ListPath { root, lists: Vec::new(), keys: Vec::new(), element: Type::Anything };
    let mut at = name.to_owned();
    for part in rest.split("[].") {
        let mut names = Vec::new();
        let mut field = None;
        for name in part.split('.') {
            at = format!("{at}.{name}");
            let Type::Record(fields) = kind else { return Err(lists("the names before a list are records")) };
            let next = fields.get(name).ok_or_else(|| undeclared(&at, name, fields))?;
            kind = Type::of(next);
            field = Some(next);
            names.push(name.to_owned());
        }
        let Some(Field { shape: Shape::List(element), key, .. }) = field else {
            let words = kind.words();
            return Err(Problem::new("bad-each", format!("`{at}` is {words}, and `each` judges lists only")));
        };
        kind = Type::of(element);
        at.push_str("[]");
        found.lists.push(names);
        found.keys.push(key.clone());
    }
    found.element = kind;
    Ok(found)
}
