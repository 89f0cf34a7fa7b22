//! Who may log in from where, and by what: the rules of pg_hba.conf, from the file where it may be read, else from the
//! server's own view of it.
//!
//! Of a rule's options only one thing is told, since others hold passwords. A rule that cannot be understood makes the
//! list partial and never disappears without a word.

mod address;
mod files;
mod options;
mod tokens;

use goodstead_plugin::{Cause, CauseKind, Elements, Fact, Site, facts};

use crate::row::text;
use crate::session::Row;
use address::Scope;
use tokens::Token;

/// The most rules that are told.
const MOST: usize = 1_000;

/// The most databases, or users, of one rule that are told.
const MOST_NAMES: usize = 200;

/// One rule.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    place: String,
    kind: String,
    databases: Vec<String>,
    users: Vec<String>,
    /// As it is written, with its mask; `None` for a socket.
    address: Option<String>,
    scope: Scope,
    method: String,
    client_certificate: bool,
}

/// The rules, and why there may be more.
#[derive(Debug, Default, PartialEq)]
struct Rules {
    rules: Vec<Rule>,
    /// Lines that the server refuses: place and problem.
    errors: Vec<(String, String)>,
    unsure: Option<Cause>,
}

/// The facts `hba` and `hba_errors`: from `file` if it can be read, else from what the server `told`, and else unknown
/// because of that. Which lines are rules depends on the `release`, if that is known.
pub(crate) fn facts(
    site: &mut dyn Site,
    file: Option<&str>,
    told: Result<Vec<Row>, Cause>,
    release: Option<i64>,
) -> [(&'static str, Fact); 2] {
    let read = match file {
        Some(path) => files::read(site, path, release),
        None => Err(Cause::new(CauseKind::NotAvailable, "it is not known where pg_hba.conf is")),
    };
    let rules = match (read, told) {
        (Ok(rules), _) => rules,
        (Err(_), Ok(rows)) => from_view(&rows, file.unwrap_or("pg_hba.conf")),
        // A server that would show them to another role is the way out; a file that is not there is none.
        (Err(unread), Err(hidden)) => {
            let cause = if hidden.kind == CauseKind::NotPermitted { hidden } else { unread };
            return ["hba", "hba_errors"].map(|name| (name, cause.clone().into()));
        }
    };
    let Rules { mut rules, errors, mut unsure } = rules;
    let refused = crate::files::problems(errors.clone());
    let refused = Fact::List(Elements { items: refused, partial: unsure.clone().map(Box::new) });
    if let Some((place, _)) = errors.first() {
        let detail = format!("{place} is no rule that can be read, nor can the server read it");
        unsure.get_or_insert(Cause::new(CauseKind::Partial, detail));
    }
    if rules.len() > MOST {
        rules.truncate(MOST);
        unsure = Some(Cause::new(CauseKind::TooLarge, format!("only the first {MOST} rules are told")));
    }
    let items = rules.iter().enumerate().map(|(index, rule)| {
        let before = rules.get(..index).unwrap_or_default();
        rule.fact(before.iter().find(|earlier| earlier.covers(rule)))
    });
    let rules = Fact::List(Elements { items: items.collect(), partial: unsure.map(Box::new) });
    [("hba", rules), ("hba_errors", refused)]
}

impl Rule {
    /// A line's fields, as a server of this release reads them.
    ///
    /// # Errors
    /// Why the server refuses the line.
    fn of(place: String, fields: &[Vec<Token>], release: Option<i64>) -> Result<Rule, String> {
        let missing = |what: &str| format!("the rule ends before its {what}");
        let [kind, rest @ ..] = fields else { return Err(missing("type")) };
        let kind = only(kind, "type")?.text.to_lowercase();
        if !["local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"].contains(&kind.as_str()) {
            let kinds = "local, host, hostssl, hostnossl, hostgssenc or hostnogssenc";
            return Err(format!("a rule begins with {kinds}"));
        }
        let [databases, rest @ ..] = rest else { return Err(missing("database")) };
        let [users, rest @ ..] = rest else { return Err(missing("role")) };
        let (address, rest) = match (kind.as_str(), rest) {
            ("local", rest) => (None, rest),
            (_, []) => return Err(missing("address")),
            (_, [address, rest @ ..]) => {
                let address = &only(address, "address")?.text;
                let (mask, rest) = match (address::needs_mask(address), rest) {
                    (true, [mask, rest @ ..]) => (Some(&only(mask, "mask")?.text), rest),
                    (true, []) => return Err(missing("mask: write the address with /32 or another length")),
                    (false, rest) => (None, rest),
                };
                address::refused(address, mask.map(String::as_str))?;
                let whole = mask.map_or_else(|| address.clone(), |mask| format!("{address} {mask}"));
                (Some(whole), rest)
            }
        };
        let [method, options @ ..] = rest else { return Err(missing("method")) };
        let method = only(method, "method")?.text.clone();
        let options: Vec<_> = options.iter().flatten().map(|option| option.text.as_str()).collect();
        options::refused(&kind, &method, &options, release)?;
        Ok(Rule {
            place,
            scope: address.as_deref().map_or(Scope::Local, address::scope),
            databases: names(databases),
            users: names(users),
            client_certificate: wants_certificate(&method, options.iter().copied()),
            kind,
            address,
            method,
        })
    }

    /// Whether whoever matches `later` has matched this one already.
    fn covers(&self, later: &Rule) -> bool {
        let kind = self.kind == later.kind || (self.kind == "host" && later.kind.starts_with("host"));
        let all = |names: &[String]| names.iter().any(|name| name == "all");
        // `all` does not mean the replication connections.
        let replication = later.databases.iter().any(|name| name == "replication");
        let among = |own: &[String], later: &[String]| later.iter().all(|name| own.contains(name));
        let databases = (all(&self.databases) && !replication) || among(&self.databases, &later.databases);
        let users = all(&self.users) || among(&self.users, &later.users);
        let address = match (&self.address, &later.address) {
            (Some(own), Some(later)) => own == later || address::contains(own, later),
            (own, later) => own == later,
        };
        kind && databases && users && address
    }

    fn fact(&self, earlier: Option<&Rule>) -> Fact {
        let shadowed = earlier.is_some();
        let mut fact = facts! {
            "place" => self.place.as_str(),
            "type" => self.kind.as_str(),
            "databases" => told(&self.databases),
            "users" => told(&self.users),
            "address" => self.address.as_deref().unwrap_or_default(),
            "scope" => self.scope.word(),
            "method" => self.method.as_str(),
            "client_certificate" => self.client_certificate,
            "shadowed" => shadowed,
        };
        if let (Fact::Map(fields), Some(earlier)) = (&mut fact, earlier) {
            fields.items.insert("shadowed_by".to_owned(), earlier.place.as_str().into());
        }
        fact
    }
}

/// Names as a fact; a list that is cut is partial.
fn told(names: &[String]) -> Fact {
    let shown = names.get(..MOST_NAMES).unwrap_or(names);
    let cut = || Cause::new(CauseKind::TooLarge, format!("only the first {MOST_NAMES} names are told"));
    let partial = (names.len() > shown.len()).then(|| Box::new(cut()));
    Fact::List(Elements { items: shown.iter().map(|name| Fact::from(name.as_str())).collect(), partial })
}

/// The one token of a field that takes no list.
fn only<'a>(field: &'a [Token], what: &str) -> Result<&'a Token, String> {
    match field {
        [token] => Ok(token),
        _ => Err(format!("the {what} of a rule is one word and not a list")),
    }
}

