//! The kind `modules`, as the engine knows it.

use std::collections::BTreeSet;
use std::sync::Arc;

use midflight_core::{
    DocumentId, DocumentName, JsonPath, JsonPointer, KindName, ObjectReader, Problem, Problems,
};
use midflight_engine::{DocumentSchema, Kind, KindChange, Work};
use serde_json::{Value, json};

use crate::manifest::{CodeSource, Manifest};
use crate::migration::{MigrationPlan, migrate};
use crate::schema::schemas;
use crate::snapshot::{ModulesSnapshot, drain_order};

/// The kind `modules`: documents `{module}`, each a manifest.
#[derive(Debug, Clone, Copy, Default)]
pub struct Modules;

/// The kind's name.
#[expect(clippy::expect_used, reason = "the literal is a name, and a test says so")]
pub(crate) fn kind_name() -> KindName {
    KindName::new("modules").expect("modules is a kind's name")
}

impl Kind for Modules {
    type Document = Arc<Manifest>;
    type Snapshot = ModulesSnapshot;

    fn name(&self) -> KindName {
        kind_name()
    }

    fn empty(&self) -> ModulesSnapshot {
        ModulesSnapshot::default()
    }

    fn validate(
        &self,
        name: &DocumentName,
        body: &Arc<Value>,
        work: &Work,
    ) -> Result<Arc<Manifest>, Problems> {
        work.check()?;
        Manifest::read(name, body).map(Arc::new)
    }

    fn compile(
        &self,
        previous: &ModulesSnapshot,
        changes: Vec<KindChange<Arc<Manifest>>>,
        work: &Work,
    ) -> Result<ModulesSnapshot, Problems> {
        let mut next = previous.clone();
        for KindChange { name, document } in changes {
            work.check()?;
            match document {
                Some(manifest) => next.manifests.insert(name, manifest),
                None => next.manifests.remove(&name),
            };
        }
        let mut problems = Problems::default();
        let mut groups = BTreeSet::new();
        for manifest in next.manifests() {
            work.check()?;
            check_names(&next, manifest, &mut problems);
            groups.extend(manifest.group.iter().map(|place| Arc::clone(&place.name)));
        }
        for group in groups {
            work.check()?;
            check_group(&next, &group, &mut problems);
        }
        problems.or(next)
    }

    fn body<'a>(&self, snapshot: &'a ModulesSnapshot, name: &DocumentName) -> Option<&'a Arc<Value>> {
        snapshot.manifest(name).map(|manifest| &manifest.body)
    }

    /// Takes `{"module": NAME}` and gives what the manifest says, or `{"module": NAME, "migrate": {"schema": N,
    /// "state": ...}}` and gives the state as the declarative migrations of that manifest make it.
    fn answer(&self, snapshot: &ModulesSnapshot, input: &Value) -> Result<Value, Problem> {
        let mut problems = Problems::default();
        let answer = answer(snapshot, input, &mut problems);
        let first = problems.iter().next().cloned();
        match (answer, first) {
            (_, Some(problem)) => Err(problem),
            (answer, None) => Ok(answer.unwrap_or(Value::Null)),
        }
    }

    fn schemas(&self) -> Vec<DocumentSchema> {
        schemas()
    }

    fn figures(&self, snapshot: &ModulesSnapshot) -> Vec<(&'static str, u64)> {
        let stateless = snapshot.manifests().filter(|manifest| manifest.is_stateless()).count();
        vec![("modules", snapshot.count() as u64), ("stateless", stateless as u64)]
    }
}

fn document_id(name: &DocumentName) -> DocumentId {
    DocumentId { kind: kind_name(), name: name.clone() }
}

/// Reports the modules that a manifest names and that are not there.
fn check_names(snapshot: &ModulesSnapshot, manifest: &Manifest, problems: &mut Problems) {
    let calls =
        manifest.calls.iter().enumerate().map(|(i, name)| (JsonPointer::root().key("calls").index(i), name));
    let after = manifest.group.iter().flat_map(|place| place.after.iter().enumerate());
    let after = after.map(|(i, name)| (JsonPointer::root().key("group").key("after").index(i), name));
    for (path, name) in calls.chain(after).filter(|(_, name)| snapshot.manifest(name).is_none()) {
        let message = format!(
            "unknown module {:?}; put its manifest in the same edit, or remove it here",
            name.as_str()
        );
        let problem = Problem::new("unknown_module", path, message).because_of(document_id(name));
        problems.add(problem.in_document(&document_id(&manifest.name)));
    }
}

fn check_group(snapshot: &ModulesSnapshot, group: &str, problems: &mut Problems) {
    let members = snapshot.group(group);
    if let Err(cycle) = drain_order(&members) {
        let path = JsonPointer::root().key("group");
        for manifest in
            members.into_iter().filter(|manifest| cycle.0.iter().any(|name| name == manifest.name.as_str()))
        {
            let message = format!("{cycle}; remove one of these from \"calls\" or \"after\"");
            problems.add(
                Problem::new("group_cycle", path.clone(), message).in_document(&document_id(&manifest.name)),
            );
        }
    }
}

fn answer(snapshot: &ModulesSnapshot, input: &Value, problems: &mut Problems) -> Option<Value> {
    let root = JsonPath::Root;
    let mut reader = ObjectReader::open("an input", input, &root, problems)?;
    reader.only(&["module", "migrate"]);
    let name = reader.text("module").and_then(|text| DocumentName::new(text).ok());
    let Some(manifest) = name.and_then(|name| snapshot.manifest(&name)) else {
        reader.missing("module", "the name of a module that is there");
        return None;
    };
    let Some(asked) = reader.get("migrate") else { return Some(summary(manifest)) };
    let place = root.key("migrate");
    let mut reader = ObjectReader::open("a state", asked, &place, problems)?;
    reader.only(&["schema", "state"]);
    let from = reader.integer("schema").and_then(|number| u32::try_from(number).ok());
    let (Some(from), Some(state)) = (from, reader.get("state")) else {
        reader.missing("schema", "the schema of the state, and \"state\": the state");
        return None;
    };
    let plan = MigrationPlan::new(manifest, from, &[manifest.schema]);
    match plan.and_then(|plan| migrate(&plan, state.clone())) {
        Ok(state) => Some(json!({"schema": manifest.schema, "state": state})),
        Err(error) => {
            reader.refuse("state", "migration_failed", error.to_string());
            None
        }
    }
}

fn summary(manifest: &Manifest) -> Value {
    let code = match &manifest.code {
        CodeSource::Component(digest) => format!("sha256:{digest}"),
        CodeSource::Native(name) => format!("native:{name}"),
    };
    let capabilities: Vec<_> = manifest.capabilities.iter().map(|capability| capability.word()).collect();
    json!({
        "module": manifest.name.as_str(),
        "code": code,
        "version": manifest.version,
        "schema": manifest.schema,
        "capabilities": capabilities,
        "digest": manifest.digest.to_string(),
    })
}
