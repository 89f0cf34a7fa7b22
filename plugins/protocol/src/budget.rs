//! How much is taken of one plugin in one scan: a number of bytes that is charged as facts arrive.
//!
//! The costs are upper estimates of what a fact takes, in memory or written as JSON, whichever is more. So a plugin's
//! facts are bounded by one figure, whether it sends one large text, a million empty lists, or unknown facts whose
//! causes are repeated for each declared name.

use std::cell::Cell;

use crate::fact::{Cause, Fact};

/// A value in a list, with the room that a growing list keeps free.
const VALUE: usize = 80;

/// A name in a map beside its value: the text's own allocation, and what a node keeps free.
const ENTRY: usize = 48;

/// A map that is not empty: the first node of a B-tree has room for eleven entries.
const NODE: usize = 500;

/// A cause beside its texts: its allocation, and the names of its parts in JSON.
const CAUSE: usize = 160;

/// Bytes that may still be taken.
#[derive(Debug)]
pub struct Budget {
    left: Cell<usize>,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Budget { left: Cell::new(bytes) }
    }

    /// A budget that is never spent, for facts that do not come from a plugin.
    pub fn unlimited() -> Self {
        Budget::new(usize::MAX)
    }

    /// What may still be taken, in bytes.
    pub fn left(&self) -> usize {
        self.left.get()
    }

    /// Whether nothing more is taken.
    pub fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// Charges so many bytes; more than what is left spends all of it.
    pub fn charge(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_sub(bytes));
    }

    /// Charges a fact, without the elements in it.
    pub(crate) fn charge_fact(&self, fact: &Fact) {
        self.charge(match fact {
            Fact::Bool(_) | Fact::Int(_) | Fact::Float(_) => VALUE,
            Fact::Text(text) => VALUE + text.len(),
            Fact::List(list) => VALUE + list.partial.as_deref().map_or(0, cost_of_cause),
            Fact::Map(map) => {
                let node = if map.items.is_empty() { 0 } else { NODE };
                VALUE + node + map.partial.as_deref().map_or(0, cost_of_cause)
            }
            Fact::Unknown(cause) => VALUE + cost_of_cause(cause),
        });
    }

    /// Charges a name in a map.
    pub(crate) fn charge_name(&self, name: &str) {
        self.charge(ENTRY + name.len());
    }
}

/// What a cause takes.
pub(crate) fn cost_of_cause(cause: &Cause) -> usize {
    CAUSE + cause.detail.len() + cause.remedy.as_ref().map_or(0, String::len)
}

/// What a name with an unknown fact of this cause takes.
pub(crate) fn cost_of_unknown(name: &str, cause: &Cause) -> usize {
    ENTRY + name.len() + VALUE + cost_of_cause(cause)
}

/// What a record takes beside its fields.
pub(crate) const RECORD: usize = VALUE + NODE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_is_left_spends_all_of_it() {
        let budget = Budget::new(100);
        budget.charge(60);
        assert_eq!(budget.left(), 40);
        budget.charge(60);
        assert!(budget.is_spent());
        let unlimited = Budget::unlimited();
        unlimited.charge(usize::MAX >> 1);
        assert!(!unlimited.is_spent());
    }
}
