//! The schemas of the other files that people write: `plugin.toml`, `agent.toml` and `entitlement.toml`.
//!
//! As with the files of a pack, they are the looser half of the truth: what the agent accepts, they accept.

use goodstead_protocol::manifest::MAX_SECONDS;
use serde_json::{Value as Json, json};

use super::{VERSION, said, words};

/// The name of a plugin.
const PLUGIN: &str = "^[a-z][a-z0-9_]*$";

/// An absolute path.
const PATH: &str = "^/";

/// A table with these keys and no others.
fn table(description: &str, required: &[&str], properties: &Json) -> Json {
    let mut table = json!({
        "type": "object", "additionalProperties": false, "properties": properties, "description": description,
    });
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    table
}

/// A table of which each key is a name and each value alike.
fn named(description: &str, each: &Json) -> Json {
    json!({ "type": "object", "additionalProperties": each, "description": description })
}

fn text(description: &str) -> Json {
    json!({ "type": "string", "description": description })
}

fn path(description: &str) -> Json {
    json!({ "type": "string", "pattern": PATH, "description": description })
}

fn list(of: &Json, description: &str) -> Json {
    json!({ "type": "array", "items": of, "description": description })
}

fn number(least: u64, most: Option<u64>, description: &str) -> Json {
    let mut number = json!({ "type": "integer", "minimum": least, "description": description });
    if let Some(most) = most {
        number["maximum"] = json!(most);
    }
    number
}

fn switch(description: &str) -> Json {
    json!({ "type": "boolean", "description": description })
}

fn address(description: &str) -> Json {
    json!({
        "type": "string", "pattern": "^(unix:/.*|tcp:.*:[0-9]+)$",
        "description": format!("{description} unix:/path/of/socket or tcp:host:port."),
    })
}

fn of_file(title: &str, description: &str, mut schema: Json) -> Json {
    schema["$schema"] = json!("http://json-schema.org/draft-04/schema#");
    schema["title"] = json!(title);
    schema["description"] = json!(description);
    schema
}

/// The schema of `plugin.toml`.
pub fn plugin() -> Json {
    let properties = json!({
        "name": {
            "type": "string", "pattern": PLUGIN, "not": { "enum": ["host", "item", "previous"] },
            "description": "The first word of its facts and of the ids of its checks. The plugin's directory has the same name.",
        },
        "title": text("What it inspects, for people."),
        "version": { "type": "string", "pattern": VERSION, "description": "Rises with every change (semver)." },
        "protocol": { "enum": [goodstead_protocol::PROTOCOL], "description": "The protocol that it speaks (docs/PLUGIN-PROTOCOL.md)." },
        "products": list(&text("A product's name."), "The products that it knows."),
        "library": {
            "type": "string", "pattern": "^[^/]+$",
            "description": "The file name of the library, which is located beside this file.",
        },
        "seconds": number(1, Some(MAX_SECONDS), "The longest that one scan may take; 30 by default."),
        "identity": text("The path, without the plugin's name, of the text that tells a target from all others for as long as it lives. What is kept of a target stays with it when the plugin gives it another name."),
        "containers": list(&json!({ "type": "string", "minLength": 1, "maxLength": 15, "description": "A process's name, as in /proc/PID/comm." }), "The names of the product's processes. Where one of them runs in a container on the host, the plugin is run once more for what is in that: its paths are then those of the container."),
        "permissions": permissions(),
        "options": named(
            "What an admin may set in agent.toml, below [plugins.NAME.options].",
            &table("A whole number with its bounds.", &["about", "default", "minimum", "maximum"], &json!({
                "about": text("What it is for the admin, with its unit."),
                "default": number(0, None, "What holds unless the admin sets it."),
                "minimum": number(0, None, "The least that may be set."),
                "maximum": number(0, None, "The most that may be set."),
            })),
        ),
        "grant": grant(),
        "texts": texts(),
        "bundles": named("Where support bundles hold what it asks for, by their kind.", &bundle_files()),
        "facts": {
            "type": "object", "additionalProperties": false,
            "patternProperties": { "^[a-z][a-z0-9_]*(\\[\\]|\\{\\})?(\\.[a-z][a-z0-9_]*(\\[\\]|\\{\\})?)*$": fact() },
            "description": "The fact contract: each fact by its path, for example \"mounts[].size_bytes\".",
        },
    });
    of_file(
        "A plugin of Goodstead",
        "plugin.toml: who a plugin is, what it may read, reach and run, and which facts it emits.",
        table("", &["name", "version", "protocol", "library", "facts"], &properties),
    )
}

