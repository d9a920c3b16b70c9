// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the generated header back. It is regular enough for text: comments apart, every declaration
//! ends with a semicolon at the end of a line.

/// A function of the header.
pub(crate) struct Function {
    /// The lines of its comment, without the stars.
    pub(crate) comment: Vec<String>,
    /// Its type, name and parameters, as C has them.
    pub(crate) result: String,
    pub(crate) name: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returns: bool,
}

/// A parameter of a function, or a member of a struct.
pub(crate) struct Parameter {
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// A struct of the header.
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) members: Vec<Parameter>,
}

/// A piece of the header: a comment, and the declaration or macro that follows it.
struct Item {
    comment: Vec<String>,
    text: String,
}

/// Every function, in the header's order.
pub(crate) fn functions(header: &str) -> Vec<Function> {
    items(header).into_iter().filter_map(function).collect()
}

/// Every struct, in the header's order.
pub(crate) fn structs(header: &str) -> Vec<Struct> {
    items(header).into_iter().filter_map(|item| structure(&item.text)).collect()
}

/// Name and value of every macro of the sections that has a value.
pub(crate) fn macros(header: &str) -> Vec<(String, String)> {
    let value = |item: Item| {
        let (name, value) = item.text.strip_prefix("#define ")?.split_once(' ')?;
        Some((name.to_owned(), value.to_owned()))
    };
    items(header).into_iter().filter_map(value).collect()
}

/// Splits what lies between `extern "C" {` and its end.
fn items(header: &str) -> Vec<Item> {
    let (_, body) = header.split_once("extern \"C\" {\n#endif\n").unwrap();
    let (body, _) = body.split_once("#ifdef __cplusplus").unwrap();
    let (mut found, mut comment, mut text) = (Vec::new(), Vec::new(), String::new());
    let (mut inside_comment, mut depth) = (false, 0);
    for line in body.lines().map(str::trim) {
        if line.starts_with("/*") && text.is_empty() {
            comment.clear();
        }
        if inside_comment || line.starts_with("/*") {
            inside_comment = !line.ends_with("*/");
            let line = line.trim_start_matches(['/', '*']).trim_end_matches("*/").trim_end();
            if text.is_empty() {
                comment.push(line.strip_prefix(' ').unwrap_or(line).to_owned());
            }
            continue;
        }
        if line.is_empty() {
            continue;
        }
        text.push_str(if text.is_empty() { "" } else { " " });
        text.push_str(line);
        depth += line.matches('{').count();
        depth -= line.matches('}').count();
        if line.starts_with('#') || (line.ends_with(';') && depth == 0) {
            let (comment, text) = (std::mem::take(&mut comment), std::mem::take(&mut text));
            found.push(Item { comment, text });
        }
    }
    found
}

fn function(item: Item) -> Option<Function> {
    let text = item.text.strip_prefix("STRAND_API ")?.strip_suffix(';')?;
    let never = text.strip_suffix(" STRAND_NORETURN");
    let (declared, parameters) = never.unwrap_or(text).strip_suffix(')')?.split_once('(')?;
    let head = parameter(declared);
    let parameters = match parameters {
        "void" => Vec::new(),
        _ => split_parameters(parameters).iter().map(|text| parameter(text)).collect(),
    };
    Some(Function { comment: item.comment, result: head.kind, name: head.name, parameters, returns: never.is_none() })
}

fn structure(text: &str) -> Option<Struct> {
    let (name, rest) = text.strip_prefix("typedef struct ")?.split_once(" {")?;
    let (members, _) = rest.rsplit_once('}')?;
    let members = members.split(';').map(str::trim).filter(|member| !member.is_empty());
    Some(Struct { name: name.to_owned(), members: members.map(parameter).collect() })
}

/// Splits at the commas that are not inside parentheses.
fn split_parameters(text: &str) -> Vec<String> {
    let (mut found, mut depth) = (vec![String::new()], 0);
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        found.last_mut().unwrap().push(character);
    }
    found.iter().map(|parameter| parameter.trim().to_owned()).collect()
}

/// `const char *name` or `void (*name)(void *data)`.
fn parameter(text: &str) -> Parameter {
    if let Some((_, rest)) = text.split_once("(*") {
        let name = rest.split(')').next().unwrap().to_owned();
        return Parameter { kind: "function".to_owned(), name };
    }
    let at = text.rfind([' ', '*']).unwrap() + 1;
    Parameter { kind: text[..at].trim().to_owned(), name: text[at..].to_owned() }
}
