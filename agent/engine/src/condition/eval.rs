//! Evaluation with three values: true, false and unknown.
//!
//! A result is unknown only when an unknown value decides it, and then carries the cause of the first one that did.
//! What cannot be computed is unknown too, with a cause that names paths and types and never a value of the site.
//! Every step costs fuel; a condition that runs out of it is unknown.

use std::borrow::Cow;
use std::cmp::Ordering;

use goodstead_protocol::fact::{Cause, CauseKind, Elements, Fact};

use super::node::{Comprehension, Node, Quantifier, Root, Step};
use super::{functions, operate};

/// The steps that one evaluation may take.
pub(crate) const FUEL: u64 = 1_000_000;

/// The facts that a condition sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'f> {
    /// Of the judged target.
    pub(crate) own: &'f Fact,
    pub(crate) host: &'f Fact,
    pub(crate) linux: &'f Fact,
    pub(crate) previous: &'f Fact,
    /// The judged element, under `each`; of a capability, the licensed quantity.
    pub(crate) item: &'f Fact,
}

impl<'f> Scope<'f> {
    pub(super) fn root(&self, root: Root) -> &'f Fact {
        match root {
            Root::Own => self.own,
            Root::Host => self.host,
            Root::Linux => self.linux,
            Root::Previous => self.previous,
            Root::Item => self.item,
        }
    }
}

/// The value of `node`; the work is taken off `fuel`.
pub(super) fn evaluate(node: &Node, scope: &Scope<'_>, fuel: &mut u64) -> Fact {
    let mut evaluation = Evaluation { scope, fuel: *fuel, locals: Vec::new() };
    let value = evaluation.eval(node).into_owned();
    *fuel = evaluation.fuel;
    value
}

/// A cause for what cannot be computed.
pub(super) fn failed(detail: impl Into<String>) -> Cause {
    Cause::new(CauseKind::Evaluation, detail)
}

struct Evaluation<'s, 'f> {
    scope: &'s Scope<'f>,
    fuel: u64,
    locals: Vec<Cow<'f, Fact>>,
}

type Value<'f> = Cow<'f, Fact>;

fn owned<'f>(fact: impl Into<Fact>) -> Value<'f> {
    Cow::Owned(fact.into())
}

