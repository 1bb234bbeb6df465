//! Which document is the server's own config.

use midflight_core::{DocumentId, DocumentName, KindName};

/// The name of a server's own config among all.
pub const OWN_CONFIG: &str = "midflight";

/// The server's own config.
#[expect(clippy::expect_used, reason = "the names are written here, and a test makes one")]
pub(crate) fn own_id() -> DocumentId {
    DocumentId {
        kind: KindName::new("config").expect("is the name of a kind"),
        name: DocumentName::new(OWN_CONFIG).expect("is the name of a document"),
    }
}