/// A keyword in quotes is a name: it is told in quotes, so that nobody takes it for the keyword.
fn names(field: &[Token]) -> Vec<String> {
    let name = |token: &Token| match token.quoted
        && ["all", "sameuser", "samerole", "replication"].contains(&token.text.as_str())
    {
        true => format!("\"{}\"", token.text),
        false => token.text.clone(),
    };
    field.iter().map(name).collect()
}

fn wants_certificate<'a>(method: &str, mut options: impl Iterator<Item = &'a str>) -> bool {
    method == "cert"
        || options.any(|option| {
            matches!(option, "clientcert=verify-ca" | "clientcert=verify-full" | "clientcert=1")
        })
}

/// The rules as `pg_hba_file_rules` shows them. It has taken the quotes away: a database in it called `all` looks like
/// the keyword, which errs on the side of a wider rule.
fn from_view(rows: &[Row], file: &str) -> Rules {
    let mut found = Rules::default();
    for row in rows.iter().filter(|row| text(row, "idle") != Some("t")) {
        let line = text(row, "line").unwrap_or("?");
        let place = format!("{}:{line}", text(row, "file").unwrap_or(file));
        match from_row(row, &place) {
            Some(rule) => found.rules.push(rule),
            None => found.errors.push((place, problem(row))),
        }
    }
    found
}

/// What the server says of a line that it refuses.
fn problem(row: &Row) -> String {
    text(row, "error").unwrap_or("the server refuses it").to_owned()
}

fn from_row(row: &Row, place: &str) -> Option<Rule> {
    if text(row, "broken") != Some("f") {
        return None;
    }
    let list = |name: &str| serde_json::from_str::<Vec<String>>(text(row, name).unwrap_or("[]")).ok();
    let kind = text(row, "type")?.to_owned();
    let address = match (text(row, "address"), text(row, "netmask")) {
        (Some(address), Some(mask)) => Some(format!("{address} {mask}")),
        (address, _) => address.map(str::to_owned),
    };
    let method = text(row, "method")?.to_owned();
    let options = list("options")?;
    Some(Rule {
        place: place.to_owned(),
        scope: address.as_deref().map_or(Scope::Local, address::scope),
        databases: list("databases")?,
        users: list("users")?,
        client_certificate: wants_certificate(&method, options.iter().map(String::as_str)),
        kind,
        address,
        method,
    })
}

#[cfg(test)]
mod tests;
