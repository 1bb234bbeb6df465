/** The API: every call of the OpenAPI document, with what it takes, what it answers, and a way to try it. */

import { useQuery } from "@tanstack/react-query";
import { useMemo, useState, type ReactNode } from "react";
import { callJson } from "../../api/client";
import { FIXED } from "../../api/query";
import { Badge, Loaded } from "../../parts/basic";
import { Call } from "./Call";
import { DocsHead } from "./DocsHead";
import { operationsOf, type OpenApi } from "./openapi";
import { Prose } from "./Prose";

export default function Docs(): ReactNode {
  const read = useQuery({ queryKey: [FIXED, "openapi"], queryFn: () => callJson<OpenApi>("/openapi.json"), staleTime: Infinity });
  return (
    <>
      <DocsHead part="api" title="API" aside={<a href="/openapi.json">openapi.json</a>}>
        Every call of this server, to read and to try. Errors are problem documents (RFC 9457).
      </DocsHead>
      <Loaded of={read} what="The OpenAPI document" lines={12}>
        {(document) => <Calls document={document} />}
      </Loaded>
    </>
  );
}

function Calls({ document }: { document: OpenApi }): ReactNode {
  const [text, setText] = useState("");
  const [open, setOpen] = useState<string>();
  const operations = useMemo(() => operationsOf(document), [document]);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = operations.filter((it) => {
    const hay = `${it.method} ${it.path} ${it.operation.summary ?? ""} ${it.tag}`.toLowerCase();
    return words.every((word) => hay.includes(word));
  });
  const tags = [...new Set(shown.map((it) => it.tag))];
  return (
    <div className="stack">
      <input className="input" aria-label="Filter calls" placeholder="Filter: rules execute" value={text} onChange={(event) => setText(event.target.value)} />
      {shown.length === 0 && <p className="soft">No call has these words.</p>}
      {tags.map((tag) => (
        <section key={tag} className="stack tight">
          <h2>{tag}</h2>
          {shown
            .filter((it) => it.tag === tag)
            .map((it) => {
              const id = `${it.method} ${it.path}`;
              return (
                <details key={id} className="doc-diff" open={open === id} onToggle={(event) => event.currentTarget.open && setOpen(id)}>
                  <summary>
                    <Badge tone={it.method === "get" ? "good" : it.method === "delete" ? "bad" : "info"}>{it.method.toUpperCase()}</Badge>
                    <code>{it.path}</code>
                    <span className="soft small">
                      <Prose text={it.operation.summary ?? ""} />
                    </span>
                  </summary>
                  {open === id && <Call document={document} {...it} />}
                </details>
              );
            })}
        </section>
      ))}
    </div>
  );
}
