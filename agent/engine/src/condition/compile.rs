//! From the parser's tree to typed nodes: every name resolved, every operator's operands checked.
//!
//! Problems of operands that do not depend on each other are reported together. The fast parser keeps no offsets, so
//! only where there is a problem is the text parsed again by the slow one, which does, and checked again for the places.

use std::collections::BTreeMap;
use std::ops::Range;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SelectExpr, SourceInfo};
use cel::parser::{ParseErrors, Parser, PrattParser};
use goodstead_protocol::contract::{Field, Sensitivity, Unit};
use goodstead_protocol::diagnostic::{did_you_mean, nearest};
use goodstead_protocol::fact::Fact;

use super::node::{Node, Step};
use super::{Env, Problem, Type, foreign, limits};

/// A node, its type, and where it comes from.
pub(super) struct Typed<'c> {
    pub(super) node: Node,
    pub(super) kind: Type<'c>,
    /// The declaration, of a path.
    pub(super) field: Option<&'c Field>,
    /// The path as people write it.
    pub(super) path: Option<String>,
}

impl<'c> Typed<'c> {
    pub(super) fn new(node: Node, kind: Type<'c>) -> Self {
        Typed { node, kind, field: None, path: None }
    }

    pub(super) fn at_path(self, path: String) -> Self {
        Typed { path: Some(path), ..self }
    }

    /// What the expression is called in messages.
    pub(super) fn name(&self) -> String {
        match &self.path {
            Some(path) => format!("`{path}`"),
            None => "this".to_owned(),
        }
    }
}

/// Parses, resolves and checks `source`.
pub(super) fn compile(
    source: &str,
    env: &Env<'_>,
    fits: impl Fn(&Type<'_>) -> Result<(), Problem>,
) -> Result<(Node, Option<Unit>), Problem> {
    let size = limits::check(source)?;
    let expr = PrattParser::new().parse(source).map_err(|errors| syntax(source, &errors))?;
    check(&expr, env, &fits).map_err(|problem| {
        let located = if size.is_shallow() { located(source, env, &fits) } else { None };
        located.unwrap_or(problem)
    })
}

fn check(
    expr: &IdedExpr,
    env: &Env<'_>,
    fits: &impl Fn(&Type<'_>) -> Result<(), Problem>,
) -> Result<(Node, Option<Unit>), Problem> {
    let typed = Compiler::new(env).expr(expr)?;
    // The whole expression is meant, so the problem gets no place within it.
    fits(&typed.kind)?;
    Ok((typed.node, typed.field.and_then(|field| field.unit)))
}

/// The same problem with its place, found by the parser that keeps offsets.
fn located(source: &str, env: &Env<'_>, fits: &impl Fn(&Type<'_>) -> Result<(), Problem>) -> Option<Problem> {
    let (expr, info) = Parser::new().parse_with_source_info(source).ok()?;
    let problem = check(&expr, env, fits).err()?;
    Some(with_places(problem, &expr, &info, source))
}

fn with_places(mut problem: Problem, expr: &IdedExpr, info: &SourceInfo, source: &str) -> Problem {
    problem.at = problem.node.and_then(|id| span(find(expr, id)?, info, source));
    let more = problem.more.into_iter().map(|other| with_places(other, expr, info, source));
    problem.more = more.collect();
    problem
}

/// The bytes of a node and all that it consists of. The parser gives one token of each node, so the name of a function,
/// the name after a dot and the closing brackets are found in the text.
fn span(expr: &IdedExpr, info: &SourceInfo, source: &str) -> Option<Range<usize>> {
    let (mut start, mut end) = (usize::MAX, 0);
    walk(expr, &mut |inner| {
        if let Some((from, to)) = info.offset_for(inner.id) {
            start = start.min(from as usize);
            end = end.max(to as usize + 1);
            if let Expr::Select(select) = &inner.expr
                && source.get(to as usize + 1..).is_some_and(|rest| rest.starts_with(&select.field))
            {
                end = end.max(to as usize + 1 + select.field.len());
            }
        }
    });
    if source.get(start..)?.starts_with('(') {
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        start = source.get(..start)?.trim_end_matches(name).len();
    }
    if matches!(expr.expr, Expr::Literal(_)) {
        return source.get(start..end).map(|_| start..end);
    }
    let count = |brackets: [char; 2]| Some(source.get(start..end)?.matches(brackets).count());
    let unclosed = count(['(', '['])?.saturating_sub(count([')', ']'])?);
    for _ in 0..unclosed {
        end += source.get(end..)?.find([')', ']'])? + 1;
    }
    source.get(start..end).map(|_| start..end)
}

fn find(expr: &IdedExpr, id: u64) -> Option<&IdedExpr> {
    let mut found = None;
    walk(expr, &mut |inner| {
        if inner.id == id {
            found = Some(inner);
        }
    });
    found
}

fn walk<'e>(expr: &'e IdedExpr, visit: &mut impl FnMut(&'e IdedExpr)) {
    visit(expr);
    match &expr.expr {
        Expr::Call(call) => {
            call.target.iter().for_each(|target| walk(target, visit));
            call.args.iter().for_each(|argument| walk(argument, visit));
        }
        Expr::Select(select) => walk(&select.operand, visit),
        Expr::List(list) => list.elements.iter().for_each(|element| walk(element, visit)),
        Expr::Comprehension(all) => {
            for part in [&all.iter_range, &all.accu_init, &all.loop_cond, &all.loop_step, &all.result] {
                walk(part, visit);
            }
        }
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) => {}
    }
}

