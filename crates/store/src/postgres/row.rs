//! PostgreSQL's rows as the log reads them.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::failure::failure;
use crate::StoreError;
use crate::rows::Columns;

impl Columns for PgRow {
    fn text(&self, column: &str) -> Result<String, StoreError> {
        self.try_get(column).map_err(failure)
    }

    fn text_or_none(&self, column: &str) -> Result<Option<String>, StoreError> {
        self.try_get(column).map_err(failure)
    }

    fn integer(&self, column: &str) -> Result<i64, StoreError> {
        self.try_get(column).map_err(failure)
    }

    fn truth(&self, column: &str) -> Result<bool, StoreError> {
        self.try_get(column).map_err(failure)
    }

    fn body_bytes(&self) -> usize {
        self.try_get_raw("body").ok().and_then(|body| body.as_bytes().ok()).map_or(0, <[u8]>::len)
    }
}
