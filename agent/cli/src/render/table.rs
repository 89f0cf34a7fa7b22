//! Tables without lines, which read well and cut well.

use comfy_table::{ContentArrangement, Table, presets};

use super::value;

/// A table with these headings, as wide as the terminal at most.
pub(crate) fn plain(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// The table's text, without the blanks that fill its last column and without anything that a terminal acts on.
pub(crate) fn text(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", value::plain(line.trim_end()))).collect()
}
