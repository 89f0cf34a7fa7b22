//! The JSON Schemas: what is shipped fits them, what is broken does not, and they know what the loader knows.

use std::fs;
use std::path::Path;

use boon::{Compiler, Schemas};
use goodstead_tests::checkout;
use goodstead_tests::tree::Tree;
use serde_json::{Value as Json, json};

/// Whether a document fits the committed schema, and if not, why.
struct Schema {
    schemas: Schemas,
    index: boon::SchemaIndex,
    json: Json,
}

impl Schema {
    fn of(file: &str) -> Schema {
        let text = fs::read_to_string(checkout().join("docs").join(file)).unwrap();
        let json: Json = serde_json::from_str(&text).unwrap();
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.add_resource(file, json.clone()).unwrap();
        let index = compiler.compile(file, &mut schemas).unwrap();
        Schema { schemas, index, json }
    }

    fn fits(&self, text: &str) -> Result<(), String> {
        let document: Json = toml::from_str(text).map_err(|error| error.to_string())?;
        self.schemas.validate(&document, self.index).map_err(|error| format!("{error:#}"))
    }
}

/// The files of the shipped packs: name and text.
fn shipped() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for pack in fs::read_dir(checkout().join("checks")).unwrap() {
        collect(&pack.unwrap().path(), &mut found);
    }
    found
}

/// The files of a folder and those below it.
fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
    for file in fs::read_dir(folder).into_iter().flatten() {
        let file = file.unwrap().path();
        if file.is_dir() {
            collect(&file, found);
        } else if file.extension().is_some_and(|extension| extension == "toml") {
            found.push((file.display().to_string(), fs::read_to_string(&file).unwrap()));
        }
    }
}

#[test]
fn every_shipped_file_fits() {
    let (check, pack) = (Schema::of("check.schema.json"), Schema::of("pack.schema.json"));
    let files = shipped();
    assert!(files.len() > 20);
    for kind in ["capability", "milestone", "task"] {
        let line = format!("kind = \"{kind}\"\n");
        assert!(files.iter().any(|(_, text)| text.starts_with(&line)), "no {kind}");
    }
    for (file, text) in files {
        let schema = if file.ends_with("/pack.toml") { &pack } else { &check };
        if let Err(why) = schema.fits(&text) {
            panic!("{file}: {why}");
        }
    }
}

#[test]
fn what_is_begun_fits_before_and_after_it_is_filled_in() {
    let tree = Tree::new();
    for plugin in ["linux", "postgresql"] {
        let run = tree.run(&["new", "check", &format!("{plugin}.one")]);
        assert_eq!(run.code, 0, "{run:?}");
        let read =
            |file: &str| fs::read_to_string(tree.config(&format!("checks/local-{plugin}/{file}"))).unwrap();
        Schema::of("check.schema.json").fits(&read("one.toml")).unwrap();
        Schema::of("pack.schema.json").fits(&read("pack.toml")).unwrap();
    }
}

/// A good check, to be broken.
fn good() -> String {
    fs::read_to_string(checkout().join("checks/linux/swappiness-zero.toml")).unwrap()
}

