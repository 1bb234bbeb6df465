//! Who sends a request, and what they may do. What a route needs is declared where the route is added
//! ([`crate::routes::Routes`]).

use std::sync::{Arc, LazyLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use jiff::Timestamp;
use midflight_core::{DocumentId, Open, PrincipalId, Vocabulary};
use midflight_store::{AgentLimits, Token};

use crate::caller_places::RequestPlace;
use crate::code::Code;
use crate::problem::ApiError;
use crate::rates::PrincipalRates;
use crate::scopes::Scopes;

/// What a route needs its caller to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Permission {
    /// Nothing, wherever the server listens: what a probe or a scraper asks. None of it is in the documents.
    Open,
    /// Nothing: every request is signed, and the handler verifies it.
    Signed,
    /// To read.
    Read,
    /// To have rules executed and queries classified.
    Execute,
    /// To change documents.
    Edit,
    /// To change what is served without changing a document by hand: reloads, restores.
    Operate,
    /// To do what cannot be undone.
    Admin,
}

impl Permission {
    /// Whether it always needs a token.
    #[must_use]
    pub const fn needs_token(self) -> bool {
        matches!(self, Self::Edit | Self::Operate | Self::Admin)
    }

    /// As it is written in errors and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Signed => "signed",
            Self::Read => "read",
            Self::Execute => "execute",
            Self::Edit => "edit",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }
}

/// What the holder of a token is. Each includes what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Role {
    /// A caller without a token: reads and executes, where the server is open.
    Anonymous,
    /// Reads.
    Viewer,
    /// Executes, classifies, selects and calls too.
    Executor,
    /// Changes documents too.
    Editor,
    /// Reloads, restores and drains too.
    Operator,
    /// Everything: manages tokens, reads the audit, does what cannot be undone.
    Admin,
}

impl Role {
    /// Those that a token can have.
    pub const OF_TOKENS: [Self; 5] =
        [Self::Viewer, Self::Executor, Self::Editor, Self::Operator, Self::Admin];

    /// Whether it includes a permission.
    #[must_use]
    pub fn may(self, what: Permission) -> bool {
        match (self, what) {
            (_, Permission::Open | Permission::Signed) => true,
            (Self::Anonymous, _) => matches!(what, Permission::Read | Permission::Execute),
            (_, Permission::Read) => self >= Self::Viewer,
            (_, Permission::Execute) => self >= Self::Executor,
            (_, Permission::Edit) => self >= Self::Editor,
            (_, Permission::Operate) => self >= Self::Operator,
            (_, Permission::Admin) => self >= Self::Admin,
        }
    }

    /// The permissions that it includes, as they are written in errors and documents.
    #[must_use]
    pub fn permissions(self) -> Vec<&'static str> {
        use Permission::{Admin, Edit, Execute, Operate, Read};
        let all = [Read, Execute, Edit, Operate, Admin];
        all.into_iter().filter(|what| self.may(*what)).map(Permission::as_str).collect()
    }
}

impl Vocabulary for Role {
    fn word(self) -> &'static str {
        match self {
            Self::Anonymous => ANONYMOUS,
            Self::Viewer => "viewer",
            Self::Executor => "executor",
            Self::Editor => "editor",
            Self::Operator => "operator",
            Self::Admin => ADMIN,
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        Self::OF_TOKENS.into_iter().find(|role| role.word() == word)
    }
}

/// The name of who sends no token.
pub const ANONYMOUS: &str = "anonymous";

/// The role of admins, and the name of the first token, and so the author of what it changes.
pub const ADMIN: &str = "admin";

/// Distinguishes tokens without revealing any: the first bytes of a token's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 6]);

impl TokenId {
    /// The one that was written so; none for a text that is none.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let is_hex = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_hex)?;
        let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
        Some(Self([a, b, c, d, e, f]))
    }

    /// That of a token, by its hash.
    #[must_use]
    pub fn of(hash: &blake3::Hash) -> Self {
        let [a, b, c, d, e, f, ..] = *hash.as_bytes();
        Self([a, b, c, d, e, f])
    }
}

