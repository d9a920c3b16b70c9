// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shape of the source tree, read from the sources: arrows between the modules point down only, C names are exported in one place,
//! every file says its licence, and nothing names the machine or the folders it was written on.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

type Outcome = Result<(), Box<dyn Error>>;

/// Modules of `src/`, lowest layer first. A module may use those of lower layers; modules of one layer do not use each other.
const LAYERS: &[&[&str]] = &[
    &["base"],
    &["policy", "record", "work"],
    &["explore", "automata", "graph"],
    &["memory"],
    &["strand"],
    &["engine"],
    &["wait"],
    &["time"],
    &["sync", "io"],
    &["task", "gpu"],
    &["diagnose", "trace"],
    &["runtime"],
    &["ffi"],
    &["models"],
];

/// Modules of tests alone, which may look at everything; `lib.rs` must say so.
const OF_TESTS: &[&str] = &["models"];

/// Files outside `ffi/` that export a C name, each with its reason.
const EXPORTERS: &[(&str, &str)] = &[(
    "src/strand/poll.rs",
    "strand_poll_word is read by emitted code and raised by the core: it is one static, where the core has it",
)];

/// What a line of code says about the layers: `module` uses `used`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    module: String,
    used: String,
    place: String,
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn points_down(edge: &Edge) -> bool {
    match (layer_of(&edge.module), layer_of(&edge.used)) {
        (Some(from), Some(to)) => edge.module == edge.used || to < from,
        _ => false,
    }
}

/// The source without what `#[cfg(test)]` switches: the attribute and the item after it, up to its closing brace or semicolon.
fn without_tests(source: &str) -> String {
    let mut kept = String::new();
    let mut depth: Option<i64> = None; // inside a test item: open braces so far
    let mut opened = false;
    for line in source.lines() {
        if depth.is_none() {
            if !is_test_attribute(line) {
                kept.push_str(line);
                kept.push('\n');
                continue;
            }
            (depth, opened) = (Some(0), false);
        }
        let code = without_comment(line);
        let open = i64::try_from(code.matches('{').count()).unwrap_or(0);
        let close = i64::try_from(code.matches('}').count()).unwrap_or(0);
        let now = depth.unwrap_or(0) + open - close;
        opened |= open > 0;
        let ends_without_body = !opened && code.trim_end().ends_with(';');
        depth = if ends_without_body || (opened && now <= 0) { None } else { Some(now) };
        kept.push('\n');
    }
    kept
}

fn is_test_attribute(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test") || line.starts_with("#[cfg(any(test")
}

fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or("")
}

/// Modules named by `crate::module` on a line, and by `crate::{a::..., b::...}` from there on.
fn modules_named(source: &str) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    let text: Vec<&str> = source.lines().map(without_comment).collect();
    for (index, line) in text.iter().enumerate() {
        for (at, _) in line.match_indices("crate::") {
            let before = line[..at].chars().next_back();
            if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$') {
                continue;
            }
            let rest = &line[at + "crate::".len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let following = text[index + 1..].join("\n");
                named.extend(
                    group_members(&format!("{group}\n{following}")).into_iter().map(|module| (index + 1, module)),
                );
            } else {
                named.push((index + 1, first_name(rest)));
            }
        }
    }
    named.retain(|(_, module)| !module.is_empty());
    named
}

