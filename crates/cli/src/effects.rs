//! What an edit of a config does not put into effect, and what it should not have.

use midflight_client::Answer;
use midflight_client::wire::config::{ConfigMembers, LiteralSecretAnswer, MaskedAnswer};
use midflight_client::wire::edits::WriteAnswer;

use super::output::{eprint_status, printable};

/// Reports what the kind of configs adds to the answer of a write.
pub(super) fn report_effects(answer: &Answer<WriteAnswer>) {
    let Ok(ConfigMembers { config: Some(effects) }) = answer.read_as() else { return };
    report_masked(&effects.masked);
    effects.literal_secrets.iter().for_each(report_secret);
    report_restarts(&effects.restart_required);
}

/// Reports the values that another source overrides.
pub(super) fn report_masked(masked: &[MaskedAnswer]) {
    for MaskedAnswer { path, by } in masked {
        eprint_status(&printable(&format!(
            "{path} is overridden by {by}: the value in the document has no effect"
        )));
    }
}

/// Reports the values that are in effect after the next start.
pub(super) fn report_restarts(paths: &[String]) {
    for path in paths {
        eprint_status(&printable(&format!("{path} is in effect after the server's next start")));
    }
}

fn report_secret(secret: &LiteralSecretAnswer) {
    let LiteralSecretAnswer { config, path } = secret;
    eprint_status(&printable(&format!(
        "config/{config} {path} looks like a secret in plain text: `config show` masks it, and the log keeps it. Use \
         ${{env:NAME}} or ${{file:PATH}} for the program that reads it, and declare the key `writeOnly` in a schema"
    )));
}
