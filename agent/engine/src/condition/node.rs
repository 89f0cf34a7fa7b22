//! A type-checked condition: what the evaluator walks.
//!
//! Every path in it is declared, every function known, every pattern compiled, and its depth is bounded.

use std::sync::Arc;

use goodstead_protocol::fact::Fact;
use regex::Regex;

use super::version::Range;

/// Where a path starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// The facts of the target that is judged.
    Own,
    /// The host's facts.
    Host,
    /// The facts of the `linux` target, for checks of other plugins.
    Linux,
    /// The judged target's facts at the previous scan.
    Previous,
    /// The element that is judged, under `each`.
    Item,
}

/// One typed expression.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Literal(Fact),
    Root(Root),
    /// The variable of the comprehension that many levels up from the outermost, counted from 0.
    Local(usize),
    Select(Box<Node>, Step),
    /// A literal key of a map.
    Key(Box<Node>, Step),
    /// A position in a list.
    At(Box<Node>, Box<Node>),
    Has(Box<Node>, Step),
    List(Vec<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Conditional(Box<[Node; 3]>),
    Compare(Comparison, Box<Node>, Box<Node>),
    Arithmetic(Operation, Box<Node>, Box<Node>),
    In(Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
    Matches(Box<Node>, Regex),
    VersionIn(Box<Node>, Range),
    Each(Box<Comprehension>),
}

/// One name on a path, with the whole path up to it as people write it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) path: Arc<str>,
}

/// A list macro.
#[derive(Debug, Clone)]
pub(super) struct Comprehension {
    pub(super) kind: Quantifier,
    pub(super) over: Node,
    /// The condition on the element; of `map` without a filter, always true.
    pub(super) test: Option<Node>,
    /// Of `map`: what becomes of the element.
    pub(super) image: Option<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    All,
    Exists,
    ExistsOne,
    /// `filter` and `map`: a list again.
    Collect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A function over known values; it has no say in what is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Int,
    Double,
    String,
    Bytes,
    Duration,
    Percent,
    Min,
    Max,
    Join,
    Shell,
}

impl Node {
    /// The path that this expression is, if it is nothing but a path.
    pub(super) fn path(&self) -> Option<&str> {
        match self {
            Node::Select(_, step) | Node::Key(_, step) => Some(&step.path),
            _ => None,
        }
    }

    /// Whether the path that this expression is starts at `item`.
    pub(super) fn is_path_of_item(&self) -> bool {
        match self {
            Node::Root(root) => *root == Root::Item,
            Node::Select(inner, _) | Node::Key(inner, _) => inner.is_path_of_item(),
            _ => false,
        }
    }

    /// Whether a path that starts there occurs anywhere in it.
    pub(super) fn uses(&self, wanted: Root) -> bool {
        matches!(self, Node::Root(root) if *root == wanted)
            || self.parts().into_iter().any(|part| part.uses(wanted))
    }

    /// The expressions that it is directly made of, in the order in which they stand.
    pub(super) fn parts(&self) -> Vec<&Node> {
        match self {
            Node::Root(_) | Node::Literal(_) | Node::Local(_) => Vec::new(),
            Node::Select(one, _) | Node::Key(one, _) | Node::Has(one, _) => vec![one],
            Node::Not(one) | Node::Negate(one) | Node::Matches(one, _) | Node::VersionIn(one, _) => vec![one],
            Node::At(one, two) | Node::And(one, two) | Node::Or(one, two) | Node::In(one, two) => {
                vec![one, two]
            }
            Node::Compare(_, one, two) | Node::Arithmetic(_, one, two) => vec![one, two],
            Node::Conditional(parts) => parts.iter().collect(),
            Node::List(nodes) | Node::Call(_, nodes) => nodes.iter().collect(),
            Node::Each(each) => {
                [Some(&each.over), each.test.as_ref(), each.image.as_ref()].into_iter().flatten().collect()
            }
        }
    }
}
