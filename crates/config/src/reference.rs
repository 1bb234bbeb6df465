//! References in texts: `${env:NAME}` and `${file:PATH}`, resolved in the process that needs the value and nowhere else.

use std::borrow::Cow;

use midflight_core::{Digest, clip};

/// The largest file that is taken for a value, in bytes: a certificate chain, not a picture.
pub const REFERENCED_BYTES_MAX: usize = 64 << 10;

/// Who wrote a document, and so what it may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// The operator of this process, in the config file that the process was started with.
    Operator,
    /// Anybody who may edit the log. Such a document refers only to what the operator allowed, and only in secrets.
    Log,
}

/// What a process has around it that its documents may refer to.
///
/// A kind does no I/O; whoever puts a program together says what there is. The answers may change: a snapshot whose
/// references give something else than when it was made is stale, and the next look at the log makes it anew.
///
/// The common mistake is to answer everybody alike: whoever may edit a document would then read every file and every
/// variable of the process.
pub trait Surroundings: Send + Sync + 'static {
    /// A variable of the environment; none when it is not set.
    ///
    /// # Errors
    /// Why this writer may not refer to it, and the cure.
    fn variable(&self, name: &str, by: Writer) -> Result<Option<String>, String>;

    /// What a file says, without the line break at its end.
    ///
    /// # Errors
    /// Why it cannot be read or this writer may not refer to it, without any of its content.
    fn file(&self, path: &str, by: Writer) -> Result<String, String>;
}

/// Nothing: every reference is refused.
impl Surroundings for () {
    fn variable(&self, _: &str, _: Writer) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn file(&self, _: &str, _: Writer) -> Result<String, String> {
        Err("there are no files here".to_owned())
    }
}

/// What a reference refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Env(String),
    File(String),
}

impl Source {
    fn read(&self, around: &dyn Surroundings, by: Writer) -> Result<String, String> {
        match self {
            Self::Env(name) => {
                let unset = || format!("the variable {name} is not set; set it where the process is started");
                let refused = |why| format!("the variable {name} cannot be read: {why}");
                around.variable(name, by).map_err(refused)?.ok_or_else(unset)
            }
            Self::File(path) => {
                let refused = |why| format!("the file {path} cannot be read: {why}");
                let read = around.file(path, by).map_err(refused)?;
                match read.len() > REFERENCED_BYTES_MAX {
                    true => Err(format!("the file {path} has more than {REFERENCED_BYTES_MAX} bytes")),
                    false => Ok(read),
                }
            }
        }
    }
}

/// What a reference gave when it was last read, as far as it has to be known to see that it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    source: Source,
    digest: Digest,
}

impl Given {
    /// The file that it refers to, if it does.
    pub(crate) fn file(&self) -> Option<&str> {
        match &self.source {
            Source::File(path) => Some(path),
            Source::Env(_) => None,
        }
    }

    /// Whether it gives something else now, or nothing any more.
    pub(crate) fn is_stale(&self, around: &dyn Surroundings, by: Writer) -> bool {
        self.source.read(around, by).map_or(true, |text| Digest::of_bytes(text.as_bytes()) != self.digest)
    }
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Literal(&'a str),
    Reference(Source),
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
    pub(crate) given: Vec<Given>,
}

/// The text with what its references give, and what that was.
pub(crate) fn resolve<'a>(
    text: &'a str,
    around: &dyn Surroundings,
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
            Part::Reference(source) => {
                let text = source.read(around, by)?;
                given.push(Given { digest: Digest::of_bytes(text.as_bytes()), source });
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
            Some(("env", name)) if !name.is_empty() => Source::Env(name.to_owned()),
            Some(("file", path)) if !path.is_empty() => Source::File(path.to_owned()),
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

    impl Surroundings for Some2 {
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

    #[test]
    fn a_reference_is_stale_when_it_gives_something_else() {
        let Resolved { given, .. } = resolve("${env:HOST}${file:/run/pw}", &Some2, Writer::Operator).unwrap();
        assert!(given.iter().all(|given| !given.is_stale(&Some2, Writer::Operator)));
        assert!(given.iter().all(|given| given.is_stale(&(), Writer::Operator)));
    }
}