fn permissions() -> Json {
    let glob = path("An absolute path or a glob of such: `*` stays within a name, `**` crosses directories.");
    let command = table(
        "Exactly these words.",
        &["program"],
        &json!({
            "program": path("The program's absolute path."),
            "arguments": list(&text("An argument."), "All its arguments."),
        }),
    );
    table(
        "What the agent does for it; it does nothing else.",
        &[],
        &json!({
            "read": list(&glob, "What may be read, listed and looked at."),
            "stat": list(&glob, "Whose owner, mode and time may be looked at, without reading it."),
            "statfs": list(&glob, "Under what the space of a file system may be asked for."),
            "connect": list(&glob, "The Unix sockets that discovery may propose."),
            "connect_tcp": list(
                &json!({ "type": "string", "pattern": "^(127\\.[0-9.]+|\\[::1\\]):[0-9]+$" }),
                "The TCP addresses of the loopback that discovery may propose: 127.0.0.1:6379 or [::1]:6379.",
            ),
            "run": named("The commands that may be run, by name.", &command),
        }),
    )
}

fn grant() -> Json {
    let arguments = |description: &str| list(&text("An argument."), description);
    let keys =
        ["about", "owner", "address", "program", "arguments", "input", "check", "file", "line", "reload"];
    table(
        "What an admin runs so that the plugin's sessions see what they need: `goodstead grant`.",
        &keys,
        &json!({
            "about": text("What it allows, for the admin."),
            "owner": text("The system user that owns the product."),
            "address": address("The socket that is meant unless the admin names another."),
            "program": path("The product's own client."),
            "arguments": arguments("Its arguments for every use."),
            "input": text("What the client is fed: the grant itself. {user} is the system user that connects."),
            "check": arguments("Further arguments with which the agent's user tries whether it is let in."),
            "file": arguments("Further arguments with which the client prints the path of the access file."),
            "line": text("The line of the access file that lets the user in."),
            "reload": arguments("Further arguments with which the product reads the access file again."),
        }),
    )
}

/// Where one kind of support bundle holds what a plugin asks for.
fn bundle_files() -> Json {
    let file = text("A file of the bundle, relative to it.");
    let glob = path("An absolute path or a glob of such.");
    let run = "Commands by name, each with the files of which the first that is there holds its output.";
    let complete = "Globs of what the collector takes whole where it leaves the file or folder of this name.";
    table(
        "Paths are relative to the bundle.",
        &[],
        &json!({
            "run": named(run, &list(&file, "Files, the best first.")),
            "complete": {
                "type": "object",
                "additionalProperties": list(&glob, "What is missing of these was missing on the host."),
                "description": complete,
            },
        }),
    )
}

/// The texts beside facts that a plugin writes itself.
fn texts() -> Json {
    let own = |description: &str| {
        table(
            description,
            &["about"],
            &json!({
                "about": text("What is in it, in one sentence for the admin."),
                "sensitivity": words(&["public", "identifying"], "How carefully it must be treated; identifying by default."),
            }),
        )
    };
    table(
        "The texts beside facts that it writes itself; the agent writes all others.",
        &[],
        &json!({
            "target_names": own("What its targets are called."),
            "target_titles": own("What its targets are, for people."),
            "causes": own("Why a fact is unknown, and what would make it known."),
        }),
    )
}

