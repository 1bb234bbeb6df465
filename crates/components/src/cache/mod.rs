//! A cache in the process, whose settings change while it keeps what it has.

mod settings;

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use midflight_core::Problems;
use midflight_engine::Criticality;
use quick_cache::sync::{Cache as SyncCache, DefaultLifecycle, EntryAction, EntryResult};
use quick_cache::{DefaultHashBuilder, UnitWeighter};

pub use settings::CacheSettings;

use crate::{ComponentFactory, ComponentRole, CurrentComponent, ManagedComponent, SettingsSource};

/// Entries by key, that many and that old. Cloning it is cheap; every clone is the same cache.
///
/// A changed `ttl_ms` holds for what is there already, at once; so does a changed `entries_max`, where fewer than there
/// are drop those that are used least. Where nothing is configured nothing is kept.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # use midflight_core::JsonPointer;
/// use midflight_components::{Cache, CacheSettings, SettingsSource};
///
/// let place = SettingsSource::new(vec![], JsonPointer::root(), |_| Some(CacheSettings::default()));
/// let (_part, cache) = Cache::<String, u64>::new(place);
/// let length = cache.get_or_try_insert_with("four", async || Ok::<_, ()>(4)).await;
/// assert_eq!(length, Ok(4));
/// # }
/// ```
pub struct Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    entries: Arc<Entries<K, V>>,
    follow: CurrentComponent<CacheFactory<K, V>>,
}

/// One shard: with several, each would have its own share of `entries_max`, and what is kept would depend on the hashes
/// of keys.
type Entries<K, V> = SyncCache<K, CacheEntry<V>, UnitWeighter, DefaultHashBuilder>;

#[derive(Clone)]
struct CacheEntry<V> {
    value: V,
    since: Instant,
}

impl<V> CacheEntry<V> {
    fn is_fresh(&self, settings: &CacheSettings) -> bool {
        self.since.elapsed() < settings.ttl()
    }
}

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The part for an engine, and the handle for the program: `cache`, order 20, critical.
    #[must_use]
    pub fn new(place: SettingsSource<CacheSettings>) -> (ManagedComponent<CacheFactory<K, V>>, Self) {
        let entries = Arc::new(entries());
        let role = ComponentRole { name: "cache".to_owned(), order: 20, criticality: Criticality::Critical };
        let (part, follow) =
            ManagedComponent::new(CacheFactory { entries: Arc::clone(&entries) }, place, role);
        (part, Self { entries, follow })
    }

    /// What is kept for a key, if it is not too old. Cost: a load, a shared lock, a hash and a clone.
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let settings = self.follow.now()?;
        self.entries.get(key).filter(|entry| entry.is_fresh(&settings)).map(|entry| entry.value)
    }

    /// Keeps a value for a key. Cost: a load, a lock and a hash; where the cache is full something else goes.
    pub fn insert(&self, key: K, value: V) {
        if self.follow.now().is_some() {
            self.entries.insert(key, CacheEntry { value, since: Instant::now() });
        }
    }

    /// What is kept for a key, or what `make` answers, which is then kept. Of several callers who ask for a key at a
    /// time one makes the value, and the others wait for it; when that one fails or is dropped, the next one makes it.
    ///
    /// Where nothing is configured every caller makes it.
    ///
    /// # Errors
    /// That of `make`; nothing is kept then.
    pub async fn get_or_try_insert_with<Q, E>(
        &self,
        key: &Q,
        make: impl AsyncFnOnce() -> Result<V, E>,
    ) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let Some(settings) = self.follow.now() else { return make().await };
        // Most find it: they need not keep each other out.
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let if_fresh = |_: &K, entry: &mut CacheEntry<V>| match entry.is_fresh(&settings) {
            true => EntryAction::Retain(entry.value.clone()),
            false => EntryAction::ReplaceWithGuard,
        };
        match self.entries.entry_async(key, if_fresh).await {
            EntryResult::Retained(value) => Ok(value),
            EntryResult::Vacant(guard) | EntryResult::Replaced(guard, _) => {
                let value = make().await?;
                // It fails when another one was put there meanwhile, which is as good.
                guard.insert(CacheEntry { value: value.clone(), since: Instant::now() }).ok();
                Ok(value)
            }
            // None is taken out, and no caller waits for a time.
            EntryResult::Removed(..) | EntryResult::Timeout => make().await,
        }
    }

    /// How many entries there are, with those that are too old and were not asked for since. Cost: a lock.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V> Clone for Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn clone(&self) -> Self {
        Self { entries: Arc::clone(&self.entries), follow: self.follow.clone() }
    }
}

impl<K, V> fmt::Debug for Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("settings", &self.follow.now()).field("len", &self.len()).finish()
    }
}

/// What begins with so little room has one shard.
const ONE_SHARD_ENTRIES: usize = 31;

fn entries<K: Hash + Eq, V: Clone>() -> Entries<K, V> {
    let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
    SyncCache::with(ONE_SHARD_ENTRIES, ONE_SHARD_ENTRIES as u64, UnitWeighter, hasher, lifecycle)
}

/// How the settings of a cache are changed. What it keeps stays.
pub struct CacheFactory<K, V> {
    entries: Arc<Entries<K, V>>,
}

impl<K, V> fmt::Debug for CacheFactory<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MakeCache").finish_non_exhaustive()
    }
}

#[async_trait]
impl<K, V> ComponentFactory for CacheFactory<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    type Settings = CacheSettings;
    type Built = CacheSettings;

    fn build(
        &self,
        settings: &CacheSettings,
        place: &SettingsSource<CacheSettings>,
    ) -> Result<CacheSettings, Problems> {
        settings.check(place).map(|()| settings.clone())
    }

    fn publish(&self, _: Option<&CacheSettings>, to: Option<&CacheSettings>) {
        // Entries over the limit are removed when the old settings are released: until then they may have to be
        // restored.
        if let Some(to) = to.filter(|to| to.entries_max > self.entries.capacity()) {
            self.entries.set_capacity(to.entries_max);
        }
    }

    async fn retire(&self, _: Arc<CacheSettings>, in_use: Option<Arc<CacheSettings>>) {
        match in_use {
            Some(settings) => self.entries.set_capacity(settings.entries_max),
            None => self.entries.clear(),
        }
    }
}
