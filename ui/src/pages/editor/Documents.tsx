/** All documents of a kind, and the way to a new one. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef, useState, useSyncExternalStore, type SubmitEvent, type ReactNode } from "react";
import { Link, useLocation, useSearch } from "wouter";
import type { Schemas } from "../../api/client";
import { searchTextOf, useDocuments, useSchemas, useStatus } from "../../api/queries";
import { Badge, Card, Empty, Loaded, PageHead } from "../../parts/basic";
import { plural, short } from "../../parts/format";
import { changed, draft } from "./draft";

const ROW_PX = 33;

export default function Documents(): ReactNode {
  const [, go] = useLocation();
  const kind = new URLSearchParams(useSearch()).get("kind") ?? "rules";
  const [text, setText] = useState("");
  const status = useStatus();
  const documents = useDocuments(kind);
  const open = changed(useSyncExternalStore(draft.subscribe, draft.snapshot));
  const kinds = status.data?.kinds.map((it) => it.kind).filter((it) => it !== "schedules") ?? [kind];
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (
    <>
      <PageHead title="Editor">Choose a document. Several can be changed and saved as one revision.</PageHead>
      <div className="stack">
        {open.length > 0 && (
          <Card title={`Your draft: ${plural(open.length, "document")}`}>
            <ul className="row">
              {open.map((it) => (
                <li key={`${it.kind}/${it.name}`}>
                  <Link className="badge info" href={`/ui/edit/${it.kind}/${it.name}`}>
                    {it.kind}/{it.name}
                  </Link>
                </li>
              ))}
            </ul>
          </Card>
        )}
        <div className="filters">
          <label className="field">
            <span className="label">Kind</span>
            <select className="input" value={kind} onChange={(event) => go(`/ui/edit?kind=${event.target.value}`)}>
              {kinds.map((it) => (
                <option key={it}>{it}</option>
              ))}
            </select>
          </label>
          <label className="field">
            <span className="label">Filter by name or text</span>
            <input className="input" value={text} onChange={(event) => setText(event.target.value)} />
          </label>
          <NewDocument kind={kind} />
        </div>
        <Loaded of={documents} what="The documents" lines={10}>
          {(all) => {
            const shown = all.filter((it) => {
              const text = searchTextOf(it);
              return words.every((word) => text.includes(word));
            });
            if (shown.length === 0) {
              return (
                <Empty title={all.length === 0 ? `There is no document of ${kind} yet` : "No document has these words"}>
                  {all.length === 0 && (
                    <p>
                      Write a name above to make the first one, or send files with <code>midflight apply -f FOLDER</code>.
                    </p>
                  )}
                </Empty>
              );
            }
            return <List documents={shown} />;
          }}
        </Loaded>
      </div>
    </>
  );
}

function List({ documents }: { documents: readonly Schemas["DocumentAnswer"][] }): ReactNode {
  const viewport = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: documents.length, getScrollElement: () => viewport.current, estimateSize: () => ROW_PX, overscan: 12 });
  return (
    <div className="viewport" ref={viewport} tabIndex={0} role="region" aria-label="Documents">
      <div className="window" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((item) => {
          const document = documents[item.index];
          if (document === undefined) return null;
          return (
            <Link
              key={item.key}
              className="list-link virtual document-row"
              style={{ transform: `translateY(${item.start}px)`, height: ROW_PX }}
              href={`/ui/edit/${document.kind}/${document.name}`}
            >
              <span className="mono">{document.name}</span>
              {document.owner != null && <Badge>{document.owner}</Badge>}
              <span className="soft small mono">{short(document.body, 140)}</span>
              <span className="soft small num">r{document.revision}</span>
            </Link>
          );
        })}
      </div>
    </div>
  );
}

function NewDocument({ kind }: { kind: string }): ReactNode {
  const [name, setName] = useState("");
  const [, go] = useLocation();
  const schemas = useSchemas();
  const forms = schemas.data?.items.filter((it) => it.kind === kind) ?? [];
  function submit(event: SubmitEvent): void {
    event.preventDefault();
    if (name.trim() !== "") go(`/ui/edit/${kind}/${name.trim()}`);
  }
  return (
    <form className="field" onSubmit={submit}>
      <label className="label" htmlFor="new-name">
        New document
      </label>
      <span className="row nowrap-row">
        <input
          id="new-name"
          className="input mono"
          value={name}
          onChange={(event) => setName(event.target.value)}
          placeholder={forms.map((it) => it.names).join("  ")}
          title={forms.map((it) => `${it.title}: ${it.names}`).join("\n")}
        />
        <button className="button" disabled={name.trim() === ""}>
          Create
        </button>
      </span>
    </form>
  );
}
