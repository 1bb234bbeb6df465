//! Replicas: kept as JSON of a versioned shape of their own, so that binaries of two versions can read each other.

use std::collections::BTreeMap;
use std::time::Duration;

use midflight_core::RevisionNumber;
use serde_json::{Value, json};

use super::{Columns, corrupt, number};
use crate::{Replica, SeenReplica, StoreError};

/// The version of the shape below.
const SHAPE: u64 = 1;

/// The report of a replica, without its id, which has a column of its own.
pub(crate) fn to_json(replica: &Replica) -> Value {
    let refused = |(number, why): &(RevisionNumber, String)| json!([number.get(), why]);
    json!({
        "shape": SHAPE,
        "address": replica.address,
        "labels": replica.labels,
        "version": replica.version,
        "started_at": replica.started_at.to_string(),
        "applied": replica.applied.get(),
        "applied_digest": replica.applied_digest.map(|digest| digest.to_string()),
        "diverged": replica.diverged,
        "refused": replica.refused.iter().map(refused).collect::<Vec<_>>(),
        "degraded": replica.degraded,
        "inputs": replica.inputs.iter().map(|(name, digest)| (name, digest.to_string())).collect::<BTreeMap<_, _>>(),
    })
}

/// None for what is not of this shape. A newer form keeps these words, or the fleet could not be watched while its
/// binaries are replaced one by one; so the number is for readers that must distinguish them.
fn from_json(id: String, output: &Value) -> Option<Replica> {
    output["shape"].as_u64()?;
    let label = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    let input = |(name, digest): (&String, &Value)| Some((name.clone(), digest.as_str()?.parse().ok()?));
    let refused = |pair: &Value| Some((RevisionNumber::new(pair[0].as_u64()?), pair[1].as_str()?.to_owned()));
    Some(Replica {
        id,
        address: output["address"].as_str()?.to_owned(),
        labels: output["labels"].as_object()?.iter().map(label).collect::<Option<_>>()?,
        version: output["version"].as_str()?.to_owned(),
        started_at: output["started_at"].as_str()?.parse().ok()?,
        applied: RevisionNumber::new(output["applied"].as_u64()?),
        applied_digest: output["applied_digest"].as_str().map(str::parse).transpose().ok()?,
        diverged: output["diverged"].as_bool().unwrap_or(false),
        refused: output["refused"].as_array()?.iter().map(refused).collect::<Option<_>>()?,
        degraded: output["degraded"].as_str().map(str::to_owned),
        // An earlier version has none.
        inputs: output["inputs"].as_object().into_iter().flatten().map(input).collect::<Option<_>>()?,
    })
}

/// A row with the columns `id`, `output` and `age_us`.
pub(crate) fn seen(row: &impl Columns) -> Result<SeenReplica, StoreError> {
    let id = row.text("id")?;
    let output = serde_json::from_str(&row.text("said")?).ok();
    let replica = output.and_then(|output| from_json(id.clone(), &output));
    let replica = replica.ok_or_else(|| corrupt(format_args!("cannot read the report of replica {id:?}")))?;
    // A clock that was set back makes an age that never was.
    let age = Duration::from_micros(number(row.integer("age_us")?.max(0))?);
    Ok(SeenReplica { replica, age })
}

/// A time in microseconds, as the databases count.
pub(crate) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