impl std::fmt::Display for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Who sent a request. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Principal(Arc<PrincipalParts>);

/// What is known of who sent a request.
#[derive(Debug)]
struct PrincipalParts {
    name: Arc<str>,
    role: Open<Role>,
    token_id: Option<TokenId>,
    /// The documents that they may see and change; none for all.
    scopes: Option<Scopes>,
    /// Whether the token is one of the store, which may be revoked.
    is_stored: bool,
    /// The time from which on they are another caller, or anonymous.
    expires_at: Option<Timestamp>,
    /// What an agent with the token sees.
    agent: AgentLimits,
    /// The session of a browser that they came by, if they did.
    session: Option<TokenId>,
}

impl Principal {
    /// The holder of a token without a limit beyond its role.
    #[must_use]
    pub fn with_token(name: &str, role: Open<Role>, token_id: TokenId) -> Self {
        Self::known(name, role, Some(token_id))
    }

    /// The holder of a token of the store, which is valid until then.
    #[must_use]
    pub fn of_token(token: &Token, role: Open<Role>, token_id: TokenId, until: Option<Timestamp>) -> Self {
        Self(Arc::new(PrincipalParts {
            name: token.name.as_str().into(),
            role,
            token_id: Some(token_id),
            scopes: token.scopes.clone().map(Scopes::kept),
            is_stored: true,
            expires_at: until,
            agent: token.agent.clone(),
            session: None,
        }))
    }

    /// The same caller by a session, which is valid until then.
    #[must_use]
    pub(crate) fn by_session(&self, session: TokenId, until: Option<Timestamp>) -> Self {
        let PrincipalParts { name, role, token_id, scopes, is_stored, agent, .. } = &*self.0;
        let expires_at = match (self.0.expires_at, until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self(Arc::new(PrincipalParts {
            name: Arc::clone(name),
            role: *role,
            token_id: *token_id,
            scopes: scopes.clone(),
            is_stored: *is_stored,
            expires_at,
            agent: agent.clone(),
            session: Some(session),
        }))
    }

    /// The subject of a JSON Web Token.
    #[must_use]
    pub fn of_subject(
        name: &str,
        role: Role,
        id: TokenId,
        scopes: Option<Scopes>,
        expires_at: Timestamp,
    ) -> Self {
        Self(Arc::new(PrincipalParts {
            name: name.into(),
            role: role.into(),
            token_id: Some(id),
            scopes,
            is_stored: false,
            expires_at: Some(expires_at),
            agent: AgentLimits::default(),
            session: None,
        }))
    }

    /// An anonymous caller: there was no token.
    #[must_use]
    pub fn anonymous() -> Self {
        static ONE: LazyLock<Principal> = LazyLock::new(|| Principal::without_token(ANONYMOUS));
        ONE.clone()
    }

    /// The signer of a request, which its handler verified: the author of what it does, and nothing more.
    #[must_use]
    pub fn signer(name: &str) -> Self {
        Self::without_token(name)
    }

    fn without_token(name: &str) -> Self {
        Self::known(name, Open::Known(Role::Anonymous), None)
    }

    fn known(name: &str, role: Open<Role>, token_id: Option<TokenId>) -> Self {
        let (name, agent) = (name.into(), AgentLimits::default());
        let is_stored = token_id.is_some();
        Self(Arc::new(PrincipalParts {
            name,
            role,
            token_id,
            scopes: None,
            is_stored,
            expires_at: None,
            agent,
            session: None,
        }))
    }

    /// The author of what they change.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What they are.
    #[must_use]
    pub fn role(&self) -> Open<Role> {
        self.0.role
    }

    /// The token that they sent, if they sent one.
    #[must_use]
    pub fn token_id(&self) -> Option<TokenId> {
        self.0.token_id
    }

    /// The documents that they may see and change; none for all.
    #[must_use]
    pub fn scopes(&self) -> Option<&Scopes> {
        self.0.scopes.as_ref()
    }

    /// From when on their token is refused; none for one that does not expire.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.0.expires_at
    }

