//! Operators: which operands each takes, and what comes of it. Types never mix silently.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use goodstead_protocol::fact::Fact;
use goodstead_protocol::intake::is_time;

use super::compile::{Compiler, Typed};
use super::node::{Comparison, Node, Operation, Step};
use super::{Problem, Type};

impl<'c> Compiler<'_, 'c> {
    pub(super) fn call(&mut self, call: &CallExpr) -> Result<Typed<'c>, Problem> {
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND, None, [left, right]) => {
                let (left, right) = Problem::both(self.switch(left, "&&"), self.switch(right, "&&"))?;
                Ok(Typed::new(Node::And(left, right), Type::Bool))
            }
            (operators::LOGICAL_OR, None, [left, right]) => {
                let (left, right) = Problem::both(self.switch(left, "||"), self.switch(right, "||"))?;
                Ok(Typed::new(Node::Or(left, right), Type::Bool))
            }
            (operators::LOGICAL_NOT, None, [inner]) => {
                Ok(Typed::new(Node::Not(self.switch(inner, "!")?), Type::Bool))
            }
            (operators::NEGATE, None, [inner]) => {
                let typed = self.expr(inner)?;
                if !typed.kind.is_number() {
                    return Err(operand("-", "a number", &typed).at(inner));
                }
                Ok(Typed::new(Node::Negate(Box::new(typed.node)), typed.kind))
            }
            (operators::CONDITIONAL, None, [test, yes, no]) => self.conditional(test, yes, no),
            (operators::INDEX, None, [of, key]) => self.index(of, key),
            (operators::IN, None, [value, of]) => self.membership(value, of),
            (name, None, [left, right]) if comparison(name).is_some() => self.comparison(name, left, right),
            (name, None, [left, right]) if operation(name).is_some() => self.arithmetic(name, left, right),
            (name, target, arguments) => self.function(name, target, arguments),
        }
    }

    /// An operand that must be true or false.
    pub(super) fn switch(&mut self, expr: &IdedExpr, operator: &str) -> Result<Box<Node>, Problem> {
        let typed = self.expr(expr)?;
        if typed.kind == Type::Bool {
            return Ok(Box::new(typed.node));
        }
        let help = (typed.kind == Type::Scalar).then(|| "compare it: `… == true`".to_owned());
        Err(operand(operator, "true or false", &typed).maybe_help(help).at(expr))
    }

    fn conditional(&mut self, test: &IdedExpr, yes: &IdedExpr, no: &IdedExpr) -> Result<Typed<'c>, Problem> {
        let branches = Problem::both(self.expr(yes), self.expr(no));
        let (test, (yes, no)) = Problem::both(self.switch(test, "? :"), branches)?;
        let (one, two) = (yes.kind.words(), no.kind.words());
        let kind = yes.kind.joined(no.kind).ok_or_else(|| {
            let message = format!("both branches of `? :` have one type, not {one} and {two}");
            Problem::new("ill-typed", message)
        })?;
        Ok(Typed::new(Node::Conditional(Box::new([*test, yes.node, no.node])), kind))
    }

    fn index(&mut self, of: &IdedExpr, key: &IdedExpr) -> Result<Typed<'c>, Problem> {
        let operand = self.expr(of)?;
        let shown = operand.path.clone().unwrap_or_else(|| "…".to_owned());
        match (&operand.kind, &key.expr) {
            (Type::Map(element), Expr::Literal(LiteralValue::String(name))) => {
                let name = name.inner().to_owned();
                let path = format!("{shown}[{name:?}]");
                let kind = Type::of(element);
                let step = Step { name, path: path.as_str().into() };
                let typed = Typed::new(Node::Key(Box::new(operand.node), step), kind).at_path(path);
                Ok(Typed { field: Some(element), ..typed })
            }
            (Type::Map(_), _) => {
                let message = format!("the key of {} must stand here as a text", operand.name());
                Err(Problem::new("computed-key", message).help(format!("write `{shown}[\"name\"]`")).at(key))
            }
            (Type::Record(fields), _) => {
                let message = format!("{} is a record, whose fields are selected", operand.name());
                let known = fields.keys().next().map(|name| format!("write `{shown}.{name}`"));
                Err(Problem::new("computed-key", message).maybe_help(known).at(key))
            }
            (Type::List(element), _) => {
                let position = self.expr(key)?;
                if position.kind != Type::Int {
                    let message =
                        format!("a list is indexed by a whole number, not by {}", position.kind.words());
                    return Err(Problem::new("ill-typed", message).at(key));
                }
                let kind = (**element).clone();
                let node = Node::At(Box::new(operand.node), Box::new(position.node));
                Ok(Typed::new(node, kind).at_path(format!("{shown}[…]")))
            }
            (other, _) => {
                let message = format!("{} is {}, which cannot be indexed", operand.name(), other.words());
                Err(Problem::new("ill-typed", message))
            }
        }
    }

    fn membership(&mut self, value: &IdedExpr, of: &IdedExpr) -> Result<Typed<'c>, Problem> {
        let (value, of) = Problem::both(self.expr(value), self.expr(of))?;
        let fits = match &of.kind {
            Type::List(element) => value.kind.compares(element),
            Type::Map(_) => value.kind == Type::Text,
            other => {
                let message = format!("`in` needs a list or a map, and {} is {}", of.name(), other.words());
                return Err(Problem::new("ill-typed", message));
            }
        };
        if !fits {
            let message = format!("{} can never be in {}", value.kind.words(), of.name());
            return Err(Problem::new("mixed-types", message));
        }
        Ok(Typed::new(Node::In(Box::new(value.node), Box::new(of.node)), Type::Bool))
    }

    fn comparison(&mut self, name: &str, left: &IdedExpr, right: &IdedExpr) -> Result<Typed<'c>, Problem> {
        let (left, right) = Problem::both(self.expr(left), self.expr(right))?;
        let comparison = comparison(name).unwrap_or(Comparison::Equal);
        let mixed = |message: String| Problem::new("mixed-types", message);
        let (one, two) = (left.kind.words(), right.kind.words());
        for side in [&left, &right] {
            if !side.kind.is_plain() {
                let message = format!("{} is {}, which cannot be compared", side.name(), side.kind.words());
                return Err(mixed(message).help("compare its size() or its parts"));
            }
        }
        if !(left.kind.compares(&right.kind) || is_time_text(&left, &right)? || is_time_text(&right, &left)?)
        {
            let (named, other) = if left.path.is_some() { (&left, two) } else { (&right, one) };
            let message = format!("{} is {}, and is compared with {other}", named.name(), named.kind.words());
            return Err(mixed(message));
        }
        let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if ordered && (left.kind == Type::Bool || right.kind == Type::Bool) {
            return Err(mixed("switches have no order".to_owned()).help("compare with == or !="));
        }
        Ok(Typed::new(Node::Compare(comparison, Box::new(left.node), Box::new(right.node)), Type::Bool))
    }

    fn arithmetic(&mut self, name: &str, left: &IdedExpr, right: &IdedExpr) -> Result<Typed<'c>, Problem> {
        let (left, right) = Problem::both(self.expr(left), self.expr(right))?;
        let operation = operation(name).unwrap_or(Operation::Add);
        let sign = name.trim_matches('_');
        let kind = match (&left.kind, &right.kind) {
            (Type::Int, Type::Float) | (Type::Float, Type::Int) => {
                let message = format!("`{sign}` does not mix whole numbers and floats");
                return Err(Problem::new("mixed-types", message).help("convert with double() or int()"));
            }
            (Type::Float, _) | (_, Type::Float) if operation == Operation::Remainder => None,
            (one, two) if one.is_number() && two.is_number() => left.kind.clone().joined(right.kind.clone()),
            (Type::Text, Type::Text | Type::Scalar) | (Type::Scalar, Type::Text)
                if operation == Operation::Add =>
            {
                Some(Type::Text)
            }
            _ => None,
        };
        let Some(kind) = kind else {
            let (one, two) = (left.kind.words(), right.kind.words());
            return Err(Problem::new("ill-typed", format!("`{sign}` does not work on {one} and {two}")));
        };
        // A scalar beside a number takes part only as a number of that type.
        let kind = match (kind, left.kind, right.kind) {
            (Type::Scalar, Type::Scalar, known) | (Type::Scalar, known, Type::Scalar) => known,
            (kind, ..) => kind,
        };
        Ok(Typed::new(Node::Arithmetic(operation, Box::new(left.node), Box::new(right.node)), kind))
    }
}

