//! Comparison and arithmetic of values. What does not fit together is unknown, never false.

use std::cmp::Ordering;

use goodstead_protocol::fact::{Cause, Fact};

use super::eval::failed;
use super::node::{Comparison, Operation};

/// How two plain values compare.
///
/// # Errors
/// The cause when one is unknown (the left one first), or when their types do not compare.
pub(super) fn order(left: &Fact, right: &Fact) -> Result<Ordering, Cause> {
    match (left, right) {
        (Fact::Unknown(cause), _) | (_, Fact::Unknown(cause)) => Err((**cause).clone()),
        (Fact::Bool(left), Fact::Bool(right)) => Ok(left.cmp(right)),
        (Fact::Int(left), Fact::Int(right)) => Ok(left.cmp(right)),
        (Fact::Text(left), Fact::Text(right)) => Ok(left.cmp(right)),
        (Fact::Float(left), Fact::Float(right)) => left.partial_cmp(right).ok_or_else(|| mixed(None)),
        (Fact::Int(left), Fact::Float(right)) => exact(*left, *right).ok_or_else(|| mixed(None)),
        (Fact::Float(left), Fact::Int(right)) => {
            exact(*right, *left).map(Ordering::reverse).ok_or_else(|| mixed(None))
        }
        (left, right) => {
            Err(failed(format!("{} cannot be compared with {}", left.type_name(), right.type_name())))
        }
    }
}

/// An integer against a float, without the rounding that a conversion to float brings.
fn exact(left: i64, right: f64) -> Option<Ordering> {
    match (left as f64).partial_cmp(&right)? {
        // Both are whole and within 65 bits.
        Ordering::Equal => Some(i128::from(left).cmp(&(right as i128))),
        order => Some(order),
    }
}

fn mixed(path: Option<&str>) -> Cause {
    failed(match path {
        Some(path) => format!("`{path}` is of another type here than the condition needs"),
        None => "a value is of another type here than the condition needs".to_owned(),
    })
}

/// `left comparison right`.
pub(super) fn compare(comparison: Comparison, left: &Fact, right: &Fact, path: Option<&str>) -> Fact {
    let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    if ordered && matches!((left, right), (Fact::Bool(_), Fact::Bool(_))) {
        return mixed(path).into();
    }
    let order = match order(left, right) {
        Ok(order) => order,
        Err(cause) if is_unknown(left, right) => return cause.into(),
        Err(cause) => {
            return match path {
                Some(path) => failed(format!("of `{path}`: {cause}")).into(),
                None => cause.into(),
            };
        }
    };
    Fact::Bool(match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    })
}

fn is_unknown(left: &Fact, right: &Fact) -> bool {
    matches!(left, Fact::Unknown(_)) || matches!(right, Fact::Unknown(_))
}

/// `left operation right`.
pub(super) fn arithmetic(operation: Operation, left: &Fact, right: &Fact, path: Option<&str>) -> Fact {
    match (left, right) {
        (Fact::Unknown(cause), _) | (_, Fact::Unknown(cause)) => Fact::Unknown(cause.clone()),
        (Fact::Int(left), Fact::Int(right)) => whole(operation, *left, *right),
        (Fact::Float(left), Fact::Float(right)) => match operation {
            Operation::Add => finite(left + right),
            Operation::Subtract => finite(left - right),
            Operation::Multiply => finite(left * right),
            Operation::Divide => finite(left / right),
            Operation::Remainder => mixed(path).into(),
        },
        (Fact::Text(left), Fact::Text(right)) if operation == Operation::Add => {
            format!("{left}{right}").into()
        }
        _ => mixed(path).into(),
    }
}

fn whole(operation: Operation, left: i64, right: i64) -> Fact {
    let result = match operation {
        Operation::Add => left.checked_add(right),
        Operation::Subtract => left.checked_sub(right),
        Operation::Multiply => left.checked_mul(right),
        Operation::Divide | Operation::Remainder if right == 0 => {
            return failed("the condition divides by zero here").into();
        }
        Operation::Divide => left.checked_div(right),
        Operation::Remainder => left.checked_rem(right),
    };
    result.map_or_else(|| overflow().into(), Fact::Int)
}

/// A float, unless it left the numbers.
pub(super) fn finite(value: f64) -> Fact {
    if value.is_finite() { Fact::Float(value) } else { overflow().into() }
}

fn overflow() -> Cause {
    failed("a number in the condition becomes too large here")
}

/// `-value`.
pub(super) fn negate(value: &Fact) -> Fact {
    match value {
        Fact::Unknown(cause) => Fact::Unknown(cause.clone()),
        Fact::Int(value) => value.checked_neg().map_or_else(|| overflow().into(), Fact::Int),
        Fact::Float(value) => Fact::Float(-value),
        _ => mixed(None).into(),
    }
}