impl<'f> Evaluation<'_, 'f> {
    /// Takes `work` off the fuel; false when it is used up.
    fn spend(&mut self, work: usize) -> bool {
        self.fuel = self.fuel.saturating_sub(work as u64);
        self.fuel > 0
    }

    fn eval(&mut self, node: &'f Node) -> Value<'f> {
        if !self.spend(1) {
            return owned(failed("the condition takes too much work on this site's facts"));
        }
        match node {
            Node::Literal(fact) => Cow::Borrowed(fact),
            Node::Root(root) => Cow::Borrowed(self.scope.root(*root)),
            Node::Local(at) => match self.locals.get(*at) {
                Some(Cow::Borrowed(fact)) => Cow::Borrowed(*fact),
                Some(Cow::Owned(fact)) => {
                    let copy = Cow::Owned(fact.clone());
                    self.spend(size(&copy));
                    copy
                }
                None => owned(failed("a variable has no value here")),
            },
            Node::Select(of, step) | Node::Key(of, step) => {
                let of = self.eval(of);
                select(of, step)
            }
            Node::At(of, position) => {
                let (of, position) = (self.eval(of), self.eval(position));
                at(of, &position)
            }
            Node::Has(of, step) => match &*self.eval(of) {
                Fact::Map(map) => match map.items.get(&step.name) {
                    Some(Fact::Unknown(cause)) => Cow::Owned(Fact::Unknown(cause.clone())),
                    Some(_) => owned(true),
                    None => owned(false),
                },
                other => owned(unknown_or(other, || failed(format!("`{}` is not in a record", step.path)))),
            },
            Node::List(nodes) => {
                let items: Vec<Fact> = nodes.iter().map(|node| self.eval(node).into_owned()).collect();
                owned(items)
            }
            Node::Not(of) => match &*self.eval(of) {
                Fact::Bool(value) => owned(!value),
                other => owned(unknown_or(other, no_switch)),
            },
            Node::Negate(of) => {
                let value = self.eval(of);
                owned(operate::negate(&value))
            }
            Node::And(left, right) => self.either(left, right, false),
            Node::Or(left, right) => self.either(left, right, true),
            Node::Conditional(parts) => {
                let [test, yes, no] = &**parts;
                match &*self.eval(test) {
                    Fact::Bool(true) => self.eval(yes),
                    Fact::Bool(false) => self.eval(no),
                    other => owned(unknown_or(other, no_switch)),
                }
            }
            Node::Compare(comparison, left, right) => {
                let (one, two) = (self.eval(left), self.eval(right));
                self.spend(text_work(&one).min(text_work(&two)));
                owned(operate::compare(*comparison, &one, &two, left.path().or(right.path())))
            }
            Node::Arithmetic(operation, left, right) => {
                let (one, two) = (self.eval(left), self.eval(right));
                self.spend(text_work(&one) + text_work(&two));
                owned(operate::arithmetic(*operation, &one, &two, left.path().or(right.path())))
            }
            Node::In(value, of) => {
                let (value, of) = (self.eval(value), self.eval(of));
                owned(self.membership(&value, &of))
            }
            Node::Call(function, arguments) => {
                let path = arguments.first().and_then(Node::path);
                let values: Vec<Value<'f>> = arguments.iter().map(|argument| self.eval(argument)).collect();
                self.spend(values.iter().map(|value| text_work(value)).sum());
                owned(functions::call(*function, &values, path))
            }
            Node::Matches(text, regex) => {
                let value = self.eval(text);
                self.spend(text_work(&value));
                owned(functions::on_text(&value, text.path(), |text| Ok(regex.is_match(text).into())))
            }
            Node::VersionIn(text, range) => {
                let value = self.eval(text);
                owned(functions::on_text(&value, text.path(), |version| match range.holds(version) {
                    Some(holds) => Ok(holds.into()),
                    None => Err(failed(match text.path() {
                        Some(path) => format!("`{path}` does not start with a version number"),
                        None => "a version does not start with a number".to_owned(),
                    })),
                }))
            }
            Node::Each(each) => self.each(each),
        }
    }

    /// `&&` and `||`: the side that equals `decides` decides, whatever is known of the other.
    fn either(&mut self, left: &'f Node, right: &'f Node, decides: bool) -> Value<'f> {
        let one = self.eval(left);
        if matches!(&*one, Fact::Bool(value) if *value == decides) {
            return one;
        }
        let two = self.eval(right);
        match (&*one, &*two) {
            (_, Fact::Bool(value)) if *value == decides => two,
            (Fact::Bool(_), Fact::Bool(_)) => two,
            (Fact::Bool(_), other) | (other, _) => owned(unknown_or(other, no_switch)),
        }
    }

    fn membership(&mut self, value: &Fact, of: &Fact) -> Fact {
        if let Fact::Unknown(_) = value {
            return value.clone();
        }
        match of {
            Fact::List(list) => {
                let mut unknown = None;
                for item in &list.items {
                    if !self.spend(1 + text_work(item)) {
                        return failed("the condition takes too much work on this site's facts").into();
                    }
                    match operate::order(value, item) {
                        Ok(Ordering::Equal) => return true.into(),
                        Ok(_) => {}
                        Err(cause) => _ = unknown.get_or_insert(cause),
                    }
                }
                absent_unless(unknown.or_else(|| list.partial.as_deref().cloned()))
            }
            Fact::Map(map) => match value {
                Fact::Text(name) if map.items.contains_key(name) => true.into(),
                Fact::Text(_) => absent_unless(map.partial.as_deref().cloned()),
                _ => failed("a name in a map is text").into(),
            },
            other => unknown_or(other, || failed("`in` needs a list or a map")),
        }
    }

    fn each(&mut self, each: &'f Comprehension) -> Value<'f> {
        let (items, partial) = match self.eval(&each.over) {
            Cow::Borrowed(Fact::List(list)) => {
                (list.items.iter().map(Cow::Borrowed).collect(), list.partial.as_deref().cloned())
            }
            Cow::Owned(Fact::List(list)) => {
                (list.items.into_iter().map(Cow::Owned).collect(), list.partial.map(|cause| *cause))
            }
            over => match &*over {
                Fact::Map(map) => {
                    let names = map.items.keys().map(|name| owned(name.as_str())).collect::<Vec<Value<'f>>>();
                    (names, map.partial.as_deref().cloned())
                }
                other => return owned(unknown_or(other, || failed("a list macro needs a list"))),
            },
        };
        self.spend(items.len());
        let mut state = Gathered { trues: 0, kept: Vec::new(), unknown: None };
        for item in items {
            let step = self.step(each, item);
            let done = match (each.kind, step.0) {
                (Quantifier::All, Fact::Bool(false)) => return owned(false),
                (Quantifier::Exists, Fact::Bool(true)) => return owned(true),
                (kind, Fact::Bool(true)) => {
                    state.trues += 1;
                    state.kept.extend(step.1);
                    kind == Quantifier::ExistsOne && state.trues > 1
                }
                (_, Fact::Bool(false)) => false,
                (_, other) => {
                    state.unknown.get_or_insert_with(|| cause_of(&other, no_switch));
                    self.fuel == 0
                }
            };
            if done {
                break;
            }
        }
        owned(state.result(each.kind, partial))
    }

    /// The test's value for one element, and what the macro makes of it.
    fn step(&mut self, each: &'f Comprehension, item: Value<'f>) -> (Fact, Option<Fact>) {
        self.locals.push(item);
        let test = match &each.test {
            Some(test) => self.eval(test).into_owned(),
            None => true.into(),
        };
        let made = match (&each.image, each.kind, &test) {
            (Some(image), Quantifier::Collect, Fact::Bool(true)) => Some(self.eval(image).into_owned()),
            (None, Quantifier::Collect, Fact::Bool(true)) => {
                self.locals.last().map(|item| item.clone().into_owned())
            }
            _ => None,
        };
        self.locals.pop();
        match &made {
            Some(made) if !self.spend(size(made)) => {
                (failed("the condition takes too much work on this site's facts").into(), None)
            }
            _ => (test, made),
        }
    }
}

