//! The files of a plugin that is begun: right as they stand, with one real fact and one check on it.
//!
//! They lie beside this file as they are written; only words between `@` are filled in.

/// What is filled in.
pub(crate) struct Begun<'a> {
    pub(crate) name: &'a str,
    /// Whether it asks a running product over a socket; otherwise it reads a file.
    pub(crate) socket: bool,
    /// Where an editor finds what may stand in a check, in a pack, and in a manifest.
    pub(crate) check_schema: &'a str,
    pub(crate) pack_schema: &'a str,
    pub(crate) manifest_schema: &'a str,
}

/// A file by its path in the folder where it is written.
pub(crate) type File = (String, String);

impl Begun<'_> {
    /// What every plugin has: its manifest, in `folder`.
    pub(crate) fn manifest(&self, folder: &str) -> File {
        let text = self.either(include_str!("plugin/plugin.toml"), include_str!("plugin/socket.plugin.toml"));
        (format!("{folder}plugin.toml"), self.fill(text).replace("@manifest_schema@", self.manifest_schema))
    }

    /// The pack of checks on its facts, in `folder`.
    pub(crate) fn pack(&self, folder: &str) -> [File; 2] {
        let fill = |text, schema| self.fill(text).replace("@schema@", schema);
        let check = self.either("system-without-name", "version-unnamed");
        let text = self.either(include_str!("plugin/check.toml"), include_str!("plugin/socket.check.toml"));
        [
            (format!("{folder}pack.toml"), fill(include_str!("plugin/pack.toml"), self.pack_schema)),
            (format!("{folder}{check}.toml"), fill(text, self.check_schema)),
        ]
    }

    /// A crate of the workspace of Goodstead itself.
    pub(crate) fn member(&self, folder: &str) -> Vec<File> {
        vec![
            (format!("{folder}Cargo.toml"), self.fill(include_str!("plugin/checkout.Cargo.toml"))),
            self.source(folder),
        ]
    }

    /// A crate of its own on the SDK in `sdk`.
    pub(crate) fn own_crate(&self, sdk: &str, goodstead: &str) -> Vec<File> {
        let manifest = self.fill(include_str!("plugin/vendor.Cargo.toml")).replace("@sdk@", sdk);
        let mut files = vec![("Cargo.toml".to_owned(), manifest), self.source("")];
        let make = include_str!("plugin/rust.mk");
        let release = ", `make PROFILE=release` builds what is shipped";
        files.extend(self.around(make, "src/lib.rs", release, goodstead));
        files
    }

    /// A file of C; `include` is where the header lies, when the compiler does not find it by itself.
    pub(crate) fn c(&self, include: Option<&str>, goodstead: &str) -> Vec<File> {
        let source = format!("{}.c", self.name);
        let option = include.map(|folder| format!(" -I{folder}")).unwrap_or_default();
        let make = include_str!("plugin/c.mk").replace("@include@", &option);
        let code = self.either(include_str!("plugin/plugin.c"), include_str!("plugin/socket.c"));
        let test = self.either(include_str!("plugin/test.c"), include_str!("plugin/socket.test.c"));
        let mut files = vec![(source.clone(), self.fill(code)), ("test.c".to_owned(), self.fill(test))];
        files.extend(self.around(&make, &source, "", goodstead));
        files
    }

    /// What a folder of its own has around the source; `release` says how one is made, where that differs.
    fn around(&self, make: &str, source: &str, release: &str, goodstead: &str) -> [File; 3] {
        let makefile = format!("{}{make}", include_str!("plugin/Makefile"));
        let readme = self.fill(include_str!("plugin/README.md"));
        let readme = readme.replace("@source@", source).replace("@release@", release);
        [
            ("Makefile".to_owned(), self.fill(&makefile).replace("@goodstead@", goodstead)),
            ("README.md".to_owned(), readme),
            (".gitignore".to_owned(), include_str!("plugin/gitignore").to_owned()),
        ]
    }

    fn source(&self, folder: &str) -> File {
        let code = self.either(include_str!("plugin/lib.rs"), include_str!("plugin/socket.lib.rs"));
        (format!("{folder}src/lib.rs"), self.fill(code))
    }

    /// What the plugin has that reads a file, or the one that asks over a socket.
    fn either<'t>(&self, file: &'t str, socket: &'t str) -> &'t str {
        if self.socket { socket } else { file }
    }

    fn fill(&self, text: &str) -> String {
        text.replace("@library@", &format!("libgoodstead_{}.so", self.name))
            .replace("@Type@", &type_name(self.name))
            .replace("@name@", self.name)
    }
}

/// `my_queue` as the name of a type, which no word of Rust is.
fn type_name(name: &str) -> String {
    let parts = name.split('_').map(|part| {
        let mut letters = part.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    parts.chain(["Plugin".to_owned()]).collect()
}
