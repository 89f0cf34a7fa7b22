//! Conditions: CEL, checked against the fact contracts when a pack loads, evaluated with a third value for "unknown".
//!
//! The `cel` crate only parses. Its own evaluator takes `==` between types for false and `has()` of something missing
//! for false, has no limit, and prints values in its errors; here such a condition is refused at load or its value is
//! unknown, with a cause in our words. A condition that was compiled always ends: its depth is bounded and every
//! evaluation has a limited amount of work.

mod calls;
mod compile;
mod eval;
mod foreign;
mod functions;
mod limits;
mod list_path;
mod macros;
mod node;
mod operate;
mod operators;
mod paths;
mod types;
mod version;

use std::ops::Range;

use cel::common::ast::IdedExpr;
use goodstead_protocol::contract::Unit;
use goodstead_protocol::fact::{Cause, Fact};

pub(crate) use eval::{FUEL, Scope, cause_of};
pub(crate) use functions::plain as printed;
pub(crate) use list_path::{ListPath, list_path};
pub(crate) use node::Root;
use node::{Function, Node};
pub(crate) use types::{Env, Type};

/// What is wrong with a condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// Where in the condition's text, in bytes; `None` when all of it is meant.
    pub(crate) at: Option<Range<usize>>,
    /// What else is wrong with the same text.
    pub(crate) more: Vec<Problem>,
    /// The parser's number of the offending node.
    node: Option<u64>,
}

impl Problem {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Problem { code, message: message.into(), help: None, at: None, more: Vec::new(), node: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// The same problem and those beside it, one by one.
    pub(crate) fn each(mut self) -> impl Iterator<Item = Problem> {
        let more = std::mem::take(&mut self.more);
        std::iter::once(self).chain(more.into_iter().flat_map(|problem| problem.each().collect::<Vec<_>>()))
    }

    /// The same with every place moved by `change`, also of those beside it.
    pub(crate) fn placed(mut self, change: &impl Fn(Option<Range<usize>>) -> Option<Range<usize>>) -> Self {
        self.at = change(self.at.take());
        self.more = self.more.into_iter().map(|problem| problem.placed(change)).collect();
        self
    }

    /// Two results that do not depend on each other; where both are problems, they are reported together.
    fn both<T, U>(left: Result<T, Problem>, right: Result<U, Problem>) -> Result<(T, U), Problem> {
        match (left, right) {
            (Err(mut problem), Err(other)) => {
                problem.more.push(other);
                Err(problem)
            }
            (left, right) => Ok((left?, right?)),
        }
    }

    /// The same at a node, unless a place nearer to the cause is known.
    fn at(mut self, expr: &IdedExpr) -> Self {
        self.node = self.node.or(Some(expr.id));
        self
    }
}

/// A condition, or any other expression of a check, that fits the contracts.
#[derive(Debug, Clone)]
pub struct Condition {
    source: String,
    node: Node,
    unit: Option<Unit>,
}

impl Condition {
    /// The text as it stands in the check.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What takes the place of a condition that cannot be judged: its value is unknown everywhere.
    pub(crate) fn unknown(source: &str, cause: Cause) -> Condition {
        Condition { source: source.to_owned(), node: Node::Literal(Fact::from(cause)), unit: None }
    }

    /// What a number that it yields counts, where the contract says so.
    pub(crate) fn unit(&self) -> Option<Unit> {
        self.unit
    }

    /// The rest of a path that starts at `item`, if the expression is such a path: `.options`.
    pub(crate) fn rest_of_item(&self) -> Option<&str> {
        if !self.node.is_path_of_item() {
            return None;
        }
        if matches!(self.node, Node::Root(_)) { Some("") } else { self.node.path()?.strip_prefix("item") }
    }

    /// Whether it speaks of the item at all.
    pub(crate) fn uses_item(&self) -> bool {
        self.node.uses(Root::Item)
    }

    /// Whether it looks at the previous scan.
    pub(crate) fn uses_previous(&self) -> bool {
        self.node.uses(Root::Previous)
    }

    /// Its value in `scope`; unknown when an unknown value decides it, or when it cannot be computed.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Fact {
        self.evaluate_within(scope, &mut { FUEL })
    }

    /// The same within a number of steps that several evaluations share; without any left it is unknown.
    pub(crate) fn evaluate_within(&self, scope: &Scope<'_>, fuel: &mut u64) -> Fact {
        eval::evaluate(&self.node, scope, fuel)
    }