#[test]
fn what_is_broken_does_not_fit() {
    let schema = Schema::of("check.schema.json");
    schema.fits(&good()).unwrap();
    for (what, from, to) in [
        ("misspelt key", "title = ", "titel = "),
        ("missing key", "since = \"0.1.0\"\n", ""),
        ("unknown key", "since = ", "severity = \"high\"\nsince = "),
        ("bad id", "id = \"linux.swappiness-zero\"", "id = \"linux.SwappinessZero\""),
        ("id without a plugin", "id = \"linux.swappiness-zero\"", "id = \"swappiness-zero\""),
        ("bad version", "since = \"0.1.0\"", "since = \"soon\""),
        ("bad concern", "concern = \"performance\"", "concern = \"speed\""),
        ("bad impact", "impact = \"medium\"", "impact = \"severe\""),
        ("bad likelihood", "likelihood = \"low\"", "likelihood = \"critical\""),
        (
            "empty title",
            "title = \"Nearly all cached files are given up before idle memory is swapped out: swappiness is 0\"",
            "title = \" \"",
        ),
        ("evidence that is no list", "evidence = [", "evidence = 1 #["),
        ("each that names no list", "pass = ", "each = \"linux.swaps\"\npass = "),
        ("a link that leads nowhere", "url = \"https:", "url = \"htps:"),
        ("a link with more", "url = \"https:", "author = \"x\"\nurl = \"https:"),
        ("another kind", "id = ", "kind = \"milestone\"\nid = "),
        ("bad verdict", "expect = \"not-applicable\"", "expect = \"skipped\""),
        ("a waived case", "expect = \"not-applicable\"", "expect = \"waived\""),
        ("no case that is unknown", "expect = \"unknown\"", "expect = \"pass\""),
        ("a case without a name", "name = \"the default\"", "title = \"the default\""),
        ("a fact that is in no contract", "swaps = [{ device", "swapz = [{ device"),
        ("a fact of another type", "own_kernel = true", "own_kernel = \"yes\""),
        ("a field that is in no contract", "compressed = false", "compresed = false"),
    ] {
        let text = good();
        assert!(text.contains(from), "{what}: {from}");
        assert!(schema.fits(&text.replace(from, to)).is_err(), "{what} fits");
    }
    let pack = Schema::of("pack.schema.json");
    let text = fs::read_to_string(checkout().join("checks/linux/pack.toml")).unwrap();
    for (from, to) in [("name", "nmae"), ("0.1.0", "one"), ("[requires]", "[require]"), ("\"^0.1\"", "1")] {
        assert!(text.contains(from) && pack.fits(&text.replace(from, to)).is_err(), "{from} to {to} fits");
    }
}

/// What the loader names after "expected one of", in its own order.
fn expected(tree: &Tree, file: &str, text: &str) -> Vec<String> {
    tree.local_check("mine", file, text);
    let told = tree.run(&["checks", "lint"]).stderr.replace('\n', " ");
    let (_, list) = told.split_once("expected one of ").unwrap_or_else(|| panic!("{told}"));
    let mut words: Vec<String> = Vec::new();
    for word in list.split('`').skip(1).step_by(2) {
        words.push(word.to_owned());
        let after = list.split_once(&format!("`{word}`")).map_or("", |(_, after)| after);
        if !after.starts_with(',') {
            break;
        }
    }
    words
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}

#[test]
fn the_schemas_know_the_keys_and_words_that_the_loader_knows() {
    let tree = Tree::new();
    let schema = Schema::of("check.schema.json").json;
    let keys = |schema: &Json| sorted(schema["properties"].as_object().unwrap().keys().cloned().collect());
    let told = |from: &str, to: &str| sorted(expected(&tree, "a.toml", &good().replacen(from, to, 1)));
    let properties = &schema["definitions"]["check"]["properties"];
    assert_eq!(keys(&schema["definitions"]["check"]), told("title = ", "zzz = "));
    assert_eq!(keys(&properties["case"]["items"]), told("name = \"the default\"", "zzz = 1"));
    for (key, value) in [("concern", "performance"), ("impact", "medium"), ("likelihood", "low")] {
        let words = properties[key]["enum"].as_array().unwrap().iter();
        let words = sorted(words.map(|word| word.as_str().unwrap().to_owned()).collect());
        assert_eq!(words, told(&format!("{key} = \"{value}\""), &format!("{key} = \"zzz\"")), "{key}");
    }
    let mut kinds: Vec<_> = told("id = ", "kind = \"zzz\"\nid = ");
    for kind in ["capability", "milestone", "task"] {
        let own = &schema["definitions"][kind];
        let begun = format!("kind = \"{kind}\"\nzzz = 1\n");
        assert_eq!(keys(own), sorted(expected(&tree, "a.toml", &begun)), "{kind}");
        let case = format!("kind = \"{kind}\"\n[[case]]\nzzz = 1\n");
        assert_eq!(
            keys(&own["properties"]["case"]["items"]),
            sorted(expected(&tree, "a.toml", &case)),
            "{kind}"
        );
        kinds.retain(|known| known != kind);
    }
    assert_eq!(kinds, ["check"]);
    let mut verdicts = told("expect = \"fail\"", "expect = \"zzz\"");
    verdicts.retain(|word| !["waived", "not-yet-judged"].contains(&word.as_str()));
    assert_eq!(json!(verdicts), json!(["fail", "not-applicable", "pass", "unknown"]));
    assert_eq!(properties["case"]["items"]["properties"]["expect"]["enum"].as_array().unwrap().len(), 4);

    let header =
        "name = \"mine\"\nzzz = 1\ntitle = \"T\"\nversion = \"0.1.0\"\n[requires]\nlinux = \"^0.1\"\n";
    assert_eq!(keys(&Schema::of("pack.schema.json").json), sorted(expected(&tree, "pack.toml", header)));
}