fn syntax(source: &str, errors: &ParseErrors) -> Problem {
    // Whatever stumbles over `and` is better told by its name than by where the parser stopped.
    let mut foreign = foreign::all(source).into_iter();
    if let Some(mut first) = foreign.next() {
        first.more = foreign.collect();
        return first;
    }
    let Some(error) = errors.errors.first() else {
        return Problem::new("condition-syntax", "this is not a condition");
    };
    let said = plainly(error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg));
    let mut problem = Problem::new("condition-syntax", format!("this is not a condition: {said}"));
    // Line and column, both from 1, the column in bytes; 0 where the parser names no place.
    if let (Ok(line), Ok(column)) = (usize::try_from(error.pos.0 - 1), usize::try_from(error.pos.1 - 1)) {
        let start: usize = source.split_inclusive('\n').take(line).map(str::len).sum::<usize>() + column;
        problem.at = Some(start..start + 1).filter(|at| source.get(at.clone()).is_some());
    }
    problem
}

/// What the parser says, without its jargon: "mismatched input 'x' expecting <EOF>".
fn plainly(said: &str) -> String {
    let Some(rest) = said.strip_prefix("mismatched input ") else { return said.to_owned() };
    let Some((found, wanted)) = rest.split_once(" expecting ") else { return said.to_owned() };
    let found = found.trim_matches('\'');
    match (found, wanted.trim_matches('\'')) {
        ("<EOF>", "expression") => "it ends where a value must follow".to_owned(),
        ("<EOF>", wanted) => format!("it ends where `{wanted}` must follow"),
        (found, "<EOF>") => format!("`{found}` does not belong here: an operator or the end must follow"),
        (found, "expression") => format!("`{found}` is where a value must follow"),
        (found, wanted) => format!("`{found}` is where `{wanted}` must follow"),
    }
}

/// Walks one expression.
pub(super) struct Compiler<'e, 'c> {
    pub(super) env: &'e Env<'c>,
    /// The variables of the list macros around this place, outermost first.
    pub(super) locals: Vec<(String, Type<'c>)>,
    depth: usize,
}

impl<'e, 'c> Compiler<'e, 'c> {
    pub(super) fn new(env: &'e Env<'c>) -> Self {
        Compiler { env, locals: Vec::new(), depth: 0 }
    }

    pub(super) fn expr(&mut self, expr: &IdedExpr) -> Result<Typed<'c>, Problem> {
        self.depth += 1;
        if self.depth > 2 * limits::MAX_DEPTH {
            self.depth -= 1;
            return Err(limits::too_deep());
        }
        let typed = match &expr.expr {
            Expr::Literal(value) => literal(value),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.select(select),
            Expr::List(list) => self.list(&list.elements),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(all) => self.comprehension(all),
            Expr::Map(_) | Expr::Struct(_) => {
                Err(Problem::new("not-allowed", "conditions compare facts and make no maps or records"))
            }
            Expr::Unspecified => Err(Problem::new("condition-syntax", "this is not a condition")),
        };
        self.depth -= 1;
        typed.map_err(|problem| problem.at(expr))
    }