    /// The session that they came by; none with a token in the request.
    pub(crate) fn session(&self) -> Option<TokenId> {
        self.0.session
    }

    /// Whether their token is one of the store.
    pub(crate) fn is_stored(&self) -> bool {
        self.0.is_stored
    }

    /// What an agent with their token sees.
    #[must_use]
    pub fn agent(&self) -> &AgentLimits {
        &self.0.agent
    }

    /// The author in a revision.
    #[must_use]
    pub fn id(&self) -> Option<PrincipalId> {
        self.0.token_id.map(|id| PrincipalId::new(&id.to_string()))
    }

    /// Whether they sent no token.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.0.token_id.is_none()
    }

    /// Whether another principal is the same, with the same limits.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.name() == other.name()
            && self.token_id() == other.token_id()
            && self.role().as_str() == other.role().as_str()
            && self.scopes() == other.scopes()
            && self.agent() == other.agent()
    }

    /// Whether they may see and change a document, as far as their scopes go.
    #[must_use]
    pub fn sees(&self, id: &DocumentId) -> bool {
        self.scopes().is_none_or(|scopes| scopes.allow(id))
    }

    /// Refuses a document that is not in their scopes.
    ///
    /// # Errors
    /// 403, whether or not there is such a document.
    pub fn check_sees(&self, id: &DocumentId) -> Result<(), ApiError> {
        match self.sees(id) {
            true => Ok(()),
            false => Err(self.out_of_scope(&id.to_string())),
        }
    }

    /// Refuses who may not see all documents of a kind.
    ///
    /// # Errors
    /// 403.
    pub fn check_sees_all(&self, kind: &str) -> Result<(), ApiError> {
        match self.scopes().is_none_or(|scopes| scopes.allow_all(kind, "")) {
            true => Ok(()),
            false => Err(self.out_of_scope(&format!("{kind}/*"))),
        }
    }

    /// The error for what is not in their scopes.
    pub(crate) fn out_of_scope(&self, what: &str) -> ApiError {
        let scopes = self.scopes().map(|scopes| scopes.patterns().join(", ")).unwrap_or_default();
        let detail = format!("{what} is not in the scopes of the token {:?}: {scopes}", self.name());
        ApiError::new(Code::FORBIDDEN, detail)
    }
}

/// Who sent a request, and whether a caller without a token may read here. The edge gives it to every request.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    principal: Principal,
    /// Why reads and executions need a token; none where they do not.
    closed: Option<&'static str>,
    /// How many requests of each caller are accepted.
    rates: Arc<PrincipalRates>,
    /// The place of this request among those in flight.
    place: RequestPlace,
}

impl Access {
    pub(crate) fn new(
        principal: Principal,
        closed: Option<&'static str>,
        rates: Arc<PrincipalRates>,
        place: RequestPlace,
    ) -> Self {
        Self { principal, closed, rates, place }
    }

    /// The place of the request among those in flight.
    pub(crate) fn place(&self) -> &RequestPlace {
        &self.place
    }

    pub(crate) fn rates(&self) -> &PrincipalRates {
        &self.rates
    }

    /// Counts the request against the rate of its sender.
    ///
    /// # Errors
    /// 429 past it.
    pub(crate) fn count(&self, permission: Permission) -> Result<(), ApiError> {
        self.rates.count(&self.principal, permission)
    }

