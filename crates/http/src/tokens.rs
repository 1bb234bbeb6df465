//! From a request's token to its [`Principal`]. JWT and sessions come here and nowhere else.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use midflight_store::{StoreError, Token, TokenStore};
use subtle::ConstantTimeEq;
use tokio::sync::{Mutex, watch};

use crate::code::Code;
use crate::jwt::JwtVerifier;
use crate::principal::{ADMIN, Principal, TokenId};
use crate::problem::ApiError;
use crate::sessions::{cookie, is_session, parent};

/// What every token of ours begins with, so that a leaked one can be searched for.
const TOKEN_PREFIX: &str = "mf_";
/// Every token that is known, by its hash, each with its holder.
#[derive(Debug, Default)]
pub struct KnownTokens(HashMap<TokenId, Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    hash: blake3::Hash,
    principal: Principal,
    /// When it was last used here, in microseconds since the epoch; 0 for never. Shared by the hashes of one token, and
    /// by one reading of the tokens with the next.
    used: Arc<AtomicI64>,
}

/// Who sends requests, by what they send. Other replicas may make new tokens, so they are read again all the time.
#[derive(Debug)]
pub struct Tokens {
    known: RwLock<Arc<KnownTokens>>,
    /// Says when a token that was known is known no longer, or otherwise than before. One that is new concerns no stream.
    changes: watch::Sender<()>,
    /// Held from a reading of the store until it is known, so that an older reading never replaces a newer one.
    reading: Mutex<()>,
    /// What takes JSON Web Tokens, if the server does.
    jwt: Option<Arc<JwtVerifier>>,
}

impl Tokens {
    /// Those of the store, or the one of the file while the store does not answer.
    pub fn new(known: KnownTokens) -> Self {
        Self {
            known: RwLock::new(Arc::new(known)),
            changes: watch::Sender::default(),
            reading: Mutex::new(()),
            jwt: None,
        }
    }

    /// The same, and JSON Web Tokens beside them.
    #[must_use]
    pub fn with_jwt(mut self, jwt: Arc<JwtVerifier>) -> Self {
        self.jwt = Some(jwt);
        self
    }

    /// Reads them from the store, and knows those from now on and no others. Streams of those that are no longer known
    /// end. Answers what the store has.
    ///
    /// What was written to the store before the call is known after it, and stays known: concurrent calls read one
    /// after the other. Nothing else may be awaited between a reading and its use: a token that is revoked meanwhile
    /// would be accepted again.
    ///
    /// # Errors
    /// When the store does not answer. What was known stays known then.
    pub async fn refresh(&self, store: &dyn TokenStore) -> Result<Vec<Token>, StoreError> {
        let _reading = self.reading.lock().await;
        let tokens = store.tokens().await?;
        self.know(KnownTokens::of(&tokens));
        Ok(tokens)
    }

    fn know(&self, mut known: KnownTokens) {
        let mut current = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = current.used();
        for entry in known.0.values_mut().flatten() {
            if let Some(used) = entry.principal.token_id().and_then(|id| before.get(&id)) {
                entry.used = Arc::clone(used);
            }
        }
        let before = std::mem::replace(&mut *current, Arc::new(known));
        let is_announced = !current.has_all_of(&before);
        drop(current);
        // Each stream looks at its token then, so it is not announced without a reason.
        if is_announced {
            self.changes.send_replace(());
        }
    }