    /// The facts that it names, each with its value in `scope`, in the order in which they stand. Which of them decided
    /// is for the reader to see.
    pub(crate) fn looked_at(&self, scope: &Scope<'_>) -> Vec<(String, Fact)> {
        let seen = paths::paths(&self.node).into_iter();
        seen.map(|(path, node)| (path, eval::evaluate(&node, scope, &mut { FUEL }))).collect()
    }

    /// The facts that it names, each once, as people write them: `linux.mounts`, `item.used_percent`.
    pub fn paths(&self) -> Vec<String> {
        paths::paths(&self.node).into_iter().map(|(path, _)| path).collect()
    }

    /// Reads a condition that must be true or false.
    pub(crate) fn compile_bool(source: &str, env: &Env<'_>) -> Result<Condition, Problem> {
        Self::compile(source, env, |found| match found {
            Type::Bool => Ok(()),
            Type::Scalar => {
                Err(Problem::new("ill-typed", "a condition must be true or false, and this is a scalar")
                    .help("compare it: `… == true`"))
            }
            other => {
                let message = format!("a condition must be true or false, and this is {}", other.words());
                Err(Problem::new("ill-typed", message).help("compare it with something"))
            }
        })
    }

    /// Reads an expression that must be a number.
    pub(crate) fn compile_number(source: &str, env: &Env<'_>) -> Result<Condition, Problem> {
        Self::compile(source, env, |found| match found {
            Type::Int | Type::Float => Ok(()),
            other => {
                Err(Problem::new("ill-typed", format!("this must be a number, and is {}", other.words()))
                    .help("int() and double() make one of a scalar"))
            }
        })
    }

    /// Reads an expression that must be a whole number.
    pub(crate) fn compile_count(source: &str, env: &Env<'_>) -> Result<Condition, Problem> {
        Self::compile(source, env, |found| match found {
            Type::Int => Ok(()),
            other => {
                let message = format!("this must be a whole number, and is {}", other.words());
                Err(Problem::new("ill-typed", message).help("size() counts, int() makes one of a scalar"))
            }
        })
    }

    /// Reads an expression that must have a value that can be printed.
    pub(crate) fn compile_text(source: &str, env: &Env<'_>) -> Result<Condition, Problem> {
        Self::compile(source, env, |found| {
            if found.is_plain() {
                return Ok(());
            }
            let message = format!("only plain values can stand in a text, and this is {}", found.words());
            Err(Problem::new("ill-typed", message).help("name a value of it, or use join(list, \", \")"))
        })
    }

    /// Reads an expression that is shown as evidence: a plain value or a list of such.
    ///
    /// `bytes(x)` and `duration(x)` say what the number `x` counts where the contract cannot: the value stays the number,
    /// and those who show it know its unit.
    pub(crate) fn compile_evidence(source: &str, env: &Env<'_>) -> Result<Condition, Problem> {
        let compiled = Self::compile_list(source, env, "evidence is")?;
        let Node::Call(function, arguments) = &compiled.node else { return Ok(compiled) };
        let (unit, name) = match function {
            Function::Bytes => (Unit::Bytes, "bytes("),
            Function::Duration => (Unit::Seconds, "duration("),
            _ => return Ok(compiled),
        };
        let inner = source.trim().strip_prefix(name).and_then(|inner| inner.strip_suffix(')'));
        match (arguments.as_slice(), inner) {
            ([node], Some(inner)) => {
                Ok(Condition { source: inner.trim().to_owned(), node: node.clone(), unit: Some(unit) })
            }
            _ => Ok(compiled),
        }
    }

    /// Reads an expression whose value stands in a block of code: a plain value, or a list of such, a line each.
    pub(crate) fn compile_lines(source: &str, env: &Env<'_>) -> Result<Condition, Problem> {
        Self::compile_list(source, env, "what stands in a block of code is")
    }

    fn compile_list(source: &str, env: &Env<'_>, what: &str) -> Result<Condition, Problem> {
        Self::compile(source, env, |found| {
            let (shown, words) = match found {
                Type::List(element) => (element.is_plain(), "a list of other things"),
                other => (other.is_plain(), other.words()),
            };
            if shown {
                return Ok(());
            }
            let message = format!("{what} a plain value or a list of such, and this is {words}");
            Err(Problem::new("ill-typed", message).help("name the values, or use `.map(x, x.name)`"))
        })
    }

    fn compile(
        source: &str,
        env: &Env<'_>,
        fits: impl Fn(&Type<'_>) -> Result<(), Problem>,
    ) -> Result<Condition, Problem> {
        compile::compile(source, env, fits).map(|(node, unit)| Condition {
            source: source.to_owned(),
            node,
            unit,
        })
    }
}

#[cfg(test)]
mod tests;
