//! Conditions of statements that are the same in both databases.

use midflight_core::{DocumentId, KindName};
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::integer;
use crate::EventQuery;

/// Which documents are asked for.
pub(crate) struct DocumentFilter<'a> {
    pub(crate) kind: &'a Option<KindName>,
    /// As the database can keep it.
    pub(crate) name_prefix: String,
    pub(crate) after: &'a Option<DocumentId>,
}

impl DocumentFilter<'_> {
    /// Narrows the rows of that table to what is asked for.
    pub(crate) fn push<DB: Database>(self, sql: &mut QueryBuilder<DB>, table: &str)
    where
        String: Type<DB> + for<'q> Encode<'q, DB>,
    {
        if let Some(kind) = self.kind {
            sql.push(format!(" AND {table}.kind = ")).push_bind(kind.as_str().to_owned());
        }
        if !self.name_prefix.is_empty() {
            // Names are compared as bytes, so a prefix is a range, which the index answers.
            let end = format!("{}\u{10ffff}", self.name_prefix);
            sql.push(format!(" AND {table}.name >= ")).push_bind(self.name_prefix);
            sql.push(format!(" AND {table}.name < ")).push_bind(end);
        }
        if let Some(after) = self.after {
            sql.push(format!(" AND ({table}.kind, {table}.name) > ("))
                .push_bind(after.kind.as_str().to_owned());
            sql.push(", ").push_bind(after.name.as_str().to_owned()).push(")");
        }
    }
}

/// Narrows reload events to those that are asked for, apart from their kind, and orders them.
pub(crate) fn push_events<DB: Database>(sql: &mut QueryBuilder<DB>, query: &EventQuery)
where
    String: Type<DB> + for<'q> Encode<'q, DB>,
    i64: Type<DB> + for<'q> Encode<'q, DB>,
{
    if let Some(trigger) = &query.trigger {
        sql.push(" AND trigger_word = ").push_bind(trigger.as_str().to_owned());
    }
    if let Some(outcome) = &query.outcome {
        sql.push(" AND outcome = ").push_bind(outcome.as_str().to_owned());
    }
    if let Some(before) = query.before {
        sql.push(" AND id < ").push_bind(integer(before));
    }
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(query.limit) + 1);
}
