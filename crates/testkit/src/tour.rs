//! The commands of a document, run as they are written.

use std::path::Path;
use std::process::Command;

/// Runs each block of commands of a document in turn, in a folder, and expects each to print every line of the block of
/// text after it. `binary` is in the path first. Gives what was run and what it said, standard output before standard
/// error.
pub fn tour(document: &Path, folder: &Path, binary: &Path, variables: &[(&str, &str)]) -> String {
    let blocks = blocks(&std::fs::read_to_string(document).unwrap());
    assert!(!blocks.is_empty(), "{} has commands", document.display());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = binary.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).unwrap();
    let mut transcript = String::new();
    for (commands, lines) in blocks {
        let mut bash = Command::new("bash");
        bash.args(["-euc", &commands]).current_dir(folder).env("PATH", &path);
        // Not the settings of who runs the tests.
        bash.env("XDG_CONFIG_HOME", folder.join(".config"));
        let output = bash.envs(variables.iter().copied()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let reported = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{commands}\nfailed:\n{reported}");
        for line in lines.iter().filter(|line| !line.is_empty()) {
            assert!(reported.contains(line.as_str()), "{commands}\ndid not say {line}, but:\n{reported}");
        }
        commands.lines().for_each(|line| transcript.extend(["$ ", line, "\n"]));
        transcript.extend([&*reported, "\n"]);
    }
    transcript
}

/// Commands, and the lines that they must answer with.
fn blocks(text: &str) -> Vec<(String, Vec<String>)> {
    let mut blocks: Vec<(String, Vec<String>)> = Vec::new();
    for block in text.split("```").skip(1).step_by(2) {
        if let Some(commands) = block.strip_prefix("sh\n") {
            blocks.push((commands.to_owned(), Vec::new()));
        } else if let (Some(text), Some((_, lines))) = (block.strip_prefix("text\n"), blocks.last_mut()) {
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    blocks
}
