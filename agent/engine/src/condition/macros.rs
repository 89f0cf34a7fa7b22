//! List macros, recognised by the shape into which the parser expands them.
//!
//! The parser turns `all`, `exists`, `exists_one`, `filter` and `map` into one general loop. Only these five shapes are
//! let through, so that every loop has a meaning over partial lists and ends.

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};

use super::compile::{Compiler, Typed};
use super::node::{Comprehension, Node, Quantifier};
use super::{Problem, Type, limits};

/// A macro as it was written.
struct Written<'e> {
    kind: Quantifier,
    test: Option<&'e IdedExpr>,
    image: Option<&'e IdedExpr>,
}

/// What a macro does with one element, and the type of the whole.
struct Body<'c> {
    test: Option<Node>,
    image: Option<Node>,
    kind: Type<'c>,
}

fn written(all: &ComprehensionExpr) -> Option<Written<'_>> {
    let Expr::Call(step) = &all.loop_step.expr else { return None };
    match (&all.accu_init.expr, step.func_name.as_str(), step.args.as_slice()) {
        (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_AND, [_, test]) => {
            Some(Written { kind: Quantifier::All, test: Some(test), image: None })
        }
        (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_OR, [_, test]) => {
            Some(Written { kind: Quantifier::Exists, test: Some(test), image: None })
        }
        (Expr::Literal(LiteralValue::Int(_)), operators::CONDITIONAL, [test, _, _]) => {
            Some(Written { kind: Quantifier::ExistsOne, test: Some(test), image: None })
        }
        (Expr::List(_), operators::CONDITIONAL, [test, added, _]) => {
            Some(Written { kind: Quantifier::Collect, test: Some(test), image: Some(appended(added)?) })
        }
        (Expr::List(_), operators::ADD, _) => {
            Some(Written { kind: Quantifier::Collect, test: None, image: Some(appended(&all.loop_step)?) })
        }
        _ => None,
    }
}

/// The `x` of `@result + [x]`.
fn appended(step: &IdedExpr) -> Option<&IdedExpr> {
    match &step.expr {
        Expr::Call(call) => match call.args.as_slice() {
            [_, IdedExpr { expr: Expr::List(list), .. }] => list.elements.first(),
            _ => None,
        },
        _ => None,
    }
}

impl<'c> Compiler<'_, 'c> {
    pub(super) fn comprehension(&mut self, all: &ComprehensionExpr) -> Result<Typed<'c>, Problem> {
        let written = written(all).filter(|_| all.iter_var2.is_none()).ok_or_else(|| {
            Problem::new(
                "not-allowed",
                "lists have all, exists, exists_one, filter and map, each with one variable",
            )
        })?;
        if self.locals.len() >= limits::MAX_MACROS {
            let message = format!("more than {} list macros lie inside one another", limits::MAX_MACROS);
            return Err(Problem::new("condition-too-deep", message));
        }
        let name = &all.iter_var;
        if self.env.root(name).is_some() || self.locals.iter().any(|(local, _)| local == name) {
            let message = format!("`{name}` means something else here already");
            return Err(Problem::new("not-allowed", message).help("give the variable another name"));
        }
        let over = self.expr(&all.iter_range)?;
        let element = match &over.kind {
            Type::List(element) => (**element).clone(),
            Type::Map(_) => Type::Text,
            other => {
                let message = format!("{} is {}, which is no list", over.name(), other.words());
                return Err(Problem::new("ill-typed", message).at(&all.iter_range));
            }
        };
        self.locals.push((name.clone(), element.clone()));
        let body = self.body(&written, element, name);
        self.locals.pop();
        let Body { test, image, kind } = body?;
        let comprehension = Comprehension { kind: written.kind, over: over.node, test, image };
        Ok(Typed::new(Node::Each(Box::new(comprehension)), kind))
    }

    fn body(
        &mut self,
        written: &Written<'_>,
        element: Type<'c>,
        variable: &str,
    ) -> Result<Body<'c>, Problem> {
        let test = written.test.map(|test| self.switch(test, "a list macro")).transpose()?.map(|node| *node);
        // The parser has no `filter` of its own: it is `map` to the element itself.
        let image = written.image.filter(|image| image.expr != Expr::Ident(variable.to_owned()));
        let image = image.map(|image| self.expr(image)).transpose()?;
        let kind = match (written.kind, &image) {
            (Quantifier::Collect, Some(image)) => Type::List(Box::new(image.kind.clone())),
            (Quantifier::Collect, None) => Type::List(Box::new(element)),
            _ => Type::Bool,
        };
        Ok(Body { test, image: image.map(|image| image.node), kind })
    }
}
