//! Templates of action results: `{score}` and `string join({a},"-",{b})` become `{{score}}` and `{{a}}-{{b}}`.

use crate::attribute::Attribute;

/// The text as a template has it here; none when it is the same.
///
/// # Errors
/// What is wrong with a `string join`, with the cure.
pub(super) fn converted(text: &str) -> Result<Option<String>, String> {
    let converted = match arguments(text) {
        Some(arguments) => join(arguments)?,
        None => braces(text),
    };
    Ok((converted != text).then_some(converted))
}

/// The text between the parentheses of `string join(..)`.
fn arguments(text: &str) -> Option<&str> {
    let rest = text.trim().strip_prefix("string join")?.trim_start();
    rest.strip_prefix('(')?.strip_suffix(')')
}

fn join(arguments: &str) -> Result<String, String> {
    let bad = || {
        "string join takes attributes in braces and quoted texts without braces, as string join({a},\"-\",{b}); write it so, \
         or as {{a}}-{{b}}"
            .to_owned()
    };
    let mut template = String::new();
    let mut rest = arguments.trim();
    loop {
        let (part, after) = argument(rest).ok_or_else(bad)?;
        template.push_str(&part);
        let after = after.trim_start();
        match after.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None if after.is_empty() => return Ok(template),
            None => return Err(bad()),
        }
    }
}

/// The first argument as a part of a template, and what follows it.
fn argument(text: &str) -> Option<(String, &str)> {
    if let Some(inside) = text.strip_prefix('{') {
        return filled(inside);
    }
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (part, after) = text.strip_prefix(quote)?.split_once(quote)?;
    (!part.contains(['{', '}'])).then(|| (part.to_owned(), after))
}

/// The attribute that `text` begins with, as a template has it, and what follows its closing brace.
fn filled(text: &str) -> Option<(String, &str)> {
    let (path, after) = text.split_once('}')?;
    let path = path.trim();
    let is_name = |c: char| c.is_alphanumeric() || "_.-".contains(c);
    let is_path = path.chars().all(is_name) && Attribute::new(path).is_ok();
    is_path.then(|| (format!("{{{{{path}}}}}"), after))
}

fn braces(text: &str) -> String {
    if text.contains("{{") || text.contains("}}") {
        return text.to_owned();
    }
    let (mut template, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        template.push_str(before);
        match filled(after) {
            Some((part, after)) => {
                template.push_str(&part);
                rest = after;
            }
            None => {
                template.push('{');
                rest = after;
            }
        }
    }
    template.push_str(rest);
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(converted(text), Ok(expected.map(str::to_owned)), "{text}");
    }

    #[test]
    fn attributes_in_braces_become_templates() {
        check("{score}", Some("{{score}}"));
        check("<{a.b}:{ c }>", Some("<{{a.b}}:{{c}}>"));
        check("string join({a},\"-\",{b})", Some("{{a}}-{{b}}"));
        check(" string join ( {a} , ', ' , {b.c} ) ", Some("{{a}}, {{b.c}}"));
        for stays in ["Y", "", "{}", "{not a path}", "{open", "{{score}}", "join"] {
            check(stays, None);
        }
    }

    #[test]
    fn a_join_that_cannot_be_written_out_is_refused() {
        for text in ["string join()", "string join(a)", "string join({a} {b})", "string join({a},\"{\")"] {
            assert!(converted(text).unwrap_err().contains("{{a}}-{{b}}"), "{text}");
        }
    }
}