/// What a list macro has seen.
struct Gathered {
    trues: usize,
    kept: Vec<Fact>,
    unknown: Option<Cause>,
}

impl Gathered {
    fn result(self, kind: Quantifier, partial: Option<Cause>) -> Fact {
        let unknown = self.unknown.or(partial);
        match (kind, unknown) {
            (Quantifier::Collect, partial) => {
                Fact::List(Elements { items: self.kept, partial: partial.map(Box::new) })
            }
            // A second one decides it, whatever is not known.
            (Quantifier::ExistsOne, _) if self.trues > 1 => false.into(),
            (_, Some(cause)) => cause.into(),
            (Quantifier::All, None) => true.into(),
            (Quantifier::Exists, None) => false.into(),
            (Quantifier::ExistsOne, None) => (self.trues == 1).into(),
        }
    }
}

fn select<'f>(of: Value<'f>, step: &Step) -> Value<'f> {
    let found = match of {
        Cow::Borrowed(Fact::Map(map)) => match (map.items.get(&step.name), &map.partial) {
            (Some(fact), _) => Ok(Cow::Borrowed(fact)),
            (None, partial) => Err(partial.as_deref().cloned()),
        },
        Cow::Owned(Fact::Map(mut map)) => match (map.items.remove(&step.name), map.partial) {
            (Some(fact), _) => Ok(Cow::Owned(fact)),
            (None, partial) => Err(partial.map(|cause| *cause)),
        },
        other => return owned(unknown_or(&other, || failed(format!("`{}` is not in a record", step.path)))),
    };
    found.unwrap_or_else(|partial| {
        owned(
            partial.unwrap_or_else(|| Cause::new(CauseKind::Absent, format!("`{}` is not there", step.path))),
        )
    })
}

fn at<'f>(of: Value<'f>, position: &Fact) -> Value<'f> {
    let Fact::Int(position) = position else {
        return owned(match &*of {
            Fact::Unknown(_) => of.into_owned(),
            _ => unknown_or(position, || failed("a position in a list is a whole number")),
        });
    };
    let position = usize::try_from(*position).ok();
    let found = match of {
        Cow::Borrowed(Fact::List(list)) => position
            .and_then(|at| list.items.get(at))
            .map(Cow::Borrowed)
            .ok_or(list.partial.as_deref().cloned()),
        Cow::Owned(Fact::List(mut list)) => match position.filter(|at| *at < list.items.len()) {
            Some(at) => Ok(Cow::Owned(list.items.swap_remove(at))),
            None => Err(list.partial.map(|cause| *cause)),
        },
        other => return owned(unknown_or(&other, || failed("an index needs a list"))),
    };
    // A negative position is beyond every list, however much of it could be read.
    found.unwrap_or_else(|partial| {
        owned(
            partial.filter(|_| position.is_some()).unwrap_or_else(|| failed("the list has no such position")),
        )
    })
}

fn absent_unless(unknown: Option<Cause>) -> Fact {
    unknown.map_or(Fact::Bool(false), Fact::from)
}

fn no_switch() -> Cause {
    failed("a condition is neither true nor false")
}

/// The cause of an unknown, or the one for a value that cannot stand here.
pub(crate) fn cause_of(fact: &Fact, otherwise: impl FnOnce() -> Cause) -> Cause {
    match fact {
        Fact::Unknown(cause) => (**cause).clone(),
        _ => otherwise(),
    }
}

fn unknown_or(fact: &Fact, otherwise: impl FnOnce() -> Cause) -> Fact {
    cause_of(fact, otherwise).into()
}

/// What looking through a text costs.
fn text_work(fact: &Fact) -> usize {
    if let Fact::Text(text) = fact { text.len() / 64 } else { 0 }
}

/// The number of values in a fact.
fn size(fact: &Fact) -> usize {
    1 + match fact {
        Fact::List(list) => list.items.iter().map(size).sum(),
        Fact::Map(map) => map.items.values().map(size).sum(),
        other => text_work(other),
    }
}
