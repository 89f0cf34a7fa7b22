//! Markdown: [`blocks`] reads what checks say, the rest writes the report as Markdown, for tickets and wikis.
//!
//! What a site wrote makes no structure: every text is escaped, code is fenced by more backquotes than it holds, and only
//! addresses of the web become links.

pub(crate) mod blocks;
mod escape;
mod report;

pub(crate) use report::{advice, report};
