//! The kind `rules`, as the engine knows it.

use std::sync::Arc;

use midflight_core::{DocumentName, JsonPointer, KindName, Problem, Problems};
use midflight_engine::{DocumentSchema, Kind, KindChange, Work};
use serde_json::{Value, json};

use crate::compile::{compile, kind_name};
use crate::document::{RulesDocument, read};
use crate::request::ExecuteRequest;
use crate::schema::schemas;
use crate::snapshot::RulesSnapshot;

/// The kind `rules`: documents `{ruleset}`, `{ruleset}/{rule_id}` and `conditions/{condition_id}`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules;

impl Kind for Rules {
    type Document = RulesDocument;
    type Snapshot = RulesSnapshot;

    fn name(&self) -> KindName {
        kind_name()
    }

    fn empty(&self) -> RulesSnapshot {
        RulesSnapshot::default()
    }

    fn validate(
        &self,
        name: &DocumentName,
        body: &Arc<Value>,
        work: &Work,
    ) -> Result<RulesDocument, Problems> {
        work.check()?;
        let document = read(name, body)?;
        work.charge(document.bytes())?;
        Ok(document)
    }

    fn compile(
        &self,
        previous: &RulesSnapshot,
        changes: Vec<KindChange<RulesDocument>>,
        work: &Work,
    ) -> Result<RulesSnapshot, Problems> {
        compile(previous, changes, work)
    }

    /// Takes `{ruleset?, data, rule_ids?}`.
    fn answer(&self, snapshot: &RulesSnapshot, input: &Value) -> Result<Value, Problem> {
        let bad =
            |key: &str, message: &str| Problem::new("wrong_type", JsonPointer::root().key(key), message);
        let missing =
            || Problem::new("missing_field", JsonPointer::root(), "write data: the input, an object");
        let known = ["ruleset", "data", "rule_ids"];
        if let Some(key) =
            input.as_object().and_then(|input| input.keys().find(|key| !known.contains(&key.as_str())))
        {
            let message = format!("an input has no field {key:?}; it has ruleset, data and rule_ids");
            return Err(Problem::new("unknown_field", JsonPointer::root().key(key), message));
        }
        let data = input.get("data").ok_or_else(missing)?;
        let ruleset = match input.get("ruleset") {
            None | Some(Value::Null) => None,
            Some(Value::String(ruleset)) => Some(ruleset.as_str()),
            Some(_) => return Err(bad("ruleset", "ruleset is the id of a ruleset, a string")),
        };
        let rule_ids: Option<Vec<String>> = match input.get("rule_ids") {
            None | Some(Value::Null) => None,
            Some(Value::Array(ids)) => {
                let ids = ids.iter().map(|id| id.as_str().map(str::to_owned)).collect::<Option<_>>();
                Some(ids.ok_or_else(|| bad("rule_ids", "rule_ids is an array of strings"))?)
            }
            Some(_) => return Err(bad("rule_ids", "rule_ids is an array of strings")),
        };
        let request = ExecuteRequest { ruleset, data, rule_ids: rule_ids.as_deref(), explain: false };
        let answer = snapshot.execute(&request).map_err(|error| error.to_problem())?;
        Ok(json!({
            "total_points": answer.total_points,
            "pattern_result": answer.pattern_result,
            "action_recommendation": answer.action_recommendation,
            "rules_executed": answer.rules_executed,
            "rules_matched": answer.matched.len(),
            "matched": answer.matched,
        }))
    }

    fn schemas(&self) -> Vec<DocumentSchema> {
        schemas()
    }

    fn figures(&self, snapshot: &RulesSnapshot) -> Vec<(&'static str, u64)> {
        vec![
            ("rules", snapshot.rule_count() as u64),
            ("rulesets", snapshot.ruleset_count() as u64),
            ("conditions", snapshot.condition_count() as u64),
        ]
    }
}
