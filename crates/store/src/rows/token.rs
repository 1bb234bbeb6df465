//! Tokens as the SQL databases keep them.

use jiff::Timestamp;

use super::{Columns, corrupt, row::time};
use crate::{AgentLimits, PreviousHash, StoreError, Token};

/// The columns of a token, in the order of [`values`].
pub(crate) const TOKEN: &str =
    "name, role, hash, created_at, created_by, expires_at, scopes, agent, previous_hash, previous_until";

/// The columns but the name, as those of the row that was refused.
pub(crate) const REPLACED: &str = "role = excluded.role, hash = excluded.hash, created_at = excluded.created_at,
    created_by = excluded.created_by, expires_at = excluded.expires_at, scopes = excluded.scopes, agent = excluded.agent,
    previous_hash = excluded.previous_hash, previous_until = excluded.previous_until";

/// What becomes of a token whose name is taken.
#[derive(Clone, Copy)]
pub(crate) enum NameConflict<'a> {
    /// It is replaced.
    Replace,
    /// It stays.
    Keep,
    /// It is replaced if it has this hash; without a token of the name none is made.
    ReplaceOf(&'a str),
}

/// What a token has in each of its columns.
pub(crate) fn values(token: &Token) -> [Option<String>; 10] {
    let previous = token.previous.as_ref();
    [
        Some(token.name.clone()),
        Some(token.role.clone()),
        Some(token.hash.clone()),
        Some(token.created_at.to_string()),
        token.created_by.clone(),
        token.expires_at.map(|at| at.to_string()),
        token.scopes_text(),
        token.agent.text(),
        previous.map(|previous| previous.hash.clone()),
        previous.map(|previous| previous.until.to_string()),
    ]
}

/// A token of its row.
pub(crate) fn token(row: &impl Columns) -> Result<Token, StoreError> {
    let at = |column: &str| -> Result<Option<Timestamp>, StoreError> {
        row.text_or_none(column)?.map(|text| text.parse()).transpose().map_err(corrupt)
    };
    let previous = (row.text_or_none("previous_hash")?, at("previous_until")?);
    Ok(Token {
        name: row.text("name")?,
        role: row.text("role")?,
        hash: row.text("hash")?,
        created_at: time(row)?,
        created_by: row.text_or_none("created_by")?,
        expires_at: at("expires_at")?,
        scopes: Token::scopes_of(row.text_or_none("scopes")?.as_deref()),
        agent: AgentLimits::of(row.text_or_none("agent")?.as_deref()),
        previous: match previous {
            (Some(hash), Some(until)) => Some(PreviousHash { hash, until }),
            _ => None,
        },
    })
}

/// A use of a token: its name and when it was.
pub(crate) fn used(row: &impl Columns) -> Result<(String, Timestamp), StoreError> {
    let at = Timestamp::from_microsecond(row.integer("used_at_us")?).map_err(corrupt)?;
    Ok((row.text("name")?, at))
}
