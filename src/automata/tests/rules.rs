// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real patterns: the rules of the packages sagan-rules and spamassassin, where they are installed.

use crate::automata::pattern::{CASELESS, DOT_ALL, LITERAL, MULTI_LINE, Pattern};
use crate::automata::set::{Options, Set};
use crate::base::status::Status;
use std::collections::BTreeSet;
use std::path::Path;

/// A pattern of a package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rule {
    pub text: Vec<u8>,
    pub flags: u32,
}

impl Rule {
    pub fn pattern(&self) -> Pattern<'_> {
        Pattern { text: &self.text, flags: self.flags }
    }
}

/// Text of all files of a directory with such an ending; nothing, and a loud word, where there is none.
fn files(directory: &str, ending: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        eprintln!("SKIPPED: {directory} is not installed");
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let wanted = paths.iter().filter(|path| path.extension().is_some_and(|own| own == ending));
    wanted.filter_map(|path: &std::path::PathBuf| std::fs::read(path as &Path).ok()).collect()
}

/// The content strings of sagan's rules, each once: at least `least` bytes.
pub fn sagan_literals(least: usize) -> Vec<Rule> {
    let mut all = BTreeSet::new();
    for file in files("/etc/sagan-rules", "rules") {
        let text = String::from_utf8_lossy(&file).into_owned();
        for line in text.lines() {
            for (at, _) in line.match_indices("content:") {
                let rest = line[at + "content:".len()..].trim_start();
                let Some(rest) = rest.strip_prefix('"') else { continue };
                let Some(end) = rest.find('"') else { continue };
                let after = rest[end + 1..].trim_start_matches([';', ' ']);
                let flags = LITERAL | if after.starts_with("nocase") { CASELESS } else { 0 };
                match content(&rest[..end]) {
                    Some(text) if text.len() >= least => all.insert(Rule { text, flags }),
                    _ => false,
                };
            }
        }
    }
    all.into_iter().collect()
}

/// The bytes of a content string: `|20 0a|` are bytes in hexadecimal.
fn content(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for (index, part) in text.split('|').enumerate() {
        if index % 2 == 0 {
            bytes.extend_from_slice(part.as_bytes());
        } else {
            for byte in part.split_whitespace() {
                bytes.push(u8::from_str_radix(byte, 16).ok()?);
            }
        }
    }
    Some(bytes)
}

/// A regular expression between slashes, with letters behind.
fn between_slashes(text: &str) -> Option<Rule> {
    let rest = text.strip_prefix('/')?;
    let end = rest.rfind('/')?;
    let mut flags = 0;
    for letter in rest[end + 1..].chars() {
        match letter {
            'i' => flags |= CASELESS,
            'm' => flags |= MULTI_LINE,
            's' => flags |= DOT_ALL,
            _ => return None,
        }
    }
    // An escaped slash is a slash.
    Some(Rule { text: rest[..end].replace("\\/", "/").into_bytes(), flags })
}

/// The regular expressions of sagan's rules, each once.
pub fn sagan_regexes() -> Vec<Rule> {
    let mut all = BTreeSet::new();
    for file in files("/etc/sagan-rules", "rules") {
        for line in String::from_utf8_lossy(&file).lines() {
            for (at, _) in line.match_indices("pcre:") {
                let Some(rest) = line[at + "pcre:".len()..].trim_start().strip_prefix('"') else { continue };
                let Some(end) = rest.find("\";") else { continue };
                all.extend(between_slashes(&rest[..end]));
            }
        }
    }
    all.into_iter().collect()
}

/// The regular expressions of SpamAssassin's rules for bodies, headers and addresses, each once.
pub fn spamassassin_regexes() -> Vec<Rule> {
    let mut all = BTreeSet::new();
    for file in files("/usr/share/spamassassin", "cf") {
        for line in String::from_utf8_lossy(&file).lines() {
            let mut words = line.split_whitespace();
            if !matches!(words.next(), Some("body" | "rawbody" | "uri" | "full" | "header")) {
                continue;
            }
            let Some(at) = line.find('/') else { continue };
            let Some(rule) = between_slashes(line[at..].trim_end()) else { continue };
            all.insert(rule);
        }
    }
    all.into_iter().collect()
}

/// Those that can be compiled.
pub fn usable(rules: Vec<Rule>) -> Vec<Rule> {
    rules.into_iter().filter(|rule| Set::compile(&[rule.pattern()], &Options::default()).is_ok()).collect()
}

/// Text to search: the documentation of packages, up to so many bytes.
pub fn documentation(bytes: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let Ok(packages) = std::fs::read_dir("/usr/share/doc") else { return all };
    let mut packages: Vec<_> = packages.flatten().map(|entry| entry.path()).collect();
    packages.sort();
    for file in ["copyright", "README", "README.Debian", "NEWS", "changelog"] {
        for package in &packages {
            if all.len() >= bytes {
                all.truncate(bytes);
                return all;
            }
            all.extend(std::fs::read(package.join(file)).unwrap_or_default());
        }
    }
    all
}

#[test]
fn most_rules_of_packages_compile_and_most_of_them_have_factors() {
    for (name, rules, supported, factored) in [
        ("contents of sagan-rules", sagan_literals(3), 100, 100),
        ("regular expressions of sagan-rules", sagan_regexes(), 90, 90),
        ("regular expressions of spamassassin", spamassassin_regexes(), 80, 75),
    ] {
        if rules.is_empty() {
            continue;
        }
        let (mut good, mut with_factors, mut unsupported) = (0, 0, 0);
        for rule in &rules {
            match Set::compile(&[rule.pattern()], &Options::default()) {
                Ok(set) => {
                    good += 1;
                    with_factors += set.patterns_factored;
                }
                Err(error) => {
                    assert!(matches!(error.status, Status::UNSUPPORTED | Status::INVALID), "{rule:?}: {error}");
                    assert_eq!(error.pattern, Some(0));
                    unsupported += u32::from(error.status == Status::UNSUPPORTED);
                }
            }
        }
        println!(
            "{name}: {} rules, {good} compile, {with_factors} with factors, {unsupported} unsupported",
            rules.len()
        );
        assert!(good * 100 >= rules.len() * supported, "{name}: {good} of {}", rules.len());
        assert!(with_factors as usize * 100 >= good * factored, "{name}: {with_factors} of {good}");
    }
}
