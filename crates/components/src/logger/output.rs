//! Where lines go: chosen once, for as long as the program runs.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use tracing_subscriber::fmt::MakeWriter;

/// Where lines go.
#[derive(Debug, Clone)]
pub enum LogOutput {
    /// The standard error output.
    Stderr,
    /// The standard output.
    Stdout,
    /// A file, to whose end each line is added by one write, so that lines of several programs do not mix.
    File(Arc<File>),
}

impl LogOutput {
    /// `stderr`, `stdout`, or the path of a file, which is made when it is not there.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(name: &str) -> io::Result<Self> {
        match name {
            "stderr" => Ok(Self::Stderr),
            "stdout" => Ok(Self::Stdout),
            path => {
                let file = OpenOptions::new().create(true).append(true).open(Path::new(path))?;
                Ok(Self::File(Arc::new(file)))
            }
        }
    }
}

impl<'a> MakeWriter<'a> for LogOutput {
    type Writer = Box<dyn Write + 'a>;

    fn make_writer(&'a self) -> Self::Writer {
        match self {
            Self::Stderr => Box::new(io::stderr().lock()),
            Self::Stdout => Box::new(io::stdout().lock()),
            Self::File(file) => Box::new(&**file),
        }
    }
}