    pub(super) fn name(&mut self, name: &str) -> Result<Typed<'c>, Problem> {
        if let Some(at) = self.locals.iter().rposition(|(local, _)| local == name) {
            let kind = self.locals.get(at).map_or(Type::Anything, |(_, kind)| kind.clone());
            return Ok(Typed::new(Node::Local(at), kind).at_path(name.to_owned()));
        }
        if let Some((root, kind)) = self.env.root(name) {
            return Ok(Typed::new(Node::Root(root), kind).at_path(name.to_owned()));
        }
        let problem = Problem::new("undeclared-fact", format!("`{name}` is not known here"));
        if let Some(reason) = self.env.why_absent(name) {
            return Err(problem.help(reason));
        }
        let known: Vec<&str> =
            self.env.names().chain(self.locals.iter().map(|(local, _)| local.as_str())).collect();
        let meant = foreign::value(name).map(str::to_owned);
        let help = meant
            .or_else(|| did_you_mean(name, known.iter().copied()))
            .unwrap_or_else(|| format!("a path starts with one of: {}", known.join(", ")));
        Err(problem.help(help))
    }

    fn select(&mut self, select: &SelectExpr) -> Result<Typed<'c>, Problem> {
        let operand = self.expr(&select.operand)?;
        let name = &select.field;
        let fields = match &operand.kind {
            Type::Record(fields) => *fields,
            Type::Map(_) => {
                let message = format!("{} is a map, which is indexed", operand.name());
                let path = operand.path.as_deref().unwrap_or("…");
                let help = if select.test {
                    format!("write `\"{name}\" in {path}`")
                } else {
                    format!("write `{path}[\"{name}\"]`")
                };
                return Err(Problem::new("map-selected", message).help(help));
            }
            Type::List(_) => {
                let message = format!("{} is a list, which has no field `{name}`", operand.name());
                let size = foreign::property(name, operand.path.as_deref().unwrap_or("…"));
                let help = size.unwrap_or_else(|| "use all(), exists() or an index on it".to_owned());
                return Err(Problem::new("ill-typed", message).help(help));
            }
            other => {
                let message = format!("{} is {}, which has no fields", operand.name(), other.words());
                let size = foreign::property(name, operand.path.as_deref().unwrap_or("…"));
                return Err(Problem::new("ill-typed", message).maybe_help(size.filter(|_| other.is_text())));
            }
        };
        let path = format!("{}.{name}", operand.path.as_deref().unwrap_or("…"));
        let Some(field) = fields.get(name) else { return Err(undeclared(&path, name, fields)) };
        if field.sensitivity == Sensitivity::Secret {
            let prefix = path.strip_suffix(name.as_str()).unwrap_or_default();
            let derived =
                field.derived.iter().map(|derived| format!("`{prefix}{}`", derived.fact_name(name)));
            let derived: Vec<String> = derived.collect();
            let message = format!("`{path}` is a secret, which no check sees");
            return Err(Problem::new("secret-fact", message).help(format!("use {}", derived.join(" or "))));
        }
        let step = Step { name: name.clone(), path: path.as_str().into() };
        let node = Box::new(operand.node);
        if !select.test {
            let typed = Typed::new(Node::Select(node, step), Type::of(field)).at_path(path);
            return Ok(Typed { field: Some(field), ..typed });
        }
        if !field.optional {
            let message =
                format!("`{path}` is always reported: has() is for facts that are declared optional");
            return Err(Problem::new("has-not-optional", message).help("leave has() out"));
        }
        Ok(Typed::new(Node::Has(node, step), Type::Bool))
    }

    fn list(&mut self, elements: &[IdedExpr]) -> Result<Typed<'c>, Problem> {
        let mut nodes = Vec::new();
        let mut kind = Type::Anything;
        let mut typed = Ok(Vec::new());
        for expr in elements {
            typed = Problem::both(typed, self.expr(expr)).map(|(mut all, element)| {
                all.push(element);
                all
            });
        }
        let typed = typed?;
        for (expr, element) in elements.iter().zip(typed) {
            if !element.kind.is_plain() {
                let message =
                    format!("a list holds plain values, and {} is {}", element.name(), element.kind.words());
                return Err(Problem::new("ill-typed", message).at(expr));
            }
            let before = kind.words();
            kind = kind.joined(element.kind.clone()).ok_or_else(|| {
                let message =
                    format!("a list holds values of one type, not {before} beside {}", element.kind.words());
                Problem::new("ill-typed", message).at(expr)
            })?;
            nodes.push(element.node);
        }
        Ok(Typed::new(Node::List(nodes), Type::List(Box::new(kind))))
    }
}

pub(super) fn undeclared(path: &str, name: &str, fields: &BTreeMap<String, Field>) -> Problem {
    let seen = |field: &Field| field.sensitivity != Sensitivity::Secret;
    let known: Vec<&str> =
        fields.iter().filter(|(_, field)| seen(field)).map(|(name, _)| name.as_str()).collect();
    let prefix = path.strip_suffix(name).unwrap_or(path);
    let help = match nearest(name, known.iter().copied()) {
        Some(found) => format!("did you mean `{prefix}{found}`?"),
        None => format!("declared there: {}", known.join(", ")),
    };
    Problem::new("undeclared-fact", format!("`{path}` is in no contract")).help(help)
}

fn literal<'c>(value: &LiteralValue) -> Result<Typed<'c>, Problem> {
    let (fact, kind) = match value {
        LiteralValue::Boolean(value) => (Fact::Bool(value.into_inner()), Type::Bool),
        LiteralValue::Int(value) => (Fact::Int(value.into_inner()), Type::Int),
        LiteralValue::Double(value) => (Fact::Float(value.into_inner()), Type::Float),
        LiteralValue::String(value) => (Fact::Text(value.inner().to_owned()), Type::Text),
        LiteralValue::UInt(_) => {
            return Err(
                Problem::new("not-allowed", "there are no unsigned numbers").help("leave the `u` out")
            );
        }
        LiteralValue::Bytes(_) => return Err(Problem::new("not-allowed", "there are no byte strings")),
        LiteralValue::Null => {
            let message = "there is no null: what is not known is unknown";
            return Err(Problem::new("not-allowed", message).help("use has() on optional facts"));
        }
    };
    Ok(Typed::new(Node::Literal(fact), kind))
}