/// First names of the members of a `{a::b, c::{d, e}}` group, given what follows its opening brace.
fn group_members(text: &str) -> Vec<String> {
    let mut members = Vec::new();
    let mut member = String::new();
    let mut depth = 0;
    for letter in text.chars() {
        match letter {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(std::mem::take(&mut member)),
            _ if depth == 0 => member.push(letter),
            _ => {}
        }
    }
    members.push(member);
    members.iter().map(|member| first_name(member.trim())).collect()
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

fn edges_of(module: &str, place: &str, source: &str) -> Vec<Edge> {
    modules_named(&without_tests(source))
        .into_iter()
        .map(|(line, used)| Edge { module: module.to_owned(), used, place: format!("{place}:{line}") })
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder of the repository with one of the endings, as (path from the root, text).
fn files(folder: &str, endings: &[&str]) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
                found.push((from_root(&path)?, fs::read_to_string(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn from_root(path: &Path) -> Result<String, Box<dyn Error>> {
    Ok(path.strip_prefix(root())?.to_string_lossy().into_owned())
}

/// The module that a file below `src/` belongs to; `None` for `lib.rs`, which lists the modules.
fn module_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("src/")?;
    let first = rest.split('/').next()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (module != "lib").then_some(module)
}

fn report(what: &str, wrong: &[String]) -> Outcome {
    if wrong.is_empty() { Ok(()) } else { Err(format!("{what}:\n  {}", wrong.join("\n  ")).into()) }
}

#[test]
fn arrows_between_modules_point_down() -> Outcome {
    let mut wrong = BTreeSet::new();
    let mut seen = 0;
    for (path, source) in files("src", &["rs"])? {
        let Some(module) = module_of(&path) else {
            continue;
        };
        seen += 1;
        if layer_of(module).is_none() {
            wrong.insert(format!("{path}: the module '{module}' has no layer in tests/layering.rs"));
        }
        for edge in edges_of(module, &path, &source) {
            if !points_down(&edge) {
                wrong.insert(format!("{}: {} uses {}", edge.place, edge.module, edge.used));
            }
        }
    }
    assert!(seen > 0, "no source was read");
    let library = without_tests(&fs::read_to_string(root().join("src/lib.rs"))?);
    for module in OF_TESTS {
        if library.contains(&format!("mod {module};")) {
            wrong.insert(format!(
                "src/lib.rs: the module '{module}' is for tests alone, and is not behind #[cfg(test)]"
            ));
        }
    }
    report("an arrow points up, sideways or nowhere", &wrong.into_iter().collect::<Vec<_>>())
}

#[test]
fn control_an_upward_arrow_is_detected() {
    let source = "
        use crate::base::lock::Lock; // use crate::ffi::nothing
        use crate::{memory::pool, runtime::{config, strands}};
        use crate::{
            base::status,
            sync::channel::Channel,
        };
        fn f() { crate::diagnose::dump(); not_crate::ffi::f(); }
        #[cfg(test)]
        mod tests { use crate::runtime::initialise; fn g() { if true {} } }
        #[cfg(test)]
        use crate::ffi::guard;
        fn after() { crate::engine::ready() }
    ";
    let edges = edges_of("strand", "made-up", source);
    let upward: Vec<&str> = edges.iter().filter(|edge| !points_down(edge)).map(|edge| edge.used.as_str()).collect();
    assert_eq!(upward, ["runtime", "sync", "diagnose", "engine"]);
    let downward: Vec<&str> = edges.iter().filter(|edge| points_down(edge)).map(|edge| edge.used.as_str()).collect();
    assert_eq!(downward, ["base", "memory", "base"]);
    assert!(!points_down(&Edge { module: "sync".into(), used: "io".into(), place: String::new() }), "sideways");
    assert!(!points_down(&Edge { module: "sync".into(), used: "unheard".into(), place: String::new() }), "unknown");
}

fn exports(source: &str) -> bool {
    without_tests(source)
        .lines()
        .map(without_comment)
        .any(|line| line.contains("no_mangle") || line.contains("export_name") || line.contains("link_section"))
}

#[test]
fn c_names_are_exported_by_ffi_alone() -> Outcome {
    let mut wrong = Vec::new();
    for (path, source) in files("src", &["rs"])? {
        let excepted = EXPORTERS.iter().any(|(file, _)| *file == path);
        if exports(&source) && !path.starts_with("src/ffi/") && !excepted {
            wrong.push(path.clone());
        }
        if excepted && !exports(&source) {
            wrong.push(format!("{path} is excepted but exports nothing"));
        }
    }
    report("C names are exported outside src/ffi", &wrong)
}

#[test]
fn control_an_export_is_detected() {
    assert!(exports("#[unsafe(no_mangle)]\npub extern \"C\" fn strand_f() {}"));
    assert!(exports("#[unsafe(export_name = \"strand_word\")] static WORD: u32 = 0;"));
    assert!(!exports("// about no_mangle\nfn f() {}"));
    assert!(!exports("#[cfg(test)]\nmod tests {\n#[unsafe(no_mangle)]\nfn f() {}\n}"));
}

/// Folders with sources, and the endings of files that carry a licence line.
const SOURCES: &[&str] = &["src", "tests", "include", "c_tests", "benches", "examples", "tools", "docs", "fuzz", ".ci"];
const ENDINGS: &[&str] = &["rs", "h", "c", "cc", "cpp", "ll", "sh", "py", "go", "toml", "in", "md", "txt", "supp"];

fn all_sources() -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let mut all = Vec::new();
    for folder in SOURCES {
        all.extend(files(folder, ENDINGS)?);
    }
    for name in
        ["build.rs", "Makefile", "Cargo.toml", "cbindgen.toml", "README.md", "CHANGELOG.md", ".ci/run", "benches/run"]
    {
        if let Ok(text) = fs::read_to_string(root().join(name)) {
            all.push((name.to_owned(), text));
        }
    }
    Ok(all)
}

fn says_licence(text: &str) -> bool {
    text.lines().take(6).any(|line| line.contains("SPDX-License-Identifier: MIT OR Apache-2.0"))
}

#[test]
fn every_source_says_its_licence() -> Outcome {
    let mut wrong = Vec::new();
    for (path, text) in all_sources()? {
        let template = path.ends_with(".pc.in"); // becomes a file with a licence field of its own
        let list = path.ends_with("symbols.txt");
        if !says_licence(&text) && !template && !list {
            wrong.push(path);
        }
    }
    report("no SPDX line among the first lines", &wrong)
}

/// Words that belong to a machine or to a workplace, in two halves so that this file does not contain them.
fn foreign_words() -> Vec<String> {
    [
        ("../", "shared"),
        (".", "library/"),
        ("/work", "/"),
        ("/ho", "me/"),
        ("/ro", "ot/"),
        ("crates", ".io"),
        ("pypi", ".org"),
        ("deb.debian", ".org"),
    ]
    .iter()
    .map(|(first, second)| format!("{first}{second}"))
    .collect()
}

fn foreign_word_in(text: &str) -> Option<(usize, String)> {
    let words = foreign_words();
    text.lines()
        .enumerate()
        .find_map(|(index, line)| words.iter().find(|word| names(line, word)).map(|word| (index + 1, word.clone())))
}

/// Whether a line has the word as a path or host of its own, not as the middle of a longer path.
fn names(line: &str, word: &str) -> bool {
    let rooted = word.starts_with('/') || (word.starts_with('.') && !word.starts_with(".."));
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let continues = before.is_some_and(|letter| letter.is_alphanumeric() || "_-.*})".contains(letter));
        !(rooted && continues)
    })
}

#[test]
fn nothing_names_the_machine_it_was_written_on() -> Outcome {
    let mut wrong = Vec::new();
    for (path, text) in all_sources()? {
        if let Some((line, word)) = foreign_word_in(&text) {
            wrong.push(format!("{path}:{line}: {word}"));
        }
    }
    report("a path or host of somebody's machine", &wrong)
}

#[test]
fn control_a_path_of_a_machine_and_a_missing_licence_are_detected() {
    for (first, second) in [
        ("see ../", "shared/design"),
        ("open(\"/ho", "me/me/file\")"),
        ("cd /wo", "rk/main"),
        ("the .", "library/ folder"),
    ] {
        let line = format!("{first}{second}");
        assert!(foreign_word_in(&line).is_some(), "{line}");
    }
    assert!(foreign_word_in("a frame/work/shop of ours, std.library/x").is_none());
    assert!(says_licence("// SPDX-License-Identifier: MIT OR Apache-2.0\n"));
    assert!(!says_licence("//! Nothing\n"));
}

/// What a heading is called in a link.
fn anchor_of(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The sections of the guide that a text leads to.
fn links_to_guide(text: &str) -> impl Iterator<Item = &str> {
    text.split("guide.md#").skip(1).map(|rest| &rest[..rest.find([')', ' ', '\n']).unwrap_or(rest.len())])
}

#[test]
fn every_link_into_the_guide_leads_to_a_section() -> Outcome {
    let guide = fs::read_to_string(root().join("docs/guide.md"))?;
    let sections: Vec<String> = guide
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor_of(line.trim_start_matches(['#', ' '])))
        .collect();
    let mut wrong = Vec::new();
    for (path, text) in all_sources()?.iter().filter(|(path, _)| path.ends_with(".md")) {
        for link in links_to_guide(text).filter(|link| !sections.iter().any(|section| section == link)) {
            wrong.push(format!("{path}: guide.md#{link}"));
        }
    }
    report("links to sections of the guide that are not there", &wrong)
}

#[test]
fn control_a_link_into_the_guide_is_read_as_it_is_written() {
    let links: Vec<&str> = links_to_guide("[a](guide.md#3-time) and [b](docs/guide.md#4-a-pipeline).").collect();
    assert_eq!(links, ["3-time", "4-a-pipeline"]);
    assert_eq!(anchor_of("21. Devices, buffers, tickets"), "21-devices-buffers-tickets");
}
