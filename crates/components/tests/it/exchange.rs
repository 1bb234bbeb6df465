//! What is exchanged inside of something that stays.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use midflight_components::{Exchange, ExchangeFactory, SettingsSource};
use midflight_core::JsonPointer;
use midflight_engine::{Component, Criticality};
use midflight_live::{World, WorldBuilder};

/// Reads by a number that can be exchanged; 13 does not answer.
#[derive(Clone, Default)]
struct Reader(Arc<Mutex<u64>>);

impl Reader {
    fn number(&self) -> u64 {
        *self.0.lock().unwrap()
    }
}

#[async_trait]
impl Exchange for Reader {
    type Settings = u64;
    type Opened = u64;
    const NAME: &'static str = "reader";
    const ORDER: u32 = 1;

    async fn open(&self, number: &u64) -> Result<u64, String> {
        if *number == 13 { Err("no answer by 13".to_owned()) } else { Ok(*number) }
    }

    fn exchange(&self, number: u64) -> u64 {
        std::mem::replace(&mut *self.0.lock().unwrap(), number)
    }

    fn grace(&self, number: &u64) -> Duration {
        Duration::from_millis(*number)
    }
}

#[tokio::test]
async fn a_part_is_opened_beside_exchanged_and_exchanged_back() {
    let world = |number: u64| {
        let mut world = WorldBuilder::new();
        world.add(Arc::new(number));
        world.build()
    };
    let slot = WorldBuilder::new().add(Arc::new(0_u64));
    let read = move |world: &World| world.get::<u64>(slot).copied();
    let place = SettingsSource::new(Vec::new(), JsonPointer::root(), read);
    let reader = Reader(Arc::new(Mutex::new(1)));
    let component: Arc<dyn Component> = Arc::new(ExchangeFactory::component(reader.clone(), place, 1));
    assert_eq!(component.criticality(), Criticality::BestEffort, "a start continues without it");

    let refused = component.prepare(&world(1), &world(13)).await.err().unwrap();
    assert_eq!(refused.to_string(), "at /reader: no answer by 13");
    assert_eq!((component.criticality(), reader.number()), (Criticality::BestEffort, 1));
    assert!(component.prepare(&world(1), &world(1)).await.unwrap().is_none(), "it is in step");
    assert_eq!(component.criticality(), Criticality::Critical);

    drop(component.prepare(&world(1), &world(2)).await.unwrap().unwrap());
    assert_eq!(reader.number(), 1, "what was only prepared is not used");
    let committed = component.prepare(&world(1), &world(2)).await.unwrap().unwrap().commit();
    assert_eq!((reader.number(), committed.grace()), (2, Duration::from_millis(1)));
    committed.rollback();
    assert_eq!(reader.number(), 1);

    // Others do not wait until what was replaced is released.
    let second = component.prepare(&world(1), &world(2)).await.unwrap().unwrap().commit();
    let third = component.prepare(&world(2), &world(3)).await.unwrap().unwrap().commit();
    assert_eq!((reader.number(), third.grace()), (3, Duration::from_millis(2)));
    second.retire().await;
    third.rollback();
    assert_eq!(reader.number(), 2, "the retained part is used again, by the one that stayed");
}
