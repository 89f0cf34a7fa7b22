//! Who may log in from where, and by what: the rules of pg_hba.conf, from the file where it may be read, else from the
//! server's own view of it.
//!
//! Of a rule's options only one thing is told, since others hold passwords. A rule that cannot be understood makes the
//! list partial and never disappears without a word.

mod address;
mod files;
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

/// The ways to prove who one is; the server refuses a rule with another word. `oauth` came with 18.
const METHODS: [&str; 15] = [
    "trust",
    "reject",
    "scram-sha-256",
    "md5",
    "password",
    "gss",
    "sspi",
    "ident",
    "peer",
    "pam",
    "bsd",
    "ldap",
    "radius",
    "cert",
    "oauth",
];

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
    unsure: Option<Cause>,
}

/// The fact `hba`: from `file` if it can be read, else from what the server `told`, and else unknown because of that.
pub(crate) fn fact(site: &mut dyn Site, file: Option<&str>, told: Result<Vec<Row>, Cause>) -> Fact {
    let read = match file {
        Some(path) => files::read(site, path),
        None => Err(Cause::new(CauseKind::NotAvailable, "it is not known where pg_hba.conf is")),
    };
    let rules = match (read, told) {
        (Ok(rules), _) => rules,
        (Err(_), Ok(rows)) => from_view(&rows, file.unwrap_or("pg_hba.conf")),
        // A server that would show them to another role is the way out; a file that is not there is none.
        (Err(unread), Err(hidden)) => {
            return if hidden.kind == CauseKind::NotPermitted { hidden } else { unread }.into();
        }
    };
    let Rules { mut rules, mut unsure } = rules;
    if rules.len() > MOST {
        rules.truncate(MOST);
        unsure = Some(Cause::new(CauseKind::TooLarge, format!("only the first {MOST} rules are told")));
    }
    let items = rules.iter().enumerate().map(|(index, rule)| {
        let before = rules.get(..index).unwrap_or_default();
        rule.fact(before.iter().any(|earlier| earlier.covers(rule)))
    });
    Fact::List(Elements { items: items.collect(), partial: unsure.map(Box::new) })
}

impl Rule {
    /// A line's fields; `None` if it is no rule.
    fn of(place: String, fields: &[Vec<Token>]) -> Option<Rule> {
        let [kind, databases, users, rest @ ..] = fields else { return None };
        let kind = only(kind)?.text.to_lowercase();
        let (address, rest) = match kind.as_str() {
            "local" => (None, rest),
            "host" | "hostssl" | "hostnossl" | "hostgssenc" | "hostnogssenc" => {
                let [address, rest @ ..] = rest else { return None };
                let address = only(address)?;
                // An address without a mask is followed by one.
                match (rest, address::needs_mask(&address.text)) {
                    ([mask, rest @ ..], true) => {
                        (Some(format!("{} {}", address.text, only(mask)?.text)), rest)
                    }
                    (_, true) => return None,
                    (rest, false) => (Some(address.text.clone()), rest),
                }
            }
            _ => return None,
        };
        let [method, options @ ..] = rest else { return None };
        let method = only(method)?.text.clone();
        if !METHODS.contains(&method.as_str()) {
            return None;
        }
        let options = options.iter().flatten().map(|option| option.text.as_str());
        Some(Rule {
            place,
            scope: address.as_deref().map_or(Scope::Local, address::scope),
            databases: names(databases),
            users: names(users),
            client_certificate: wants_certificate(&method, options),
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
        let databases = (all(&self.databases) && !replication) || self.databases == later.databases;
        let users = all(&self.users) || self.users == later.users;
        let address = self.address == later.address || self.address.as_deref() == Some("all");
        kind && databases && users && address
    }

    fn fact(&self, shadowed: bool) -> Fact {
        facts! {
            "place" => self.place.as_str(),
            "type" => self.kind.as_str(),
            "databases" => told(&self.databases),
            "users" => told(&self.users),
            "address" => self.address.as_deref().unwrap_or_default(),
            "scope" => self.scope.word(),
            "method" => self.method.as_str(),
            "client_certificate" => self.client_certificate,
            "shadowed" => shadowed,
        }
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
fn only(field: &[Token]) -> Option<&Token> {
    match field {
        [token] => Some(token),
        _ => None,
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
            None => found.unsure = Some(not_understood(&place)),
        }
    }
    found
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

fn not_understood(place: &str) -> Cause {
    Cause::new(CauseKind::Partial, format!("{place} is no rule that can be read, nor can the server read it"))
}

#[cfg(test)]
mod tests;
