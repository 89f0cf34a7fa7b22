//! Functions and text methods: which there are, and which arguments each takes.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use goodstead_protocol::diagnostic::did_you_mean;
use regex::RegexBuilder;

use super::compile::{Compiler, Typed};
use super::node::{Function, Node};
use super::version::Range;
use super::{Problem, Type, foreign};

/// The largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;

/// What can be called, as it is written.
const FUNCTIONS: [&str; 13] = [
    "bytes",
    "double",
    "duration",
    "has",
    "int",
    "join",
    "max",
    "min",
    "percent",
    "shell",
    "size",
    "string",
    "version_in",
];
const METHODS: [&str; 10] =
    ["all", "contains", "endsWith", "exists", "exists_one", "filter", "map", "matches", "size", "startsWith"];

impl<'c> Compiler<'_, 'c> {
    pub(super) fn function(
        &mut self,
        name: &str,
        target: Option<&IdedExpr>,
        arguments: &[IdedExpr],
    ) -> Result<Typed<'c>, Problem> {
        match (name, target, arguments) {
            ("matches", Some(text), [pattern]) => self.matches(text, pattern),
            ("version_in", None, [text, range]) => self.version_in(text, range),
            ("contains" | "startsWith" | "endsWith", Some(text), [part]) => {
                let function = match name {
                    "contains" => Function::Contains,
                    "startsWith" => Function::StartsWith,
                    _ => Function::EndsWith,
                };
                let nodes = vec![self.text(name, text)?, self.text(name, part)?];
                Ok(Typed::new(Node::Call(function, nodes), Type::Bool))
            }
            ("size", Some(of), []) | ("size", None, [of]) => {
                let typed = self.expr(of)?;
                if !(typed.kind.is_text() || matches!(typed.kind, Type::List(_) | Type::Map(_))) {
                    return Err(refused(name, "a list, a map or text", &typed).at(of));
                }
                Ok(Typed::new(Node::Call(Function::Size, vec![typed.node]), Type::Int))
            }
            ("int", None, [of]) => self.convert(name, Function::Int, Type::Int, of),
            ("double", None, [of]) => self.convert(name, Function::Double, Type::Float, of),
            ("string", None, [of]) => self.convert(name, Function::String, Type::Text, of),
            ("bytes", None, [of]) => {
                Ok(Typed::new(Node::Call(Function::Bytes, vec![self.number(name, of)?.node]), Type::Text))
            }
            ("duration", None, [of]) => {
                Ok(Typed::new(Node::Call(Function::Duration, vec![self.number(name, of)?.node]), Type::Text))
            }
            ("percent", None, [part, whole]) => {
                let nodes = vec![self.number(name, part)?.node, self.number(name, whole)?.node];
                Ok(Typed::new(Node::Call(Function::Percent, nodes), Type::Text))
            }
            ("min" | "max", None, [one, two]) => {
                let function = if name == "min" { Function::Min } else { Function::Max };
                let (left, right) = (self.number(name, one)?, self.number(name, two)?);
                let kind = left.kind.joined(right.kind).ok_or_else(|| {
                    Problem::new("mixed-types", format!("`{name}` does not mix whole numbers and floats"))
                        .help("convert with double() or int()")
                })?;
                Ok(Typed::new(Node::Call(function, vec![left.node, right.node]), kind))
            }
            ("shell", None, [word]) => {
                Ok(Typed::new(Node::Call(Function::Shell, vec![self.text(name, word)?]), Type::Text))
            }
            ("join", None, [list, between]) => {
                let typed = self.expr(list)?;
                let fits = matches!(&typed.kind, Type::List(element) if element.is_text() || **element == Type::Anything);
                if !fits {
                    return Err(refused(name, "a list of texts", &typed).at(list));
                }
                let nodes = vec![typed.node, self.text(name, between)?];
                Ok(Typed::new(Node::Call(Function::Join, nodes), Type::Text))
            }
            _ => Err(unknown(name, target.is_some())),
        }
    }

    fn text(&mut self, function: &str, expr: &IdedExpr) -> Result<Node, Problem> {
        let typed = self.expr(expr)?;
        if typed.kind.is_text() { Ok(typed.node) } else { Err(refused(function, "text", &typed).at(expr)) }
    }

    fn number(&mut self, function: &str, expr: &IdedExpr) -> Result<Typed<'c>, Problem> {
        let typed = self.expr(expr)?;
        if typed.kind.is_number() { Ok(typed) } else { Err(refused(function, "a number", &typed).at(expr)) }
    }

    fn convert(
        &mut self,
        name: &str,
        function: Function,
        into: Type<'c>,
        of: &IdedExpr,
    ) -> Result<Typed<'c>, Problem> {
        let typed = self.expr(of)?;
        let switch = typed.kind == Type::Bool && function != Function::String;
        if !typed.kind.is_plain() || switch {
            return Err(refused(name, "a number or text", &typed).at(of));
        }
        Ok(Typed::new(Node::Call(function, vec![typed.node]), into))
    }

    fn matches(&mut self, text: &IdedExpr, pattern: &IdedExpr) -> Result<Typed<'c>, Problem> {
        let text = self.text("matches", text)?;
        let literal = literal(pattern, "the pattern")?;
        let regex = RegexBuilder::new(literal).size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN).build();
        let regex = regex.map_err(|error| {
            // The last line says what is wrong; the ones before it draw the pattern.
            let said = error.to_string();
            let said = said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Problem::new("bad-pattern", format!("this is no usable pattern: {said}")).at(pattern)
        })?;
        Ok(Typed::new(Node::Matches(Box::new(text), regex), Type::Bool))
    }

    fn version_in(&mut self, text: &IdedExpr, range: &IdedExpr) -> Result<Typed<'c>, Problem> {
        let text = self.text("version_in", text)?;
        let parsed = Range::parse(literal(range, "the range")?).map_err(|message| {
            Problem::new("bad-version-range", message).help("bounds look like \">=13, <16.4\"").at(range)
        })?;
        Ok(Typed::new(Node::VersionIn(Box::new(text), parsed), Type::Bool))
    }
}

fn literal<'e>(expr: &'e IdedExpr, what: &str) -> Result<&'e str, Problem> {
    match &expr.expr {
        Expr::Literal(LiteralValue::String(text)) => Ok(text.inner()),
        _ => Err(Problem::new("not-allowed", format!("{what} must stand here as a text")).at(expr)),
    }
}

fn refused(function: &str, wanted: &str, found: &Typed<'_>) -> Problem {
    let message = format!("`{function}` takes {wanted}, and {} is {}", found.name(), found.kind.words());
    Problem::new("ill-typed", message)
}

fn unknown(name: &str, method: bool) -> Problem {
    let (known, others): (&[&str], &[&str]) =
        if method { (&METHODS, &FUNCTIONS) } else { (&FUNCTIONS, &METHODS) };
    if known.contains(&name) {
        let message = format!("`{name}` is not called with these arguments");
        return Problem::new("unknown-function", message);
    }
    let help = if let Some(meant) = foreign::function(name).filter(|_| name == "exists" && !method) {
        meant.to_owned()
    } else if others.contains(&name) {
        if method { format!("write `{name}(…)`") } else { format!("write `….{name}(…)`") }
    } else {
        let meant = foreign::function(name).map(str::to_owned);
        meant
            .or_else(|| did_you_mean(name, known.iter().copied()))
            .unwrap_or_else(|| format!("known here: {}", known.join(", ")))
    };
    Problem::new("unknown-function", format!("there is no function `{name}`")).help(help)
}