    /// That of a request which came through the edge.
    pub(crate) fn of(parts: &Parts) -> Result<&Self, ApiError> {
        let access = parts.extensions.get::<Self>();
        access.ok_or_else(|| ApiError::internal(&"a request did not come through the edge"))
    }

    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Refuses a caller without the permission.
    ///
    /// # Errors
    /// 401 without a token, 403 with one that does not suffice.
    pub(crate) fn check(&self, permission: Permission) -> Result<(), ApiError> {
        let is_open = matches!(permission, Permission::Open | Permission::Signed);
        match (self.principal.is_anonymous(), self.closed) {
            (true, Some(why)) if !is_open => return Err(unauthenticated(why)),
            (true, _) if permission.needs_token() => {
                return Err(unauthenticated("this request needs a token"));
            }
            _ => {}
        }
        let (name, role) = (self.principal.name(), self.principal.role());
        let detail = match role.known() {
            Some(role) if role.may(permission) => return Ok(()),
            Some(role) => format!(
                "the token {name:?} has the role {}, which does not include {}; use one of {}",
                role.word(),
                permission.as_str(),
                least(permission)
            ),
            None if is_open => return Ok(()),
            None => format!(
                "the token {name:?} has the role {:?}, which this version does not know",
                role.as_str()
            ),
        };
        Err(ApiError::new(Code::FORBIDDEN, detail))
    }
}

/// The roles that include a permission, for people.
pub(crate) fn least(permission: Permission) -> String {
    let roles = Role::OF_TOKENS.into_iter().filter(|role| role.may(permission)).map(Vocabulary::word);
    roles.collect::<Vec<_>>().join(", ")
}

/// The error for a request without a token where one is needed.
fn unauthenticated(why: &str) -> ApiError {
    let detail = format!("{why}: send the header `Authorization: Bearer mf_...`");
    ApiError::new(Code::UNAUTHENTICATED, detail)
}

impl<S: Send + Sync> FromRequestParts<S> for Access {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::of(parts).cloned()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Access::of(parts).map(|access| access.principal.clone())
    }
}

/// Whether the sender of a request may read: for what anyone may ask, and only they see in full.
#[derive(Debug, Clone, Copy)]
pub struct MayRead(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for MayRead {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(Access::of(parts)?.check(Permission::Read).is_ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller_places::CallerPlaces;
    use crate::limits::HttpLimits;

    const ALL: [Permission; 7] = [
        Permission::Open,
        Permission::Signed,
        Permission::Read,
        Permission::Execute,
        Permission::Edit,
        Permission::Operate,
        Permission::Admin,
    ];

    #[test]
    fn each_caller_may_what_its_role_includes() {
        let id = TokenId::of(&blake3::hash(b"token"));
        let refused = |principal: &Principal, closed| {
            let rates = Arc::new(PrincipalRates::new(&HttpLimits::default()));
            let place = RequestPlace::new(&CallerPlaces::new(1, "test_per_caller_max", "tests running"));
            let access = Access::new(principal.clone(), closed, rates, place);
            ALL.map(|permission| access.check(permission).err().map_or("", |error| error.code()))
        };
        let none = "forbidden";
        for (role, expected) in [
            (Role::Viewer, ["", "", "", none, none, none, none]),
            (Role::Executor, ["", "", "", "", none, none, none]),
            (Role::Editor, ["", "", "", "", "", none, none]),
            (Role::Operator, ["", "", "", "", "", "", none]),
            (Role::Admin, [""; 7]),
        ] {
            let caller = Principal::with_token("anna", role.into(), id);
            assert_eq!(refused(&caller, None), expected, "{role:?}");
            assert_eq!(refused(&caller, Some("closed")), expected, "{role:?}");
            assert_eq!(role.word().parse::<Open<Role>>().unwrap(), role);
        }
        let unknown = Principal::with_token("olga", "auditor".parse().unwrap(), id);
        assert_eq!(refused(&unknown, None), ["", "", none, none, none, none, none]);
        // No token makes a caller anonymous.
        assert_eq!("anonymous".parse::<Open<Role>>().unwrap().known(), None);
        let (no_one, none) = (Principal::anonymous(), "unauthenticated");
        assert_eq!(refused(&no_one, None), ["", "", "", "", none, none, none]);
        assert_eq!(refused(&no_one, Some("closed")), ["", "", none, none, none, none, none]);
        assert_eq!(id.to_string().len(), 12);
    }
}
