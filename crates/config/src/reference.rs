//! References in texts: `${env:NAME}` and `${file:PATH}`, resolved in the process that needs the value and nowhere else.

use std::borrow::Cow;

use midflight_core::clip;
use midflight_engine::{Environment, Input, InputName, Writer};

/// The largest file that is taken for a value, in bytes: a certificate chain, not a picture.
pub const REFERENCED_BYTES_MAX: usize = 64 << 10;

/// What a reference gives: what the variable or the file says.
fn read(name: &InputName, environment: &dyn Environment, by: Writer) -> Result<String, String> {
    let read = name.read(environment, by);
    match name {
        InputName::Variable(name) => {
            let refused = |why| format!("the variable {name} cannot be read: {why}");
            let unset = || format!("the variable {name} is not set; set it where the process is started");
            read.map_err(refused)?.ok_or_else(unset)
        }
        InputName::File(path) => {
            let text =
                read.map_err(|why| format!("the file {path} cannot be read: {why}"))?.unwrap_or_default();
            match text.len() > REFERENCED_BYTES_MAX {
                true => Err(format!("the file {path} has more than {REFERENCED_BYTES_MAX} bytes")),
                false => Ok(text),
            }
        }
    }
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Literal(&'a str),
    Reference(InputName),
}

/// Whether a text refers to anything. One that is written wrongly does.
pub(crate) fn has_reference(text: &str) -> bool {
    match parts(text) {
        Ok(parts) => parts.iter().any(|part| matches!(part, Part::Reference(_))),
        Err(_) => true,
    }
}

/// Whether a text is one reference and nothing else, so that it stands for a value of any type.
pub(crate) fn is_reference(text: &str) -> bool {
    matches!(parts(text).as_deref(), Ok([Part::Reference(_)]))
}

/// A text with what its references give.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resolved<'a> {
    pub(crate) text: Cow<'a, str>,
    /// What each reference gave.
    pub(crate) texts: Vec<String>,
    pub(crate) given: Vec<Input>,
}

/// The text with what its references give, and what that was.
pub(crate) fn resolve<'a>(
    text: &'a str,
    environment: &dyn Environment,
    by: Writer,
) -> Result<Resolved<'a>, String> {
    let parts = parts(text)?;
    if let [Part::Literal(literal)] = parts.as_slice() {
        return Ok(Resolved { text: Cow::Borrowed(literal), texts: Vec::new(), given: Vec::new() });
    }
    let (mut resolved, mut texts, mut given) = (String::new(), Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part::Literal(literal) => resolved += literal,
            Part::Reference(name) => {
                let text = read(&name, environment, by)?;
                given.push(Input::new(name, by, &text));
                resolved += &text;
                texts.push(text);
            }
        }
    }
    Ok(Resolved { text: Cow::Owned(resolved), texts, given })
}

/// Takes a text apart. `$${` is a `${` that refers to nothing.
fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            parts.push(Part::Literal(&rest[..start - 1]));
            parts.push(Part::Literal("${"));
            rest = &rest[start + 2..];
            continue;
        }
        parts.push(Part::Literal(&rest[..start]));
        let inside = &rest[start + 2..];
        let cure = "write ${env:NAME} or ${file:PATH}; $${ is a ${ that refers to nothing";
        let Some(end) = inside.find('}') else {
            return Err(format!("{:?} has no closing brace; {cure}", clip(&rest[start..])));
        };
        let source = match inside[..end].split_once(':') {
            Some(("env", name)) if !name.is_empty() => InputName::Variable(name.to_owned()),
            Some(("file", path)) if !path.is_empty() => InputName::File(path.to_owned()),
            _ => return Err(format!("{:?} is no reference; {cure}", clip(&rest[start..start + end + 3]))),
        };
        parts.push(Part::Reference(source));
        rest = &inside[end + 1..];
    }
    parts.push(Part::Literal(rest));
    parts.retain(|part| *part != Part::Literal(""));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Some2;

    impl Environment for Some2 {
        fn variable(&self, name: &str, by: Writer) -> Result<Option<String>, String> {
            match by {
                Writer::Operator => Ok((name == "HOST").then(|| "db".to_owned())),
                Writer::Log => Err("it is not allowed here".to_owned()),
            }
        }

        fn file(&self, path: &str, _: Writer) -> Result<String, String> {
            match path {
                "/run/pw" => Ok("hunter2".to_owned()),
                "/run/big" => Ok("x".repeat(REFERENCED_BYTES_MAX + 1)),
                _ => Err("no such file".to_owned()),
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expect: Result<&str, &str>) {
        let resolved = resolve(text, &Some2, Writer::Operator).map(|it| it.text.into_owned());
        match (resolved, expect) {
            (Ok(text), Ok(expect)) => assert_eq!(text, expect),
            (Err(why), Err(expect)) => assert!(why.contains(expect), "{why}"),
            (other, _) => panic!("{other:?}"),
        }
    }

    #[test]
    fn references_give_what_is_around() {
        check("plain", Ok("plain"));
        check("", Ok(""));
        check("a ${env:HOST}:5432/${file:/run/pw}", Ok("a db:5432/hunter2"));
        check("$${env:HOST} $5 $", Ok("${env:HOST} $5 $"));
        check("${env:NONE}", Err("the variable NONE is not set"));
        check("${file:/nowhere}", Err("/nowhere cannot be read: no such file"));
        check("${file:/run/big}", Err("65536 bytes"));
        check("${env:HOST", Err("no closing brace"));
        check("${HOST}", Err("\"${HOST}\" is no reference"));
        check("${env:}", Err("is no reference"));
    }

    #[test]
    fn what_a_writer_may_not_refer_to_is_said_by_its_name() {
        let refused = resolve("${env:HOST}", &Some2, Writer::Log).map(|it| it.text.into_owned());
        assert_eq!(refused, Err("the variable HOST cannot be read: it is not allowed here".to_owned()));
    }

    #[test]
    fn what_refers_is_known_by_its_text() {
        assert!(is_reference("${env:A}") && !is_reference("x${env:A}") && !is_reference("$${env:A}"));
        assert!(has_reference("x${env:A}") && has_reference("${A}") && !has_reference("$${env:A}"));
    }
}
