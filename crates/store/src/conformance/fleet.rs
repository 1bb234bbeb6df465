//! What every store must do for the replicas that share it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::number;
use crate::{FleetStore, Replica};

type SharedFleetStore = Arc<dyn FleetStore>;

/// Every caller gets the same key, also when many ask at once for one that is not there yet.
pub async fn the_key_of_hints_is_one_for_all(fleet: SharedFleetStore) {
    let asked: Vec<_> = (0..10)
        .map(|_| {
            let fleet = Arc::clone(&fleet);
            tokio::spawn(async move { fleet.hint_key().await.unwrap() })
        })
        .collect();
    let key = fleet.hint_key().await.unwrap();
    assert_ne!(key, [0; 32]);
    for asked in asked {
        assert_eq!(asked.await.unwrap(), key);
    }
}

/// The last report of a replica is kept until it is too old, or the replica stops.
pub async fn replicas_are_seen_until_they_age(fleet: SharedFleetStore) {
    let replica = |id: &str, applied| Replica {
        id: id.into(),
        address: "http://10.0.0.1:8080".into(),
        labels: [("zone".to_owned(), "a \"b\" \0 ☃".to_owned())].into(),
        version: "0.1.0".into(),
        started_at: Timestamp::from_nanosecond(1_700_000_000_123_456_789).unwrap(),
        applied: number(applied),
        applied_digest: (applied != 6).then(|| midflight_core::Digest::of_bytes(id.as_bytes())),
        diverged: applied == 7,
        refused: vec![(number(3), "rules/a is odd".into()), (number(5), String::new())],
        degraded: (applied == 7).then(|| "the store is away".into()),
        inputs: [("env:\"A\"".to_owned(), midflight_core::Digest::of_bytes(id.as_bytes()))].into(),
    };
    let hour = Duration::from_secs(3600);
    assert!(fleet.replicas(hour).await.unwrap().is_empty());
    for (id, applied) in [("b", 6), ("a", 6), ("b", 7)] {
        fleet.put_replica(&replica(id, applied)).await.unwrap();
    }
    let seen = fleet.replicas(Duration::MAX).await.unwrap();
    assert!(seen.iter().all(|seen| seen.age < hour), "{seen:?}");
    let output: Vec<_> = seen.into_iter().map(|seen| seen.replica).collect();
    assert_eq!(output, [replica("a", 6), replica("b", 7)]);
    fleet.forget_replica("a").await.unwrap();
    fleet.forget_replica("never was").await.unwrap();
    assert_eq!(fleet.replicas(hour).await.unwrap().len(), 1);
    // Time passes by itself; until then it is younger than nothing at all.
    let all_aged = async { while !fleet.replicas(Duration::ZERO).await.unwrap().is_empty() {} };
    tokio::time::timeout(Duration::from_secs(60), all_aged).await.unwrap();
    assert!(fleet.replicas(hour).await.unwrap().is_empty(), "who was left out is forgotten");
    fleet.put_replica(&replica("b", 8)).await.unwrap();
    assert_eq!(fleet.replicas(hour).await.unwrap()[0].replica.applied, number(8));
}

/// A replica leads as long as it has the lead; when it releases the lead, another can take it.
pub async fn one_replica_leads_and_can_lead_again_after_releasing_the_lead(fleet: SharedFleetStore) {
    for _ in 0..3 {
        // A released lead is free once the log has noticed it.
        let again = async {
            loop {
                if let Some(lead) = fleet.lead().await.unwrap() {
                    return lead;
                }
            }
        };
        let mut lead = tokio::time::timeout(Duration::from_secs(60), again).await.unwrap();
        assert!(lead.holds().await && lead.holds().await);
    }
}
