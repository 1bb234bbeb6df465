//! Cursors of lists of documents. One is the document after which the next page begins, as a reader sees it in the list,
//! or sealed where its caller may not know its name.
//!
//! A sealed one is encrypted and authenticated (ChaCha20-Poly1305) with a key of the log, so that every replica reads it.
//! Its nonce is random: two that are equal would tell that no document is in between.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use midflight_core::{DocumentId, KIND_BYTES_MAX, NAME_BYTES_MAX};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::app::AppState;
use crate::code::Code;
use crate::principal::Principal;
use crate::problem::ApiError;

/// What a sealed cursor begins with. No name of a document does.
const SEALED: char = '~';
/// What the key is for, so that it is none of anything else that is made of the secret of the log.
const PURPOSE: &str = "midflight list cursor 1";
/// As long is every text that is sealed, so that its length tells nothing: the longest kind and name.
const TEXT_BYTES: usize = KIND_BYTES_MAX + 1 + NAME_BYTES_MAX;
/// What is put behind a text until it is so long. It is in no name.
const PADDING: char = '\n';

/// The cursor after which a page begins. `plain` reads one that is not sealed.
///
/// # Errors
/// 400 when it is none; the store is unavailable, and it is sealed.
pub(super) async fn read(
    app: &AppState,
    text: Option<&str>,
    plain: impl FnOnce(&str) -> Result<DocumentId, ApiError>,
) -> Result<Option<DocumentId>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let Some(sealed) = text.strip_prefix(SEALED) else { return plain(text).map(Some) };
    match open(&key(app).await?, sealed) {
        Some(id) => Ok(Some(id)),
        None => Err(wrong()),
    }
}

/// The cursor for a caller who may continue after that document. `plain` writes one that is not sealed.
///
/// # Errors
/// The store is unavailable, and it is to be sealed.
pub(super) async fn written(
    app: &AppState,
    principal: &Principal,
    next: Option<DocumentId>,
    plain: fn(&DocumentId) -> String,
) -> Result<Option<String>, ApiError> {
    match next {
        None => Ok(None),
        Some(id) if principal.sees(&id) => Ok(Some(plain(&id))),
        Some(id) => seal(&key(app).await?, &id).map(Some),
    }
}

/// The error for a cursor that is none.
pub(super) fn wrong() -> ApiError {
    ApiError::new(Code::INVALID_PARAMETER, "invalid cursor: it is not from this list")
}

/// The key that all replicas of a log have.
async fn key(app: &AppState) -> Result<LessSafeKey, ApiError> {
    sealing_key(&app.engine.store().hint_key().await?)
}

fn sealing_key(secret: &[u8]) -> Result<LessSafeKey, ApiError> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, &blake3::derive_key(PURPOSE, secret));
    key.map(LessSafeKey::new).map_err(|error| ApiError::internal(&error))
}

fn seal(key: &LessSafeKey, id: &DocumentId) -> Result<String, ApiError> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).map_err(|error| ApiError::internal(&error))?;
    let mut text = id.to_string().into_bytes();
    text.resize(TEXT_BYTES, PADDING as u8);
    let sealed = key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text);
    sealed.map_err(|error| ApiError::internal(&error))?;
    Ok(format!("{SEALED}{}", URL_SAFE_NO_PAD.encode([&nonce[..], &text].concat())))
}

fn open(key: &LessSafeKey, sealed: &str) -> Option<DocumentId> {
    let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (nonce, text) = bytes.split_at_checked(NONCE_LEN)?;
    let (nonce, mut text) = (Nonce::try_assume_unique_for_key(nonce).ok()?, text.to_vec());
    let text = key.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
    std::str::from_utf8(text).ok()?.trim_end_matches(PADDING).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_cursor_is_read_with_its_key_alone_and_tells_nothing() {
        let (key, other) = (sealing_key(&[1; 32]).unwrap(), sealing_key(&[2; 32]).unwrap());
        let ids: [DocumentId; 2] =
            ["rules/a-name", &format!("config/{}", "x".repeat(NAME_BYTES_MAX))].map(|id| id.parse().unwrap());
        for id in &ids {
            let sealed = seal(&key, id).unwrap();
            let inner = sealed.strip_prefix(SEALED).unwrap();
            assert_eq!(open(&key, inner).as_ref(), Some(id));
            assert_eq!(open(&other, inner), None);
            assert_ne!(seal(&key, id).unwrap(), sealed, "equal documents have different cursors");
            assert!(!sealed.contains(id.name.as_str()));
            for forged in ["", "x", &inner[1..], &inner[..inner.len() - 4]] {
                assert_eq!(open(&key, forged), None, "{forged}");
            }
        }
        assert_eq!(seal(&key, &ids[0]).unwrap().len(), seal(&key, &ids[1]).unwrap().len());
    }
}
