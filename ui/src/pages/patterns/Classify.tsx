/** One query classified by what is live, and why it came out so. */

import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent, type ReactNode } from "react";
import { Link } from "wouter";
import { api, body, type Schemas } from "../../api/client";
import { Badge, Card, Empty, Failure } from "../../parts/basic";
import { duration } from "../../parts/format";

const SOURCES: Record<string, string> = {
  pattern: "a pattern that a person wrote",
  learned: "a pattern that was learned",
  llm: "the LLM: no pattern matched",
  none: "nothing: no pattern matched, and no LLM answered",
};

export function Classify(): ReactNode {
  const [query, setQuery] = useState("");
  const classify = useMutation({ mutationFn: (asked: string) => body(api.POST("/api/v1/patterns/classify", { body: { query: asked } })) });
  function submit(event: SubmitEvent): void {
    event.preventDefault();
    if (query.trim() !== "") classify.mutate(query);
  }
  return (
    <div className="stack">
      <form className="row nowrap-row" onSubmit={submit} role="search">
        <input className="input" aria-label="Query" value={query} onChange={(event) => setQuery(event.target.value)} placeholder="where is my order" />
        <button className="button primary" disabled={query.trim() === "" || classify.isPending}>
          Classify
        </button>
      </form>
      {classify.error !== null && <Failure error={classify.error} what="It could not be classified" />}
      {classify.data === undefined ? (
        <Empty title="Write a query as a user would">
          <p>The answer names the pattern that matched and the text it matched by. If an LLM is configured and no pattern matches, it is asked, as for a user.</p>
        </Empty>
      ) : (
        <Answer answer={classify.data} query={query} />
      )}
    </div>
  );
}

function Answer({ answer, query }: { answer: Schemas["ClassificationAnswer"]; query: string }): ReactNode {
  return (
    <div className="card-grid">
      <Card title="Answer" aside={<span className="soft small">revision {answer.revision} · {duration(answer.time_us / 1000)}</span>}>
        <p className="answer">{answer.category ?? <span className="soft">no category</span>}</p>
        <dl className="figures">
          <div>
            <dt>Confidence</dt>
            <dd>{Math.round(answer.confidence * 100)} %</dd>
          </div>
          <div>
            <dt>Action</dt>
            <dd>{answer.action ?? "–"}</dd>
          </div>
        </dl>
        {answer.direct_response != null && <p className="notice">“{answer.direct_response}”</p>}
      </Card>
      <Card title="Why" aside={<Badge tone={answer.source === "none" ? "warn" : "info"}>{answer.source}</Badge>}>
        <ol className="steps">
          <li>
            The query was made comparable: <code>{answer.normalized}</code>
          </li>
          <li>It was answered by {SOURCES[answer.source] ?? answer.source}.</li>
          {answer.matched != null && (
            <li>
              <Link className="mono" href={`/ui/edit/patterns/${answer.matched.id}`}>
                {answer.matched.id}
              </Link>{" "}
              matched by <code>{answer.matched.match}</code> of <code>{answer.matched.key}</code>.
            </li>
          )}
          {answer.why != null && <li>{answer.why}</li>}
        </ol>
        <Feedback key={query} query={query} />
      </Card>
    </div>
  );
}

function Feedback({ query }: { query: string }): ReactNode {
  const send = useMutation({
    mutationFn: (feedback_type: "positive" | "negative") => body(api.POST("/api/v1/patterns/feedback", { body: { query, feedback_type } })),
  });
  if (send.data !== undefined) return <p role="status">Counted for {send.data.matched?.id ?? "no pattern"}.</p>;
  return (
    <>
      <div className="row">
        <span className="soft">Was it right?</span>
        <button className="button" disabled={send.isPending} onClick={() => send.mutate("positive")}>
          Yes
        </button>
        <button className="button" disabled={send.isPending} onClick={() => send.mutate("negative")}>
          No
        </button>
      </div>
      {send.error !== null && <Failure error={send.error} what="It was not counted" />}
    </>
  );
}
