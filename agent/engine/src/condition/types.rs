//! The types of expressions, and the names that a condition can start a path with.

use std::collections::BTreeMap;

use goodstead_protocol::contract::{Contract, Field, Shape};

use super::node::Root;

/// The type of an expression. Records and maps carry their declaration, so that the next step can be checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type<'c> {
    Bool,
    Int,
    Float,
    Text,
    /// A point in time; compares with times and with texts of that form.
    Time,
    /// Bool, int, float or text, as the site has it.
    Scalar,
    List(Box<Type<'c>>),
    /// The elements' declaration.
    Map(&'c Field),
    /// The declared fields.
    Record(&'c BTreeMap<String, Field>),
    /// The element of a list that is written empty: fits everything.
    Anything,
}

impl<'c> Type<'c> {
    pub(crate) fn of(field: &'c Field) -> Type<'c> {
        match &field.shape {
            Shape::Bool => Type::Bool,
            Shape::Int => Type::Int,
            Shape::Float => Type::Float,
            Shape::Text => Type::Text,
            Shape::Time => Type::Time,
            Shape::Scalar => Type::Scalar,
            Shape::List(element) => Type::List(Box::new(Type::of(element))),
            Shape::Map(element) => Type::Map(element),
            Shape::Record(fields) => Type::Record(fields),
        }
    }

    /// The type in words that complete "this is …".
    pub(crate) fn words(&self) -> &'static str {
        match self {
            Type::Bool => "a switch",
            Type::Int => "a whole number",
            Type::Float => "a float",
            Type::Text => "text",
            Type::Time => "a time",
            Type::Scalar => "a scalar",
            Type::List(_) => "a list",
            Type::Map(_) => "a map",
            Type::Record(_) => "a record",
            Type::Anything => "nothing",
        }
    }

    /// Whether it is one value and no collection of values.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Type::Bool | Type::Int | Type::Float | Type::Text | Type::Time | Type::Scalar)
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Float | Type::Scalar)
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self, Type::Text | Type::Time | Type::Scalar)
    }

    /// Whether values of the two can be held against each other. A scalar's type is judged at run time.
    pub(super) fn compares(&self, other: &Type<'_>) -> bool {
        match (self, other) {
            (Type::Anything, plain)
            | (plain, Type::Anything)
            | (Type::Scalar, plain)
            | (plain, Type::Scalar) => plain.is_plain() || *plain == Type::Anything,
            (Type::Int | Type::Float, Type::Int | Type::Float) => true,
            (Type::Bool, Type::Bool) | (Type::Text, Type::Text) | (Type::Time, Type::Time) => true,
            _ => false,
        }
    }

    /// The one type of two branches or elements, if there is one.
    pub(super) fn joined(self, other: Type<'c>) -> Option<Type<'c>> {
        match (self, other) {
            (one, two) if one == two => Some(one),
            (Type::Anything, one) | (one, Type::Anything) => Some(one),
            (Type::Scalar, plain) | (plain, Type::Scalar) if plain.is_plain() => Some(Type::Scalar),
            (Type::List(one), Type::List(two)) => Some(Type::List(Box::new(one.joined(*two)?))),
            _ => None,
        }
    }
}

/// The names that are in sight of a condition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Env<'c> {
    roots: BTreeMap<String, (Root, Type<'c>)>,
    /// Names that exist but not here, and why.
    absent: BTreeMap<String, String>,
}

impl<'c> Env<'c> {
    /// The names for a check of the plugin whose contract is `own`.
    pub(crate) fn of_check(
        own: &'c Contract,
        host: Option<&'c Contract>,
        linux: Option<&'c Contract>,
    ) -> Self {
        let mut env = Env::default();
        if let Some(host) = host {
            env.add("host", Root::Host, Type::Record(&host.fields));
        }
        if let Some(linux) = linux {
            env.add("linux", Root::Linux, Type::Record(&linux.fields));
        }
        // After `linux`: of a linux check, `linux` is the judged target.
        env.add(&own.plugin, Root::Own, Type::Record(&own.fields));
        env.add("previous", Root::Previous, Type::Record(&own.fields));
        env
    }

    fn add(&mut self, name: &str, root: Root, found: Type<'c>) {
        self.roots.insert(name.to_owned(), (root, found));
    }

    /// The same with `item`.
    pub(crate) fn with_item(&self, element: Type<'c>) -> Self {
        let mut env = self.clone();
        env.absent.remove("item");
        env.add("item", Root::Item, element);
        env
    }

    /// The same with `quantity`, which stands where `item` does: a capability judges no elements.
    pub(crate) fn with_quantity(&self) -> Self {
        let mut env = self.clone();
        env.add("quantity", Root::Item, Type::Int);
        env
    }

    /// The same with the reason why `name` is not in sight.
    pub(crate) fn without(mut self, name: &str, reason: &str) -> Self {
        self.absent.insert(name.to_owned(), reason.to_owned());
        self
    }

    pub(super) fn root(&self, name: &str) -> Option<(Root, Type<'c>)> {
        self.roots.get(name).cloned()
    }

    pub(super) fn why_absent(&self, name: &str) -> Option<&str> {
        self.absent.get(name).map(String::as_str)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.roots.keys().map(String::as_str)
    }
}
