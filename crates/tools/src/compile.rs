//! Compiles changes into the next snapshot. Cost follows the changes.

use std::sync::{Arc, OnceLock};

use imbl::OrdMap;
use midflight_core::{DocumentId, DocumentName, JsonPointer, KindName, Problem, Problems};
use midflight_engine::{KindChange, Work};

use crate::document::{ParsedToolDocument, ToolDocumentName, ToolsDocument, named};
use crate::snapshot::{ToolsByName, ToolsSnapshot};
use crate::tool::Tool;

/// The code of the problem that another tool has a name already.
pub const DUPLICATE_TOOL: &str = "duplicate_tool";

/// How many tools are added to the search between two looks at the bounds of the work.
const SEARCH_PART: usize = 512;

/// The kind's name.
#[expect(clippy::expect_used, reason = "the literal is a name, and a test says so")]
pub(crate) fn kind_name() -> KindName {
    KindName::new("tools").expect("tools is a kind's name")
}

/// Makes the next snapshot.
///
/// # Errors
/// Every problem, each naming its document.
pub(crate) fn compile(
    previous: &ToolsSnapshot,
    changes: Vec<KindChange<ToolsDocument>>,
    work: &Work,
) -> Result<ToolsSnapshot, Problems> {
    let mut next = ToolsSnapshot { digest: OnceLock::new(), ..previous.clone() };
    let mut problems = Problems::default();
    // What changes goes first, so that two tools can exchange their names in one edit.
    for change in &changes {
        work.check()?;
        match named(&change.name) {
            Ok(ToolDocumentName::Tool(id)) => next.remove(id),
            Ok(ToolDocumentName::Settings) => next.settings = Arc::default(),
            Ok(ToolDocumentName::Corrections(tool)) => drop(next.corrections.remove(tool)),
            Err(problem) => problems.add(problem.in_document(&document_id(&change.name))),
        }
    }
    let mut put = Vec::new();
    for KindChange { name, document } in changes {
        work.check()?;
        match (document.map(|document| document.0), named(&name)) {
            (Some(ParsedToolDocument::Tool(tool)), _) => match next.put(&tool) {
                Ok(()) => put.push(tool),
                Err(refused) => problems.append(refused.in_document(&document_id(&name))),
            },
            (Some(ParsedToolDocument::Settings(settings)), _) => next.settings = settings,
            (Some(ParsedToolDocument::Corrections(corrections)), Ok(ToolDocumentName::Corrections(tool))) => {
                next.corrections.insert(tool.into(), corrections);
            }
            _ => {}
        }
    }
    for part in put.chunks(SEARCH_PART) {
        work.check()?;
        next.search.insert_all(part);
    }
    problems.or(next)
}

fn document_id(name: &DocumentName) -> DocumentId {
    DocumentId { kind: kind_name(), name: name.clone() }
}

impl ToolsSnapshot {
    fn remove(&mut self, id: &str) {
        let Some(tool) = self.tools.remove(id) else { return };
        self.by_tool_name.remove(&*tool.tool_name);
        self.by_mcp_name.remove(&*tool.mcp_name);
        for capability in &tool.capabilities {
            take(&mut self.by_capability, &capability.name, &tool.tool_name);
        }
        tool.platform.iter().for_each(|it| take(&mut self.by_platform, it, &tool.tool_name));
        tool.category.iter().for_each(|it| take(&mut self.by_category, it, &tool.tool_name));
        self.search.remove(id);
        self.patterns -= tool.pattern_count();
        self.offered -= usize::from(tool.is_offered());
    }

    /// Puts a tool into every index but that of the search, which takes many at once.
    fn put(&mut self, tool: &Arc<Tool>) -> Result<(), Problems> {
        self.check_names(tool)?;
        for capability in &tool.capabilities {
            add(&mut self.by_capability, &capability.name, tool);
        }
        tool.platform.iter().for_each(|it| add(&mut self.by_platform, it, tool));
        tool.category.iter().for_each(|it| add(&mut self.by_category, it, tool));
        self.patterns += tool.pattern_count();
        self.offered += usize::from(tool.is_offered());
        self.by_tool_name.insert(Arc::clone(&tool.tool_name), Arc::clone(tool));
        self.by_mcp_name.insert(Arc::clone(&tool.mcp_name), Arc::clone(tool));
        self.tools.insert(Arc::clone(&tool.id), Arc::clone(tool));
        Ok(())
    }

    /// Refuses a tool whose name another one has.
    fn check_names(&self, tool: &Tool) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let mut refuse = |key: &str, other: &Tool, message: String| {
            let stated = tool.body.get(key).map_or_else(JsonPointer::root, |_| JsonPointer::root().key(key));
            let problem = Problem::new(DUPLICATE_TOOL, stated, message);
            problems.add(match DocumentName::new(&other.id) {
                Ok(name) => problem.because_of(document_id(&name)),
                Err(_) => problem,
            });
        };
        if let Some(other) = self.by_tool_name.get(&*tool.tool_name) {
            let message = format!(
                "the tool_name {:?} is used by the document {:?}; rename one of them, or delete {:?} in the same edit",
                tool.tool_name, other.id, other.id
            );
            refuse("tool_name", other, message);
        } else if let Some(other) = self.by_mcp_name.get(&*tool.mcp_name) {
            let message = format!(
                "the mcp_name {:?} is used by the document {:?}; set another mcp_name in one of them",
                tool.mcp_name, other.id
            );
            refuse("mcp_name", other, message);
        }
        problems.or(())
    }
}

