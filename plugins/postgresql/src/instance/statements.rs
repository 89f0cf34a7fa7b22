//! What pg_stat_statements counted, for the whole server, where the database of the session has it.
//!
//! Only the extension's own function is called, in the schema where the extension lies, and without the texts of the
//! statements, which it would read from a file.

use goodstead_plugin::Fact;

use super::{Facts, Server};
use crate::row::text;
use crate::session::Session;

pub(super) const NAMES: [&str; 1] = ["statements"];

/// The columns of compilation came with version 1.10, in 15. Its settings are there only if its library is loaded.
const WHERE: &str = "SELECT quote_ident(n.nspname) AS schema
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
  WHERE e.extname = 'pg_stat_statements' AND current_setting('pg_stat_statements.max', true) IS NOT NULL
    AND string_to_array(e.extversion, '.')::int[] >= ARRAY[1, 10]";

/// The facts; none where there is no such extension.
pub(super) async fn ask(session: &Session, server: &Server) -> Facts {
    if !server.sees_stats {
        return super::unknown_for(&NAMES, &super::sees_no_others(server));
    }
    let rows = match session.rows(WHERE).await {
        Ok(found) => match found.first().and_then(|row| text(row, "schema")) {
            Some(schema) => session.rows(&sums(schema, server.number)).await,
            None => Ok(Vec::new()),
        },
        Err(cause) => Err(cause),
    };
    let rows = match rows {
        Ok(rows) => rows,
        Err(cause) => return super::unknown_for(&NAMES, &cause),
    };
    let mut statements = Facts::new();
    for name in ["seconds", "jit_seconds"] {
        let number =
            rows.first().and_then(|row| text(row, name)).and_then(|number| number.parse::<f64>().ok());
        if let Some(number) = number.filter(|number| number.is_finite()) {
            statements.insert(name.to_owned(), Fact::Float(number));
        }
    }
    Facts::from([("statements".to_owned(), statements.into())])
}

/// Deforming was counted for itself from 17 on.
fn sums(schema: &str, number: i64) -> String {
    let deforming = if number >= 170_000 { " + sum(jit_deform_time)" } else { "" };
    format!(
        "SELECT sum(total_exec_time) / 1000 AS seconds, (sum(jit_generation_time) + sum(jit_inlining_time)
           + sum(jit_optimization_time) + sum(jit_emission_time){deforming}) / 1000 AS jit_seconds
         FROM {schema}.pg_stat_statements(false)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deforming_is_counted_where_it_is_told() {
        assert!(!sums("public", 160_000).contains("deform") && sums("public", 170_000).contains("deform"));
    }
}
