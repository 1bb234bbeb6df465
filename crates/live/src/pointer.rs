//! The one pointer that is swapped: `arc-swap`, or under `cfg(loom)` a substitute that loom can explore.

#[cfg(not(loom))]
mod real {
    use std::sync::Arc;

    use crate::{World, WorldCell};

    /// What a load holds on to.
    pub(crate) type Guard = arc_swap::Guard<Arc<World>>;

    /// A shared cell, through which arc-swap's cache looks straight at the pointer.
    struct Shared(Arc<WorldCell>);

    impl std::ops::Deref for Shared {
        type Target = arc_swap::ArcSwap<World>;
        #[inline]
        fn deref(&self) -> &Self::Target {
            &self.0.pointer().0
        }
    }

    /// A copy of the pointer that is compared at each load.
    pub(crate) struct Cache(arc_swap::Cache<Shared, Arc<World>>);

    impl Cache {
        pub(crate) fn new(cell: Arc<WorldCell>) -> Self {
            Self(arc_swap::Cache::new(Shared(cell)))
        }

        #[inline]
        pub(crate) fn load(&mut self) -> &Arc<World> {
            self.0.load()
        }
    }

    #[derive(Debug)]
    pub(crate) struct Pointer(arc_swap::ArcSwap<World>);

    impl Pointer {
        pub(crate) fn new(world: World) -> Self {
            Self(arc_swap::ArcSwap::from_pointee(world))
        }

        #[inline]
        pub(crate) fn load(&self) -> Guard {
            self.0.load()
        }

        pub(crate) fn load_full(&self) -> Arc<World> {
            self.0.load_full()
        }

        pub(crate) fn swap(&self, world: Arc<World>) -> Arc<World> {
            self.0.swap(world)
        }
    }
}

#[cfg(loom)]
mod real {
    use std::sync::Arc;

    use loom::sync::Mutex;

    use crate::{World, WorldCell};

    pub(crate) type Guard = Arc<World>;

    #[derive(Debug)]
    pub(crate) struct Pointer(Mutex<Arc<World>>);

    impl Pointer {
        pub(crate) fn new(world: World) -> Self {
            Self(Mutex::new(Arc::new(world)))
        }

        pub(crate) fn load(&self) -> Guard {
            self.load_full()
        }

        pub(crate) fn load_full(&self) -> Arc<World> {
            Arc::clone(&self.0.lock().expect("loom's locks are not poisoned"))
        }

        pub(crate) fn swap(&self, world: Arc<World>) -> Arc<World> {
            std::mem::replace(&mut *self.0.lock().expect("loom's locks are not poisoned"), world)
        }
    }

    /// As `arc_swap::Cache`, without its speed.
    pub(crate) struct Cache(Arc<WorldCell>, Arc<World>);

    impl Cache {
        pub(crate) fn new(cell: Arc<WorldCell>) -> Self {
            let world = cell.pointer().load_full();
            Self(cell, world)
        }

        pub(crate) fn load(&mut self) -> &Arc<World> {
            self.1 = self.0.pointer().load_full();
            &self.1
        }
    }
}

pub(crate) use real::{Cache, Guard, Pointer};