fn add(index: &mut OrdMap<Arc<str>, ToolsByName>, key: &Arc<str>, tool: &Arc<Tool>) {
    let tools = index.entry(Arc::clone(key)).or_default();
    tools.insert(Arc::clone(&tool.tool_name), Arc::clone(tool));
}

fn take(index: &mut OrdMap<Arc<str>, ToolsByName>, key: &Arc<str>, tool_name: &str) {
    if let Some(tools) = index.get_mut(key) {
        tools.remove(tool_name);
        if tools.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{edit, snapshot};
    use serde_json::{Value, json};

    fn body(tool_name: &str) -> Value {
        json!({"tool_name": tool_name, "description": "d", "platform": "linux", "category": "system", "capabilities": {
            "c": {"patterns": {"p": {"time_estimate_ms": 1, "cost_estimate": 1}}}}})
    }

    #[test]
    fn the_name_of_the_kind_is_one() {
        assert_eq!(kind_name().as_str(), "tools");
    }

    #[test]
    fn two_tools_of_one_name_are_refused_and_the_problem_names_the_other() {
        let before = snapshot(&[("a", body("grep"))]);
        let problems = edit(&before, &[("b", body("grep"))]).unwrap_err();
        let problem = problems.iter().next().unwrap();
        assert_eq!(
            problem.to_string(),
            "tools/b at /tool_name: the tool_name \"grep\" is used by the document \"a\"; rename one of them, or delete \"a\" \
             in the same edit"
        );
        assert_eq!(problem.because_of.as_ref().unwrap().to_string(), "tools/a");
        let problems =
            edit(&before, &[("gr.ep", body("gr ep")), ("gr_ep", json!({"description": "d"}))]).unwrap_err();
        assert_eq!(problems.count(), 1);
        assert!(
            problems.to_string().contains("the mcp_name \"gr_ep\" is used by the document \"gr.ep\""),
            "{problems}"
        );
        // Two tools exchange their names, and one takes the name of one that goes, each in one edit.
        let two = snapshot(&[("a", body("grep")), ("b", body("find"))]);
        let exchanged = edit(&two, &[("a", body("find")), ("b", body("grep"))]).unwrap();
        assert_eq!(exchanged.by_tool_name("grep").unwrap().id(), "b");
        assert_eq!(edit(&two, &[("a", Value::Null), ("c", body("grep"))]).unwrap().tool_count(), 2);
    }

    #[test]
    fn every_index_forgets_deleted_documents() {
        let one = snapshot(&[("a", body("grep"))]);
        assert_eq!((one.pattern_count(), one.offered_count(), one.search("grep", 5).len()), (1, 1, 1));
        let removed = edit(&one, &[("a", Value::Null), ("b", Value::Null)]).unwrap();
        assert_eq!((removed.tool_count(), removed.pattern_count(), removed.offered_count()), (0, 0, 0));
        let indexes = removed.capabilities().chain(removed.platforms()).chain(removed.categories()).count();
        assert_eq!((indexes, removed.search("grep", 5).len()), (0, 0));
        // The snapshot before is as it was.
        assert_eq!(one.with_capability("c").count(), 1);
    }

    #[test]
    fn one_changed_tool_shares_the_others() {
        let before = snapshot(&[("a", body("grep")), ("b", body("find"))]);
        let mut changed = body("grep");
        changed["enabled"] = json!(false);
        let after = edit(&before, &[("a", changed)]).unwrap();
        assert!(Arc::ptr_eq(before.tool("b").unwrap(), after.tool("b").unwrap()));
        assert_eq!((after.offered_count(), after.offered(None).count()), (1, 1));
        assert_ne!(before.digest(), after.digest());
        assert_eq!(after.digest(), crate::catalogue_digest([after.tool("b").unwrap().digest()]));
    }

    #[test]
    fn settings_and_corrections_come_and_go() {
        let correction = json!({"c/p": {"time_factor": 2}});
        let with =
            snapshot(&[("settings/selection", json!({"ambiguity_gap": 0.5})), ("corrections/a", correction)]);
        assert_eq!((with.settings().ambiguity_gap(), with.correction("a", "c", "p").time_factor), (0.5, 2.0));
        let without =
            edit(&with, &[("settings/selection", Value::Null), ("corrections/a", Value::Null)]).unwrap();
        assert_eq!(
            (without.settings().ambiguity_gap(), without.correction("a", "c", "p").time_factor),
            (0.08, 1.0)
        );
    }
}