/// One line of the contract.
fn fact() -> Json {
    let plain = ["bool", "int", "float", "text", "time", "scalar"];
    let every: Vec<_> = plain.iter().copied().chain(["list", "map", "record"]).collect();
    table(
        "",
        &["type"],
        &json!({
            "type": words(&every, "What the value is. Lists and maps say with `of` what their elements are, or declare them by path."),
            "of": words(&every, "What the elements of a list or a map are."),
            "key": text("Of a list of records: the field that names an element."),
            "unit": words(&["bytes", "seconds", "percent", "count"], "What a number counts."),
            "optional": switch("Whether it may be observed not to exist."),
            "sensitivity": words(
                &["public", "identifying", "secret"],
                "public (versions, settings), identifying (names, addresses; the default) or secret (never leaves the agent's memory).",
            ),
            "about": text("What it is, in one sentence."),
            "source": text("Where the plugin takes it from."),
            "derived": list(
                &words(&["present", "length-class", "is-default"], "A fact that the agent computes."),
                "Of a secret: what is computed from it before it is dropped.",
            ),
            "default": text("Of a secret: the value that a product ships with, for is-default."),
        }),
    )
}

/// The schema of `agent.toml`.
pub fn agent() -> Json {
    let seconds = |description: &str| number(1, Some(MAX_SECONDS), description);
    let plugin = table(
        "What holds for one plugin.",
        &[],
        &json!({
            "enabled": switch("false: never run this plugin."),
            "connect_as": text("The system user as whom connections are made; never root or the product's owner unless named here."),
            "seconds": seconds("The longest that it may take for one scan."),
            "options": named(
                "Options of the plugin, as `goodstead plugins inspect` shows them.",
                &number(0, None, "A whole number within the option's bounds."),
            ),
        }),
    );
    let target = table(
        "A target that discovery cannot find, or about which there is more to say.",
        &["plugin"],
        &json!({
            "plugin": text("The plugin that inspects it."),
            "name": { "type": "string", "pattern": "^[^: /]+$", "description": "The target becomes PLUGIN:NAME." },
            "address": address("Where it listens."),
            "user": text("The account in the product; the system user that connects by default."),
            "password_file": text("A file that holds the account's password."),
            "database": text("The database, queue or index to log in to."),
            "importance": {
                "type": "number", "minimum": 0, "exclusiveMinimum": true,
                "description": "Its weight in the readiness of the whole; 1 by default.",
            },
            "deployment": text("The installation of the product that it belongs to; the target's id by default."),
        }),
    );
    let properties = json!({
        "limits": table("Limits of every plugin.", &[], &json!({
            "plugin_seconds": seconds("The longest that one plugin may take for one scan."),
        })),
        "isolation": table("What the kernel must have.", &[], &json!({
            "require_full": switch("Do not run plugins where the kernel lacks a part of the isolation."),
        })),
        "signatures": table("What needs no signature.", &[], &json!({
            "allow_unsigned": list(&path("A directory."), "Plugins and packs in these directories, or below them."),
        })),
        "plugins": named("Settings of plugins, by name.", &plugin),
        "target": list(&target, "One table for each target."),
        "desk": table("The support desk.", &[], &json!({
            "ca_file": text("A certificate authority to trust besides the system's."),
        })),
    });
    of_file(
        "The configuration of Goodstead's agent",
        "agent.toml: limits, signatures, plugins, targets and the desk. Everything has a default.",
        table("", &[], &properties),
    )
}

/// The schema of `entitlement.toml`.
pub fn entitlement() -> Json {
    let licence = table(
        "One licensed capability.",
        &[],
        &json!({
            "quantity": number(1, Some(u64::from(u32::MAX)), "How many of it are licensed; 1 by default."),
        }),
    );
    let properties = json!({
        "customer": said("Who licensed it."),
        "deployment": said("The deployment that it is for, as agent.toml or a target's id names it."),
        // A TOML date is handed on in a form of the editor's choice.
        "valid_until": { "description": "The last day on which it counts, in UTC: a date without quotes, 2027-12-31." },
        "capability": named("The licensed capabilities by id: [capability.\"postgresql.base-backups\"].", &licence),
    });
    of_file(
        "An entitlement of Goodstead",
        "entitlement.toml: what a customer licensed, signed by the vendor.",
        table("", &["customer", "deployment", "valid_until"], &properties),
    )
}
