/** What was learned and waits for a person: j and k move, a approves, d disables. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type KeyboardEvent, type ReactNode } from "react";
import { api, body, type Schemas } from "../../api/client";
import { ActionButton } from "../../parts/ActionButton";
import { Badge, DocumentLink, Empty, Failure, Loaded } from "../../parts/basic";

type Pattern = Schemas["PatternItem"];
type Decision = { id: string; is: "approve" | "disable" };

export function Pending(): ReactNode {
  const list = useQuery({
    queryKey: ["patterns", "pending"],
    queryFn: () => body(api.GET("/api/v1/patterns", { params: { query: { status: "pending", limit: 500 } } })),
  });
  return (
    <Loaded of={list} what="What is pending">
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="Nothing waits for a decision">
            <p>
              An answer of an LLM becomes a pattern. Where a profile asks for a person’s approval (<code>learning/PROFILE</code>), it waits here first.
            </p>
          </Empty>
        ) : (
          <Queue items={items} />
        )
      }
    </Loaded>
  );
}

function Queue({ items }: { items: readonly Pattern[] }): ReactNode {
  const [at, setAt] = useState(0);
  const chosen = Math.min(at, items.length - 1);
  const decide = useMutation({
    mutationFn: ({ id, is }: Decision) =>
      is === "approve"
        ? body(api.POST("/api/v1/patterns/{id}/approve", { params: { path: { id } } }))
        : body(api.POST("/api/v1/patterns/{id}/disable", { params: { path: { id } } })),
  });
  function onKey(event: KeyboardEvent): void {
    const id = items[chosen]?.id;
    if (event.key === "j" || event.key === "ArrowDown") setAt(Math.min(chosen + 1, items.length - 1));
    else if (event.key === "k" || event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
    else if (event.key === "a" && id !== undefined && !decide.isPending) decide.mutate({ id, is: "approve" });
    else if (event.key === "d" && id !== undefined && !decide.isPending) decide.mutate({ id, is: "disable" });
    else return;
    event.preventDefault();
  }
  return (
    <div className="stack">
      <p className="soft small">
        <kbd>j</kbd> <kbd>k</kbd> move · <kbd>a</kbd> approve · <kbd>d</kbd> disable
      </p>
      {decide.error !== null && <Failure error={decide.error} what="The pattern was not changed" />}
      <ul className="card flush list" role="listbox" aria-label="Pending patterns" tabIndex={0} onKeyDown={onKey} aria-activedescendant={`pending-${items[chosen]?.id ?? ""}`}>
        {items.map((it, index) => (
          <li key={it.id} id={`pending-${it.id}`} role="option" aria-selected={index === chosen} className="pending" onClick={() => setAt(index)}>
            <span>
              <code>{it.pattern}</code> <span className="soft">→</span> <strong>{it.category}</strong>
              <span className="soft small block">
                {it.match} · {Math.round(it.confidence * 100)} % · by {it.created_by} · used {it.times_used} times
              </span>
            </span>
            <Badge tone="warn">{it.status}</Badge>
          </li>
        ))}
      </ul>
      <div className="row">
        <ActionButton needs="edit" className="primary" disabled={decide.isPending} onClick={() => decide.mutate({ id: items[chosen]?.id ?? "", is: "approve" })}>
          Approve
        </ActionButton>
        <ActionButton needs="edit" disabled={decide.isPending} onClick={() => decide.mutate({ id: items[chosen]?.id ?? "", is: "disable" })}>
          Disable
        </ActionButton>
        <DocumentLink kind="patterns" name={items[chosen]?.id ?? ""} />
      </div>
    </div>
  );
}
