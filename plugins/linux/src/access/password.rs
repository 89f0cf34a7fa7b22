//! What stands for a password in passwd(5) and shadow(5). A hash is looked at here, told as a class, and forgotten.

use std::collections::BTreeMap;

/// What stands for a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Password {
    /// None is asked for.
    Empty,
    /// None fits.
    Locked,
    /// One fits.
    Set,
}

impl Password {
    /// The class of the second field of a line of shadow(5).
    pub(crate) fn of(field: &str) -> Password {
        match field {
            "" => Password::Empty,
            // crypt(5): hashes start with `$`, `_`, or are 13 letters of DES; anything else fits no password.
            hash if hash.starts_with(['$', '_']) || hash.len() == 13 && !hash.starts_with(['!', '*']) => {
                Password::Set
            }
            _ => Password::Locked,
        }
    }

    /// The class as the contract has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Password::Empty => "empty",
            Password::Locked => "locked",
            Password::Set => "set",
        }
    }
}

/// The classes of shadow(5), by the name of the account.
pub(crate) fn of_shadow(text: &str) -> BTreeMap<String, Password> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(password)) = (fields.next(), fields.next()) {
            // Of two lines the first decides.
            found.entry(name.to_owned()).or_insert_with(|| Password::of(password));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_the_second_field() {
        let of: Vec<_> = [
            "",
            "!",
            "*",
            "!!",
            "!$y$x",
            "$y$x",
            "$6$x",
            "_J9..rasm",
            "abJnggxhB/yWI",
            "!bJnggxhB/yWI",
            "x",
            "NP",
        ]
        .map(|field| Password::of(field).word())
        .into();
        assert_eq!(
            of,
            [
                "empty", "locked", "locked", "locked", "locked", "set", "set", "set", "set", "locked",
                "locked", "locked"
            ]
        );
    }
}
