//! Names of modules in addresses.

use midflight_core::DocumentName;
use midflight_engine::Kind as _;
use midflight_http::code::Code;
use midflight_http::problem::ApiError;
use midflight_modules::Modules;

/// The module that an address names.
///
/// # Errors
/// `invalid_name`.
pub(super) fn module_name(text: &str) -> Result<DocumentName, ApiError> {
    midflight_http::params::document(Modules.name().as_str(), text).map(|id| id.name)
}

/// The error for a module that is not there.
pub(super) fn unknown(name: &DocumentName) -> ApiError {
    ApiError::new(
        Code::NOT_FOUND,
        format!("no module {:?}; put its manifest with PUT /api/v1/modules/{{name}}", name.as_str()),
    )
}