/// The keys that a loader names when it meets one that it does not know; the reading may be of several lines.
fn expected_keys(told: &str) -> Vec<String> {
    let told = told.replace('\n', " ");
    let (_, rest) = told.split_once("unknown key `zzz`, expected ").unwrap_or_else(|| panic!("{told}"));
    let list = rest.split(['(', '─', '│', '╭', '╰']).next().unwrap();
    let mut keys = sorted(list.split('`').skip(1).step_by(2).map(str::to_owned).collect());
    // A key that is missing as well is named again.
    keys.dedup();
    keys
}

/// The keys of the table at a place of a schema.
fn keys_at(schema: &Json, place: &str) -> Vec<String> {
    let table = schema.pointer(&format!("{place}/properties")).unwrap_or_else(|| panic!("{place}"));
    sorted(table.as_object().unwrap().keys().cloned().collect())
}

#[test]
fn every_manifest_and_configuration_fits_and_a_broken_one_does_not() {
    let plugin = Schema::of("plugin.schema.json");
    let read = |file: &str| fs::read_to_string(checkout().join(file)).unwrap();
    for name in ["linux", "postgresql", "hostile"] {
        let file = format!("plugins/{name}/plugin.toml");
        if checkout().join(&file).is_file() {
            plugin.fits(&read(&file)).unwrap_or_else(|why| panic!("{file}: {why}"));
        }
    }
    let good = read("plugins/postgresql/plugin.toml");
    for (from, to) in [
        ("name = \"postgresql\"", "name = \"PostgreSQL\""),
        ("protocol = 1", "protocol = 2"),
        ("version = \"", "version = \"v"),
        ("[permissions]\n", "[permissions]\nconnect_tcp = [\"10.0.0.1:5432\"]\n"),
        ("[permissions]\n", "[permissions]\nteleport = []\n"),
        ("type = \"text\"", "type = \"string\""),
        ("sensitivity = \"public\"", "sensitivity = \"none\""),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(plugin.fits(&good.replacen(from, to, 1)).is_err(), "{to} fits");
    }

    let agent = Schema::of("agent.schema.json");
    let sample = read("agent/cli/src/agent.sample.toml");
    agent.fits(&sample).unwrap();
    // What an admin makes of the sample.
    let is_setting = |line: &&str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let lines = sample.lines().filter_map(|line| line.strip_prefix("# ")).filter(is_setting);
    let all = lines.fold(String::new(), |text, line| text + line + "\n");
    agent.fits(&all).unwrap_or_else(|why| panic!("{why}\n{all}"));
    for (from, to) in [
        ("plugin_seconds = 30", "plugin_seconds = 0"),
        ("enabled = true", "enabled = \"yes\""),
        ("address = \"tcp:", "address = \"udp:"),
        ("importance = 2.0", "importance = 0"),
        ("[desk]", "[desk]\nzzz = 1"),
    ] {
        assert!(all.contains(from), "{from}");
        assert!(agent.fits(&all.replacen(from, to, 1)).is_err(), "{to} fits");
    }

    let entitlement = Schema::of("entitlement.schema.json");
    let text = read("docs/examples/entitlement.toml");
    entitlement.fits(&text).unwrap();
    for (from, to) in [("quantity = 1", "quantity = 0"), ("customer = ", "client = ")] {
        assert!(entitlement.fits(&text.replacen(from, to, 1)).is_err(), "{to} fits");
    }
}

