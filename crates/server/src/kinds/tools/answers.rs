//! Lists of tools as answers: bounded in bytes before anything is copied, and written one tool at a time, so that no
//! more than one is there beside the text.

use std::sync::Arc;

use axum::response::Response;
use midflight_core::{DocumentId, RevisionNumber};
use midflight_engine::{Interrupted, Work};
use midflight_http::byte_budget::HeldBytes;
use midflight_http::kind::{Members, members_of};
use midflight_http::long_answer::json;
use midflight_http::params::document;
use midflight_http::problem::ApiError;
use midflight_store::Authorship;
use midflight_tools::Tool;
use midflight_wire::tools::ToolAnswer;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::app::ToolsApp;
use super::authors::authors;
use super::compute::charge;
use super::names::KIND;
use super::wire::tool_answer;

/// What the answer of a tool has beside its texts and its objects, in bytes.
const ENTRY_BYTES: u64 = 512;

/// Tools that were found for an answer.
#[derive(Debug, Default)]
pub(super) struct FoundList {
    tools: Vec<Arc<Tool>>,
    /// About how long their answers are, in bytes.
    bytes: u64,
}

impl FoundList {
    /// Adds a tool, with more bytes than its own answer has.
    ///
    /// # Errors
    /// When the work has no memory left for its answer.
    pub(super) fn add(&mut self, tool: &Arc<Tool>, more: u64, work: &Work) -> Result<(), Interrupted> {
        let own = ENTRY_BYTES + tool.description().len() as u64 + more;
        work.charge(own)?;
        self.bytes += own;
        for value in ["defaults", "dependencies", "metadata"].iter().filter_map(|key| tool.body().get(*key)) {
            self.bytes += charge(work, value)?;
        }
        self.tools.push(Arc::clone(tool));
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.tools.len()
    }

    /// Answers with them, each as `item` makes it of the tool, its answer and its place. They are the member `list` of
    /// `answer`, which has that empty.
    ///
    /// # Errors
    /// When the log answers otherwise than it should.
    pub(super) async fn answer<A, I, F>(
        self,
        (app, room): (&ToolsApp, HeldBytes),
        revision: RevisionNumber,
        (answer, list): (A, &'static str),
        item: F,
    ) -> Result<Response, ApiError>
    where
        A: Serialize,
        I: Serialize,
        F: Fn(&Tool, ToolAnswer, usize) -> I + Send + 'static,
    {
        let Self { tools, bytes } = self;
        let ids: Vec<DocumentId> =
            tools.iter().map(|tool| document(KIND, tool.id())).collect::<Result<_, _>>()?;
        let authors = authors(app, &ids, revision).await?;
        let members = members_of(&answer)?;
        json(bytes, room, move || WrittenList { members, list, tools, authors, item }).await
    }
}

/// An answer whose tools are made while it is written.
struct WrittenList<F> {
    members: Members,
    /// The member that has the tools.
    list: &'static str,
    tools: Vec<Arc<Tool>>,
    authors: Vec<Option<Authorship>>,
    item: F,
}

impl<I: Serialize, F: Fn(&Tool, ToolAnswer, usize) -> I> Serialize for WrittenList<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(self.members.len()))?;
        for (name, value) in &self.members {
            match name == self.list {
                true => members.serialize_entry(name, &WrittenTools(self))?,
                false => members.serialize_entry(name, value)?,
            }
        }
        members.end()
    }
}

/// Its tools.
struct WrittenTools<'l, F>(&'l WrittenList<F>);

impl<I: Serialize, F: Fn(&Tool, ToolAnswer, usize) -> I> Serialize for WrittenTools<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let WrittenList { tools, authors, item, .. } = self.0;
        serializer.collect_seq(tools.iter().zip(authors).enumerate().map(|(place, (tool, authors))| {
            item(tool, tool_answer(tool.id(), tool.body(), authors.as_ref()), place)
        }))
    }
}
