//! `goodstead new plugin`: a plugin and its pack that build, run and pass as they stand, in a checkout of Goodstead or
//! in a folder of their own.
//!
//! Everything is tried in memory before anything is written, and nothing is written over.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::Path;

use goodstead_engine::{Loaded, PackSource, Plugins, load};
use goodstead_protocol::diagnostic::{Diagnostic, Place};
use goodstead_protocol::document::Document;
use goodstead_protocol::manifest::Manifest;

use super::new::{CHECK, MANIFEST, PACK, failed, schema, taken, write};
use super::{Exit, Installed, Outcome};
use crate::args::{Language, NewPlugin};
use crate::begun::plugin::{Begun, File};
use crate::installation::Installation;
use crate::render::output;

/// The longest name: it is the first word of every fact.
const MAX_NAME: usize = 24;

/// Said of every name that is none.
const NAMES: &str =
    "names are lower case letters, digits and `_`, at most 24 of them, and begin with a letter";

/// The crates of Goodstead, whose names (after `goodstead-`) a plugin's crate cannot have.
const TAKEN: [&str; 11] = [
    "desk", "engine", "fuzzed", "hostile", "model", "page", "plugin", "protocol", "runner", "signing",
    "tests",
];

/// Runs the command.
pub(super) fn run(args: &NewPlugin, installation: &Installation, installed: &Installed) -> Outcome {
    let name = args.name.as_str();
    check_name(name, installed)?;
    if !args.dir.is_dir() {
        return Err(Diagnostic::error("no-folder", "there is no such folder")
            .at(Place::file(args.dir.display().to_string()))
            .help("--dir names the folder in which the plugin's own is made"));
    }
    // Where the user stands is not worth a word.
    let dir = args.dir.strip_prefix(".").unwrap_or(&args.dir);
    let checkout = args.dir.join("plugins/sdk/Cargo.toml").is_file() && args.dir.join("checks").is_dir();
    let (base, files) = if checkout {
        (dir.to_owned(), in_checkout(args)?)
    } else {
        (dir.join(name), on_its_own(args, installation)?)
    };
    try_out(name, &files)?;

    let new: Vec<_> = if checkout {
        [format!("plugins/{name}"), format!("checks/{name}")].map(|folder| base.join(folder)).into()
    } else {
        vec![base.clone()]
    };
    if let Some(there) = new.iter().find(|folder| folder.symlink_metadata().is_ok()) {
        return Err(taken_folder(there));
    }
    for folder in &new {
        DirBuilder::new().create(folder).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => taken(folder),
            _ => failed(folder, &error),
        })?;
    }
    let mut text = String::new();
    for (path, content) in &files {
        let path = base.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        }
        write(&path, content)?;
        text.push_str(&format!("wrote {}\n", path.display()));
    }
    text.push_str(&next(args, &base, checkout));
    output::write(&text, None)?;
    Ok(Exit::Fine)
}

fn check_name(name: &str, installed: &Installed) -> Result<(), Diagnostic> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts || !name.chars().all(plain) || name.len() > MAX_NAME {
        let message = format!("`{}` is no name of a plugin", name.escape_debug());
        return Err(Diagnostic::error("bad-name", message).help(NAMES));
    }
    if TAKEN.contains(&name) {
        let message = format!("`goodstead-{name}` is a crate of Goodstead itself");
        return Err(Diagnostic::error("taken-name", message).help("choose another name"));
    }
    if installed.plugins.usable.iter().any(|plugin| plugin.manifest.name == name) {
        let message = format!("a plugin `{name}` is installed already");
        return Err(Diagnostic::error("taken-name", message).help("choose another name"));
    }
    Ok(())
}

/// The files of a plugin that Goodstead itself brings.
fn in_checkout(args: &NewPlugin) -> Result<Vec<File>, Diagnostic> {
    let name = args.name.as_str();
    if args.language == Language::C {
        return Err(Diagnostic::error("not-rust", "the plugins in a checkout of Goodstead are crates")
            .at(Place::file(args.dir.display().to_string()))
            .help("--dir names a folder elsewhere: a plugin in C needs nothing but the header"));
    }
    let begun = Begun {
        name,
        socket: args.socket,
        check_schema: &format!("../../docs/{CHECK}"),
        pack_schema: &format!("../../docs/{PACK}"),
        manifest_schema: &format!("../../docs/{MANIFEST}"),
    };
    let folder = format!("plugins/{name}/");
    let mut files = vec![begun.manifest(&folder)];
    files.extend(begun.member(&folder));
    files.extend(begun.pack(&format!("checks/{name}/")));
    Ok(files)
}