#[test]
fn the_schemas_of_manifest_and_configuration_know_the_keys_that_the_loader_knows() {
    let tree = Tree::new();
    let folder = tree.scratch("demo");
    fs::create_dir(&folder).unwrap();
    let manifest = "name = \"demo\"\nversion = \"0.1.0\"\nprotocol = 1\nlibrary = \"libdemo.so\"\n";
    let plugin = Schema::of("plugin.schema.json").json;
    for (place, text) in [
        ("", format!("zzz = 1\n{manifest}[facts]\n")),
        ("/properties/permissions", format!("{manifest}[permissions]\nzzz = 1\n[facts]\n")),
        (
            "/properties/permissions/properties/run/additionalProperties",
            format!("{manifest}[permissions.run.a]\nzzz = 1\n[facts]\n"),
        ),
        ("/properties/options/additionalProperties", format!("{manifest}[options.a]\nzzz = 1\n[facts]\n")),
        ("/properties/texts", format!("{manifest}[texts]\nzzz = 1\n[facts]\n")),
        (
            "/properties/texts/properties/causes",
            format!("{manifest}[texts]\ncauses = {{ about = 'x', zzz = 1 }}\n[facts]\n"),
        ),
        ("/properties/grant", format!("{manifest}[grant]\nzzz = 1\n[facts]\n")),
        (
            "/properties/facts/patternProperties/^[a-z][a-z0-9_]*(\\[\\]|\\{\\})?(\\.[a-z][a-z0-9_]*(\\[\\]|\\{\\})?)*$",
            format!("{manifest}[facts.a]\nzzz = 1\n"),
        ),
    ] {
        fs::write(folder.join("plugin.toml"), &text).unwrap();
        let run = tree.run(&["plugins", "inspect", &folder.display().to_string()]);
        assert_eq!(keys_at(&plugin, place), expected_keys(&run.stderr), "{place}");
    }
    let agent = Schema::of("agent.schema.json").json;
    for (place, text) in [
        ("", "zzz = 1\n"),
        ("/properties/limits", "[limits]\nzzz = 1\n"),
        ("/properties/isolation", "[isolation]\nzzz = 1\n"),
        ("/properties/signatures", "[signatures]\nzzz = 1\n"),
        ("/properties/plugins/additionalProperties", "[plugins.a]\nzzz = 1\n"),
        ("/properties/target/items", "[[target]]\nzzz = 1\n"),
        ("/properties/desk", "[desk]\nzzz = 1\n"),
    ] {
        tree.configure(text);
        let run = tree.run(&["plugins", "list"]);
        assert_eq!(keys_at(&agent, place), expected_keys(&run.stderr), "{place}");
    }
}

#[test]
fn every_report_fits_its_schema() {
    let schema = Schema::of("report.schema.json");
    let fits =
        |report: &Json| schema.schemas.validate(report, schema.index).map_err(|error| format!("{error:#}"));
    let mut numbers = Vec::new();
    for file in fs::read_dir(checkout().join("agent/model/samples")).unwrap() {
        let sample: Json = serde_json::from_str(&fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        fits(&sample).unwrap();
        numbers.push(sample["schema"].as_u64().unwrap());
    }
    numbers.sort_unstable();
    assert!(numbers.starts_with(&[1, 2, 3]), "{numbers:?}");
    let (_, mut report) = Tree::new().check(&["linux"]);
    fits(&report).unwrap();
    report["of a later agent"] = json!(1);
    fits(&report).unwrap();
    for (place, value) in [
        ("/schema", json!("2")),
        ("/verdicts/0/verdict", json!("failed")),
        ("/verdicts/0/impact", json!(null)),
        ("/verdicts/0/target", json!(7)),
        ("/targets/0/score/range", json!({ "low": 1 })),
        ("/packs", json!({})),
    ] {
        let mut broken = report.clone();
        *broken.pointer_mut(place).unwrap() = value;
        assert!(fits(&broken).is_err(), "{place} may be anything");
    }
}
