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
}