/// The files of a plugin in a folder of its own.
fn on_its_own(args: &NewPlugin, installation: &Installation) -> Result<Vec<File>, Diagnostic> {
    let name = args.name.as_str();
    let begun = Begun {
        name,
        socket: args.socket,
        check_schema: &schema(&args.dir, CHECK, installation),
        pack_schema: &schema(&args.dir, PACK, installation),
        manifest_schema: &schema(&args.dir, MANIFEST, installation),
    };
    let program = installation.program();
    let goodstead = word(&program).unwrap_or("goodstead");
    let mut files = vec![begun.manifest("")];
    files.extend(match args.language {
        Language::Rust => begun.own_crate(&sdk(args, installation)?, goodstead),
        Language::C => {
            let include = installation.include();
            let include = if include == Path::new("/usr/include") { None } else { Some(include) };
            let folder = include.as_deref().map(|folder| {
                word(folder).ok_or_else(|| {
                    Diagnostic::error("bad-path", "the header lies where make cannot name it")
                        .at(Place::file(folder.display().to_string()))
                        .help("install Goodstead in a folder whose path has no blanks and no special letters")
                })
            });
            begun.c(folder.transpose()?, goodstead)
        }
    });
    files.extend(begun.pack(&format!("checks/{name}/")));
    Ok(files)
}

/// The SDK's folder, as it stands in Cargo.toml.
fn sdk(args: &NewPlugin, installation: &Installation) -> Result<String, Diagnostic> {
    let found = args.sdk.clone().or_else(|| Some(installation.checkout()?.join("plugins/sdk")));
    let Some(folder) = found else {
        return Err(Diagnostic::error("no-sdk", "a plugin in Rust is built on the SDK, which is not here").help(
            "--sdk names the folder plugins/sdk of a checkout of Goodstead; --language c needs the header only",
        ));
    };
    let whole = folder.canonicalize().ok().filter(|folder| folder.join("Cargo.toml").is_file());
    let text = whole.as_deref().and_then(Path::to_str).filter(|path| !path.contains(['"', '\\', '@']));
    text.map(str::to_owned).ok_or_else(|| {
        Diagnostic::error("no-sdk", "this is not the SDK's folder, or one that Cargo.toml cannot name")
            .at(Place::file(folder.display().to_string()))
            .help("--sdk names the folder plugins/sdk of a checkout of Goodstead")
    })
}

/// A path that is one word to make and to a shell.
fn word(path: &Path) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+');
    path.to_str().filter(|path| path.chars().all(plain))
}

/// Reads what would be written as the agent will read it: a name that is a word of the conditions' language shows here.
fn try_out(name: &str, files: &[File]) -> Result<(), Diagnostic> {
    let document = |(path, text): &File| Document::new(path.clone(), text.clone());
    let found = files.iter().find(|(path, _)| path.ends_with("plugin.toml"));
    let manifest = found.map(|file| Manifest::read(&document(file)));
    let Some(Ok(manifest)) = manifest else { return Err(no_word(name)) };
    let mut plugins = Plugins::default();
    plugins.add(manifest.version, manifest.contract);
    let in_pack = |path: &str| path.contains("checks/");
    let documents = files.iter().filter(|(path, _)| in_pack(path)).map(document).collect();
    let Loaded { pack, diagnostics, .. } =
        load(PackSource { name: name.to_owned(), documents, local: true }, &plugins);
    if pack.is_some() && diagnostics.is_empty() { Ok(()) } else { Err(no_word(name)) }
}

fn no_word(name: &str) -> Diagnostic {
    Diagnostic::error("bad-name", format!("`{name}` cannot stand in conditions"))
        .help("it is a word of their language: choose another name")
}

fn taken_folder(folder: &Path) -> Diagnostic {
    Diagnostic::error("exists", "this is there already, and nothing is written over it")
        .at(Place::file(folder.display().to_string()))
        .help("choose another name, or another folder with --dir")
}

/// What to do now.
fn next(args: &NewPlugin, base: &Path, checkout: bool) -> String {
    let name = &args.name;
    if checkout {
        return format!(
            "\nNext, in the checkout:\n\
             \x20 1. cargo xtask plugin {name}    builds it, tests it, stages it with its pack, and shows what it finds here\n\
             \x20 2. Say in plugins/{name}/plugin.toml what it may look at and which facts it emits; gather them in\n\
             \x20    plugins/{name}/src/lib.rs; judge them in checks/{name}. Then 1 again.\n\
             \x20 3. cargo xtask generate         writes the reference of its facts and checks\n"
        );
    }
    let (source, needs) = match args.language {
        Language::Rust => ("src/lib.rs".to_owned(), "make and cargo"),
        Language::C => (format!("{name}.c"), "make and a C compiler"),
    };
    format!(
        "\nNext ({needs} are needed):\n\
         \x20 1. make -C {}    builds it, stages it with its pack, and shows what it finds here\n\
         \x20 2. Say in plugin.toml what it may look at and which facts it emits; gather them in {source}; judge them\n\
         \x20    in checks/{name}. Then 1 again.\n\
         \x20 3. README.md says how it is signed and installed.\n",
        base.display()
    )
}
