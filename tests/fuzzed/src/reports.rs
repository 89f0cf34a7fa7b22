//! Reports in files and in the state, shown in every face.
//!
//! Whatever is in a report: each face is made, nothing in it acts on a terminal, and none of it is markup of a page.

use goodstead_agent::doors;
use goodstead_protocol::visible::acts;

use crate::tellable;

/// Reads `data` as a report and shows it.
pub fn run(data: &[u8]) {
    match doors::report(data) {
        Err(problem) => tellable(&[problem]),
        Ok(shown) => {
            for (face, text) in shown {
                let odd = text.chars().find(|c| acts(*c) && !matches!(c, '\n' | '\t'));
                assert_eq!(odd, None, "{face}: {text:?}");
                if face == "Html" {
                    page(&text);
                }
            }
        }
    }
}

/// A page has the agent's own style and script, once each, and nothing else that is more than text.
fn page(text: &str) {
    let lower = text.to_lowercase();
    for tag in ["<iframe", "<img", "<object", "<embed", "href=\"javascript:", "href=\"data:"] {
        assert!(!lower.contains(tag), "{tag} on the page");
    }
    for own in ["<style", "<script"] {
        assert_eq!(lower.matches(own).count(), 1, "{own} on the page");
    }
}
