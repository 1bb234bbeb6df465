//! References in texts: `${env:NAME}` and `${file:PATH}`, resolved in the process that needs the value and nowhere
//! else.

use std::borrow::Cow;

use midflight_core::clip;
use midflight_engine::{DocumentWriter, Environment, EnvironmentInput, InputName};

/// The largest file that is taken for a value, in bytes: a certificate chain, not a picture.
pub const REFERENCED_BYTES_MAX: usize = 64 << 10;

/// The value of a reference: the contents of the variable or the file.
fn read(name: &InputName, environment: &dyn Environment, by: DocumentWriter) -> Result<String, String> {
    let read = name.read(environment, by);
    match name {
        InputName::Variable(name) => {
            let refused = |why| format!("cannot read the variable {name}: {why}");
            let unset = || {
                format!(
                    "the variable {name} is not set; set it in the environment of the \
                                    process"
                )
            };
            read.map_err(refused)?.ok_or_else(unset)
        }
        InputName::File(path) => {
            let text = read.map_err(|why| format!("cannot read the file {path}: {why}"))?.unwrap_or_default();
            match text.len() > REFERENCED_BYTES_MAX {
                true => Err(format!("the file {path} has more than {REFERENCED_BYTES_MAX} bytes")),
                false => Ok(text),
            }
        }
    }
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
enum ReferencePart<'a> {
    Literal(&'a str),
    Reference(InputName),
}

/// Whether a text refers to anything. One that is written wrongly does.
pub(crate) fn has_reference(text: &str) -> bool {
    match parts(text) {
        Ok(parts) => parts.iter().any(|part| matches!(part, ReferencePart::Reference(_))),
        Err(_) => true,
    }
}

/// Whether a text is one reference and nothing else, so that it is a value of any type.
pub(crate) fn is_reference(text: &str) -> bool {
    matches!(parts(text).as_deref(), Ok([ReferencePart::Reference(_)]))
}

/// A text with what its references give.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resolved<'a> {
    pub(crate) text: Cow<'a, str>,
    /// What each reference gave.
    pub(crate) texts: Vec<String>,
    pub(crate) given: Vec<EnvironmentInput>,
}

/// The text with what its references give, and what that was.
pub(crate) fn resolve<'a>(
    text: &'a str,
    environment: &dyn Environment,
    by: DocumentWriter,
) -> Result<Resolved<'a>, String> {
    let parts = parts(text)?;
    if let [ReferencePart::Literal(literal)] = parts.as_slice() {
        return Ok(Resolved { text: Cow::Borrowed(literal), texts: Vec::new(), given: Vec::new() });
    }
    let (mut resolved, mut texts, mut given) = (String::new(), Vec::new(), Vec::new());
    for part in parts {
        match part {
            ReferencePart::Literal(literal) => resolved += literal,
            ReferencePart::Reference(name) => {
                let text = read(&name, environment, by)?;
                given.push(EnvironmentInput::new(name, by, &text));
                resolved += &text;
                texts.push(text);
            }
        }
    }
    Ok(Resolved { text: Cow::Owned(resolved), texts, given })
}

/// Takes a text apart. `$${` is a `${` that refers to nothing.
fn parts(text: &str) -> Result<Vec<ReferencePart<'_>>, String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            parts.push(ReferencePart::Literal(&rest[..start - 1]));
            parts.push(ReferencePart::Literal("${"));
            rest = &rest[start + 2..];
            continue;
        }
        parts.push(ReferencePart::Literal(&rest[..start]));
        let inside = &rest[start + 2..];
        let cure = "write ${env:NAME} or ${file:PATH}, and $${ for a literal ${";
        let Some(end) = inside.find('}') else {
            return Err(format!("{:?} has no closing brace; {cure}", clip(&rest[start..])));
        };
        let source = match inside[..end].split_once(':') {
            Some(("env", name)) if !name.is_empty() => InputName::Variable(name.to_owned()),
            Some(("file", path)) if !path.is_empty() => InputName::File(path.to_owned()),
            _ => return Err(format!("{:?} is not a reference; {cure}", clip(&rest[start..start + end + 3]))),
        };
        parts.push(ReferencePart::Reference(source));
        rest = &inside[end + 1..];
    }
    parts.push(ReferencePart::Literal(rest));
    parts.retain(|part| *part != ReferencePart::Literal(""));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Some2;

    impl Environment for Some2 {
        fn variable(&self, name: &str, by: DocumentWriter) -> Result<Option<String>, String> {
            match by {
                DocumentWriter::Operator => Ok((name == "HOST").then(|| "db".to_owned())),
                DocumentWriter::Log => Err("it is not allowed here".to_owned()),
            }
        }

        fn file(&self, path: &str, _: DocumentWriter) -> Result<String, String> {
            match path {
                "/run/pw" => Ok("hunter2".to_owned()),
                "/run/big" => Ok("x".repeat(REFERENCED_BYTES_MAX + 1)),
                _ => Err("no such file".to_owned()),
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expect: Result<&str, &str>) {
        let resolved = resolve(text, &Some2, DocumentWriter::Operator).map(|it| it.text.into_owned());
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
        check("${file:/nowhere}", Err("cannot read the file /nowhere: no such file"));
        check("${file:/run/big}", Err("65536 bytes"));
        check("${env:HOST", Err("no closing brace"));
        check("${HOST}", Err("\"${HOST}\" is not a reference"));
        check("${env:}", Err("is not a reference"));
    }

    #[test]
    fn a_forbidden_reference_is_reported_by_name() {
        let refused = resolve("${env:HOST}", &Some2, DocumentWriter::Log).map(|it| it.text.into_owned());
        assert_eq!(refused, Err("cannot read the variable HOST: it is not allowed here".to_owned()));
    }

    #[test]
    fn what_refers_is_known_by_its_text() {
        assert!(is_reference("${env:A}") && !is_reference("x${env:A}") && !is_reference("$${env:A}"));
        assert!(has_reference("x${env:A}") && has_reference("${A}") && !has_reference("$${env:A}"));
    }
}