/// Whether a time stands beside a text that is one.
fn is_time_text(time: &Typed<'_>, text: &Typed<'_>) -> Result<bool, Problem> {
    match (&time.kind, &text.node) {
        (Type::Time, Node::Literal(Fact::Text(value))) if is_time(value) => Ok(true),
        (Type::Time, Node::Literal(Fact::Text(_))) => {
            let message = format!("{} is a time, and this text is none", time.name());
            Err(Problem::new("mixed-types", message).help("times look like \"2026-11-22T02:13:00Z\""))
        }
        _ => Ok(false),
    }
}

/// The problem of an operand of the wrong type.
fn operand(operator: &str, wanted: &str, found: &Typed<'_>) -> Problem {
    Problem::new(
        "ill-typed",
        format!("`{operator}` needs {wanted}, and {} is {}", found.name(), found.kind.words()),
    )
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::NotEqual,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::LessOrEqual,
        operators::GREATER => Comparison::Greater,
        operators::GREATER_EQUALS => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        operators::ADD => Operation::Add,
        operators::SUBSTRACT => Operation::Subtract,
        operators::MULTIPLY => Operation::Multiply,
        operators::DIVIDE => Operation::Divide,
        operators::MODULO => Operation::Remainder,
        _ => return None,
    })
}