    fn current(&self) -> Arc<KnownTokens> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Finds the sender of these headers: by a token, else by the cookie of a session.
    ///
    /// # Errors
    /// 401 for a token that is not known or expired; having none is no error here. A session that has ended is as none:
    /// a browser sends its cookie with everything.
    pub fn principal(&self, headers: &HeaderMap) -> Result<Principal, ApiError> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            let session = cookie(headers).and_then(|secret| self.of_session(secret));
            return Ok(session.unwrap_or_else(Principal::anonymous));
        };
        let refused = |detail: &str| Err(ApiError::new(Code::UNAUTHENTICATED, detail));
        if values.next().is_some() {
            return refused("more than one Authorization header; send one");
        }
        let text = value.to_str().unwrap_or_default();
        let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else {
            return refused("unknown scheme of authorization; send `Authorization: Bearer mf_...`");
        };
        self.holder(token.trim())
    }

    /// Finds the holder of a token.
    ///
    /// # Errors
    /// 401 for one that is not known or expired.
    pub(crate) fn holder(&self, token: &str) -> Result<Principal, ApiError> {
        let refused = |detail: &str| Err(ApiError::new(Code::UNAUTHENTICATED, detail));
        let known = self.current();
        // The secret of a session is no token: it is for the cookie alone.
        let entry =
            known.entry(&blake3::hash(token.as_bytes())).filter(|it| it.principal.session().is_none());
        let Some(entry) = entry else {
            return match &self.jwt {
                Some(jwt) if is_jwt(token) => jwt.principal(token),
                None if is_jwt(token) => refused(
                    "unknown token; this server takes no JSON Web Tokens (midflight serve --jwt-issuer)",
                ),
                _ => refused("unknown token"),
            };
        };
        let now = Timestamp::now();
        if let Some(until) = entry.principal.expires_at().filter(|until| *until <= now) {
            let detail = format!("the token {:?} expired at {until}", entry.principal.name());
            return Err(ApiError::new(Code::UNAUTHENTICATED, detail).refusing(entry.principal.clone()));
        }
        entry.note_use(now);
        Ok(entry.principal.clone())
    }

    /// Finds the holder of a session; none once it has ended.
    fn of_session(&self, secret: &str) -> Option<Principal> {
        let hash = blake3::hash(secret.as_bytes());
        if let Some(jwt) = self.jwt.as_ref().filter(|_| is_jwt(secret)) {
            return jwt
                .principal(secret)
                .ok()
                .map(|principal| principal.by_session(TokenId::of(&hash), None));
        }
        let known = self.current();
        let entry = known.entry(&hash)?;
        let now = Timestamp::now();
        let principal = &entry.principal;
        if principal.session().is_none() || principal.expires_at().is_some_and(|until| until <= now) {
            return None;
        }
        entry.note_use(now);
        Some(principal.clone())
    }

    /// The issuer of the JSON Web Tokens that are accepted, if any are.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.jwt.as_deref().map(JwtVerifier::issuer)
    }

    /// Waits until who sent a request is no longer known, or their token expires. Of who sent none, it never comes.
    pub(crate) async fn removed(&self, principal: &Principal) {
        let Some(id) = principal.session().or(principal.token_id()) else {
            return std::future::pending().await;
        };
        let mut changes = self.changes.subscribe();
        loop {
            // Marked as seen before it is looked, so that no change falls in between.
            changes.borrow_and_update();
            let now = Timestamp::now();
            let until = match principal.is_stored() {
                // It may expire at another time than when it was used: it was rotated.
                true => match self.current().now(id, principal) {
                    Some(now) => now.expires_at(),
                    None => return,
                },
                false => principal.expires_at(),
            };
            if until.is_some_and(|until| until <= now) {
                return;
            }
            // By the clock of the wall, which may be set meanwhile, so it is looked at again and again.
            let left = until.map(|until| until.duration_since(now).unsigned_abs());
            let left = left.map_or(LOOK_AGAIN, |left| left.min(LOOK_AGAIN));
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    /// When tokens were used here since a time, by name.
    pub fn uses_since(&self, since: Timestamp) -> Vec<(String, Timestamp)> {
        let known = self.current();
        let mut uses = BTreeMap::<String, Timestamp>::new();
        for entry in known.0.values().flatten() {
            let at = Timestamp::from_microsecond(entry.used.load(Ordering::Relaxed)).unwrap_or_default();
            if at > since {
                let used = uses.entry(entry.principal.name().to_owned()).or_insert(at);
                *used = at.max(*used);
            }
        }
        uses.into_iter().collect()
    }
}

/// Whether a token has the three parts of a JSON Web Token.
fn is_jwt(token: &str) -> bool {
    !token.starts_with(TOKEN_PREFIX) && token.split('.').count() == 3
}

/// How often the clock is looked at for the expiry of a token.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How much later a use is noted than the last one, in microseconds: a second.
const NOTED_US: i64 = 1_000_000;

impl KnownTokens {
    /// Those of the store. A row that no version writes is none.
    #[must_use]
    pub fn of(tokens: &[Token]) -> Self {
        let mut known = Self::default();
        for token in tokens.iter().filter(|token| !is_session(token)) {
            let used = Arc::new(AtomicI64::new(0));
            let previous = token.previous.as_ref().map(|previous| (&previous.hash, Some(previous.until)));
            for (hash, until) in [(&token.hash, None)].into_iter().chain(previous) {
                let Ok(hash) = blake3::Hash::from_hex(hash) else { continue };
                // A role that this program does not know has no permissions.
                let Ok(role) = token.role.parse() else { continue };
                let until = match (until, token.expires_at) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
                let id = TokenId::of(&hash);
                let principal = Principal::of_token(token, role, id, until);
                known.0.entry(id).or_default().push(Entry { hash, principal, used: Arc::clone(&used) });
            }
        }
        // Afterwards: a session is valid as long as the token that it was made with.
        tokens.iter().filter(|token| is_session(token)).for_each(|session| known.add_session(session));
        known
    }

    fn add_session(&mut self, session: &Token) {
        let parent = parent(session)
            .and_then(|id| self.0.get(&id)?.iter().find(|it| it.principal.session().is_none()));
        let (Some(parent), Ok(hash)) = (parent, blake3::Hash::from_hex(&session.hash)) else { return };
        let id = TokenId::of(&hash);
        let principal = parent.principal.by_session(id, session.expires_at);
        let used = Arc::clone(&parent.used);
        self.0.entry(id).or_default().push(Entry { hash, principal, used });
    }

    /// Whether a session can still be used.
    pub(crate) fn has_session(&self, session: &Token) -> bool {
        let entry = blake3::Hash::from_hex(&session.hash)
            .ok()
            .and_then(|hash| self.entry(&hash).map(|it| &it.principal));
        entry.is_some_and(|it| it.expires_at().is_none_or(|until| until > Timestamp::now()))
    }

    /// That of a hash. Found by the beginning of the hash, which is in every revision that the token made; the rest is
    /// compared in constant time.
    fn entry(&self, hash: &blake3::Hash) -> Option<&Entry> {
        let beginning = self.0.get(&TokenId::of(hash)).map_or(&[][..], Vec::as_slice);
        beginning.iter().find(|entry| bool::from(entry.hash.as_bytes().ct_eq(hash.as_bytes())))
    }

    /// Whether all who were known before are still known as they were, until the same time.
    fn has_all_of(&self, before: &Self) -> bool {
        let mut entries =
            before.0.iter().flat_map(|(id, entries)| entries.iter().map(move |entry| (id, entry)));
        entries.all(|(id, Entry { principal, .. })| {
            self.now(*id, principal).is_some_and(|now| now.expires_at() == principal.expires_at())
        })
    }

    /// A caller that is known as they were.
    fn now(&self, id: TokenId, principal: &Principal) -> Option<&Principal> {
        let found = self.0.get(&id).map_or(&[][..], Vec::as_slice);
        found.iter().map(|entry| &entry.principal).find(|found| found.is_as(principal))
    }

    fn used(&self) -> HashMap<TokenId, Arc<AtomicI64>> {
        let entries = self.0.iter().flat_map(|(id, entries)| entries.iter().map(move |entry| (id, entry)));
        entries.map(|(id, entry)| (*id, Arc::clone(&entry.used))).collect()
    }
}

impl Entry {
    /// Once a second, so that the requests of one token do not contend for it.
    fn note_use(&self, now: Timestamp) {
        let (now, last) = (now.as_microsecond(), self.used.load(Ordering::Relaxed));
        if now.saturating_sub(last) >= NOTED_US {
            self.used.store(now, Ordering::Relaxed);
        }
    }
}

/// Makes a token of 256 random bits.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn fresh_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Whether a text from a file can be a token: long enough not to be guessed, and fit for a header.
pub fn is_token(text: &str) -> bool {
    text.len() >= 32 && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The hash of a token, as the store keeps it.
///
/// BLAKE3 and not a slow hash for passwords: a token has 256 random bits, so it cannot be guessed from its hash however
/// fast the hash is, and every request is hashed.
#[must_use]
pub fn hash_of(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

/// What the store keeps of the admin's token.
#[must_use]
pub fn admin(token: &str) -> Token {
    Token::new(ADMIN, ADMIN, &hash_of(token), Timestamp::now())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::AtomicBool;

    use async_trait::async_trait;
    use futures_util::poll;
    use tokio::sync::Notify;

    use super::*;
    use crate::caller_places::{CallerPlaces, RequestPlace};
    use crate::limits::HttpLimits;
    use crate::principal::{Access, Permission, Role};
    use crate::rates::PrincipalRates;
    use crate::sessions::NewSession;
    use midflight_store::MemoryStore;

    async fn known(store: &dyn TokenStore) -> Tokens {
        let tokens = Tokens::new(KnownTokens::default());
        tokens.refresh(store).await.unwrap();
        tokens
    }

    #[tokio::test]
    async fn only_the_newest_admin_token_is_known_and_only_its_hash_is_kept() {
        let store = MemoryStore::new();
        let (old, new) = (fresh_token().unwrap(), fresh_token().unwrap());
        assert!(is_token(&old) && old.starts_with("mf_") && old.len() == 46);
        assert!(store.add_token(&admin(&old)).await.unwrap());
        assert!(!store.add_token(&admin(&new)).await.unwrap(), "the first one stays");
        store.put_token(&admin(&new)).await.unwrap();
        assert!(!format!("{:?}", store.tokens().await.unwrap()).contains(&new));
        let tokens = known(&store).await;
        let principal = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            tokens.principal(&headers).map_err(|error| error.code())
        };
        let admin = principal(&format!("bearer {new}")).unwrap();
        assert_eq!((admin.name(), admin.role()), (ADMIN, Role::Admin.into()));
        for wrong in [format!("Bearer {old}"), format!("Basic {new}"), new.clone(), "Bearer ".to_owned()] {
            assert_eq!(principal(&wrong).err(), Some("unauthenticated"), "{wrong}");
        }
        assert!(tokens.principal(&HeaderMap::new()).unwrap().is_anonymous());
        let mut twice = HeaderMap::new();
        twice.append(header::AUTHORIZATION, format!("Bearer {new}").parse().unwrap());
        twice.append(header::AUTHORIZATION, format!("Bearer {old}").parse().unwrap());
        assert_eq!(tokens.principal(&twice).unwrap_err().code(), "unauthenticated");
    }

    fn ask(tokens: &Tokens, token: &str) -> Result<Principal, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        tokens.principal(&headers).map_err(|error| error.body().detail.clone())
    }

    fn hour(hours: i64) -> Timestamp {
        Timestamp::now() + jiff::SignedDuration::from_hours(hours)
    }

    #[test]
    fn an_expired_token_is_refused_and_the_one_before_a_rotation_is_valid_for_its_overlap() {
        let of = |name: &str, token: &str| Token::new(name, "editor", &hash_of(token), Timestamp::UNIX_EPOCH);
        let previous = |token: &str, hours| {
            let (hash, until) = (hash_of(token), hour(hours));
            Some(midflight_store::PreviousHash { hash, until })
        };
        let tokens = Tokens::new(KnownTokens::of(&[
            Token { expires_at: Some(hour(-1)), ..of("old", "old") },
            Token { expires_at: Some(hour(1)), previous: previous("before", 2), ..of("ci", "now") },
            Token { previous: previous("gone", -1), ..of("cd", "then") },
        ]));
        assert!(ask(&tokens, "old").unwrap_err().contains("\"old\" expired at"));
        assert!(ask(&tokens, "gone").unwrap_err().contains("expired"));
        let (now, before) = (ask(&tokens, "now").unwrap(), ask(&tokens, "before").unwrap());
        assert_eq!((now.name(), before.name()), ("ci", "ci"));
        assert_eq!(before.expires_at(), now.expires_at(), "the earlier of both");
        assert_ne!(before.token_id(), now.token_id());
        let used = tokens.uses_since(Timestamp::UNIX_EPOCH);
        assert_eq!(used.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["ci"]);
        // What was used goes on being known when the tokens are read again.
        tokens.know(KnownTokens::of(&[of("ci", "now")]));
        assert_eq!(tokens.uses_since(Timestamp::UNIX_EPOCH), used);
    }

    /// A store whose first reading of tokens comes back when the test lets it.
    #[derive(Default)]
    struct HeldReading {
        store: MemoryStore,
        was_read: AtomicBool,
        released: Notify,
    }

    #[async_trait]
    impl TokenStore for HeldReading {
        async fn put_token(&self, token: &Token) -> Result<(), StoreError> {
            self.store.put_token(token).await
        }

        async fn add_token(&self, token: &Token) -> Result<bool, StoreError> {
            self.store.add_token(token).await
        }

        async fn replace_token(&self, token: &Token, hash: &str) -> Result<bool, StoreError> {
            self.store.replace_token(token, hash).await
        }

        async fn delete_token(&self, name: &str) -> Result<bool, StoreError> {
            self.store.delete_token(name).await
        }

        async fn delete_token_at(&self, name: &str, changes: u64) -> Result<bool, StoreError> {
            self.store.delete_token_at(name, changes).await
        }

        async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
            let tokens = self.store.tokens().await?;
            if !self.was_read.swap(true, Ordering::Relaxed) {
                self.released.notified().await;
            }
            Ok(tokens)
        }

        async fn token_changes(&self) -> Result<u64, StoreError> {
            self.store.token_changes().await
        }

        async fn note_token_uses(&self, uses: &[(String, Timestamp)]) -> Result<(), StoreError> {
            self.store.note_token_uses(uses).await
        }

        async fn token_uses(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
            self.store.token_uses().await
        }
    }

    #[tokio::test]
    async fn a_reading_from_before_a_revocation_does_not_undo_it() {
        let store = HeldReading::default();
        store.put_token(&Token::new("ci", "editor", &hash_of("token"), Timestamp::UNIX_EPOCH)).await.unwrap();
        let tokens = known(&store.store).await;
        let watched = ask(&tokens, "token").unwrap();
        let mut older = pin!(tokens.refresh(&store));
        assert!(poll!(&mut older).is_pending(), "it was read, and is held");
        store.delete_token("ci").await.unwrap();
        let mut newer = pin!(tokens.refresh(&store));
        let overtook = poll!(&mut newer).is_ready();
        store.released.notify_one();
        older.await.unwrap();
        if !overtook {
            newer.await.unwrap();
        }
        assert!(ask(&tokens, "token").is_err(), "an older reading made the token valid again");
        tokens.removed(&watched).await;
    }

    #[tokio::test]
    async fn who_is_no_longer_known_or_known_otherwise_is_gone() {
        let of = |role: &str| Token::new("ci", role, &hash_of("token"), Timestamp::UNIX_EPOCH);
        let tokens = Arc::new(Tokens::new(KnownTokens::of(&[of("editor")])));
        let watched = |tokens: &Arc<Tokens>| {
            let (tokens, principal) = (Arc::clone(tokens), ask(tokens, "token").unwrap());
            tokio::spawn(async move { tokens.removed(&principal).await })
        };
        let removed = watched(&tokens);
        tokens.know(KnownTokens::of(&[of("editor")]));
        tokens.know(KnownTokens::of(&[of("viewer")]));
        removed.await.unwrap();
        let removed = watched(&tokens);
        tokens.know(KnownTokens::default());
        removed.await.unwrap();
        let expiring = Timestamp::now() + jiff::SignedDuration::from_millis(50);
        tokens.know(KnownTokens::of(&[Token { expires_at: Some(expiring), ..of("editor") }]));
        watched(&tokens).await.unwrap();
    }

    #[test]
    fn streams_are_woken_when_a_token_that_was_known_is_gone_or_another_and_for_nothing_else() {
        let of = |name: &str| Token::new(name, "viewer", &hash_of(name), Timestamp::UNIX_EPOCH);
        let (anna, otto) = (of("anna"), of("otto"));
        let session =
            |name: &str| NewSession::new(TokenId::of(&blake3::hash(name.as_bytes())), None).unwrap().kept;
        let (of_anna, of_otto) = (session("anna"), session("otto"));
        let soon = Token { expires_at: Some(hour(1)), ..anna.clone() };
        let narrow = Token { scopes: Some(vec!["rules".to_owned()]), ..anna.clone() };
        let tokens = Tokens::new(KnownTokens::of(std::slice::from_ref(&anna)));
        let mut changes = tokens.changes.subscribe();
        for (known, is_announced) in [
            (vec![anna.clone()], false),
            (vec![anna.clone(), otto.clone()], false),
            (vec![anna.clone(), otto.clone(), of_anna.clone()], false),
            (vec![otto.clone(), of_otto.clone(), anna.clone(), of_anna.clone()], false),
            (vec![anna.clone(), otto.clone(), of_anna.clone()], true),
            (vec![anna.clone(), of_anna], true),
            (vec![anna], true),
            (vec![soon], true),
            (vec![narrow], true),
            (vec![], true),
        ] {
            changes.borrow_and_update();
            tokens.know(KnownTokens::of(&known));
            assert_eq!(changes.has_changed().unwrap(), is_announced, "{known:?}");
        }
    }

    #[tokio::test]
    async fn a_token_of_a_role_that_only_a_newer_version_knows_may_do_nothing_and_its_role_is_named() {
        let store = MemoryStore::new();
        let token = fresh_token().unwrap();
        let newer = Token::new("ci", "deployer", &hash_of(&token), Timestamp::now());
        store.put_token(&newer).await.unwrap();
        let tokens = known(&store).await;
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        let access = Access::new(
            tokens.principal(&headers).unwrap(),
            None,
            Arc::new(PrincipalRates::new(&HttpLimits::default())),
            RequestPlace::new(&CallerPlaces::new(1, "test_per_caller_max", "tests running")),
        );
        let refused = access.check(Permission::Read).unwrap_err();
        let body = refused.body();
        assert_eq!(body.code, "forbidden");
        assert!(body.detail.contains("the role \"deployer\", which this version does not know"), "{body:?}");
    }
}
