//! Answers that may be unknown: from conditions, and from several targets to the one of their deployment.

use goodstead_model::{Cause, CauseKind};
use goodstead_protocol::fact::Fact;

use crate::condition::{Condition, FUEL, Scope, cause_of};

/// An answer, or why there is none.
pub(super) type Known<T> = Result<T, Cause>;

/// What a condition says here.
pub(super) fn switch(condition: &Condition, scope: &Scope<'_>) -> Known<bool> {
    match condition.evaluate_within(scope, &mut { FUEL }) {
        Fact::Bool(value) => Ok(value),
        other => Err(cause_of(&other, neither)),
    }
}

/// The number that an expression is here; always finite.
pub(super) fn number(expression: &Condition, scope: &Scope<'_>) -> Known<f64> {
    match expression.evaluate(scope) {
        Fact::Int(value) => Ok(value as f64),
        Fact::Float(value) if value.is_finite() => Ok(value),
        other => Err(cause_of(&other, no_number)),
    }
}

/// The whole number that an expression is here.
pub(super) fn count(expression: &Condition, scope: &Scope<'_>) -> Known<i64> {
    match expression.evaluate(scope) {
        Fact::Int(value) => Ok(value),
        other => Err(cause_of(&other, no_number)),
    }
}

fn neither() -> Cause {
    Cause::new(CauseKind::Evaluation, "a condition is neither true nor false")
}

fn no_number() -> Cause {
    Cause::new(CauseKind::Evaluation, "an expression has no number here")
}

/// True of one target is true of the deployment; otherwise one unknown makes it unknown.
pub(super) fn any(one: Known<bool>, two: Known<bool>) -> Known<bool> {
    match (one, two) {
        (Ok(true), _) | (_, Ok(true)) => Ok(true),
        (Err(cause), _) | (_, Err(cause)) => Err(cause),
        (Ok(false), Ok(false)) => Ok(false),
    }
}

/// The most that any target reaches; nothing can be more than 1, so an unknown does not matter beside that.
pub(super) fn most(one: Known<f64>, two: Known<f64>) -> Known<f64> {
    match (one, two) {
        (Ok(full), _) | (_, Ok(full)) if full >= 1.0 => Ok(full),
        (Err(cause), _) | (_, Err(cause)) => Err(cause),
        (Ok(one), Ok(two)) => Ok(one.max(two)),
    }
}
