//! The facts that an expression names: whole paths from their root, each once.
//!
//! What a list macro does with each element is about the list, which is named.

use super::node::{Node, Root};

/// The paths in the order in which they first stand, each with the node that yields its value.
pub(super) fn paths(node: &Node) -> Vec<(String, Node)> {
    let mut found = Vec::new();
    collect(node, &mut found);
    found
}

fn collect(node: &Node, found: &mut Vec<(String, Node)>) {
    let mut add = |path: &str, node: Node| {
        if found.iter().all(|(known, _)| known != path) {
            found.push((path.to_owned(), node));
        }
    };
    match node {
        Node::Root(Root::Item) => add("item", node.clone()),
        Node::Select(inner, step) | Node::Key(inner, step) => {
            if from_root(inner) {
                add(&step.path, node.clone());
            } else {
                collect(inner, found);
            }
        }
        // What is asked for is whether it is there, so its value is what decides.
        Node::Has(inner, step) => {
            if from_root(inner) {
                add(&step.path, Node::Select(inner.clone(), step.clone()));
            } else {
                collect(inner, found);
            }
        }
        _ => node.parts().into_iter().for_each(|part| collect(part, found)),
    }
}

/// Whether it is nothing but a path, and not one of a macro's variable.
fn from_root(node: &Node) -> bool {
    match node {
        Node::Root(_) => true,
        Node::Select(inner, _) | Node::Key(inner, _) => from_root(inner),
        _ => false,
    }
}
