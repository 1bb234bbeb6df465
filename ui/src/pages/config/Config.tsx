/** The kind `config`: every value with where it comes from, what an edit of it takes, and what hides it. */

import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { api, body, type Schemas } from "../../api/client";
import { useStatus } from "../../api/queries";
import { Badge, Card, Loaded, PageHead, type Tone } from "../../parts/basic";
import { duration, short } from "../../parts/format";
import { toneOf, words } from "../../parts/tone";

const TAKES: Record<string, Tone> = { live: "good", restart: "warn", ignored: "plain" };

export default function Config({ name }: { name: string | undefined }): ReactNode {
  const [, go] = useLocation();
  const list = useQuery({ queryKey: ["configs"], queryFn: () => body(api.GET("/api/v1/config", { params: { query: { limit: 500 } } })) });
  return (
    <Loaded of={list} what="The configs">
      {({ items }) => {
        const shown = items.find((it) => it.name === name) ?? items[0];
        return (
          <>
            <PageHead
              title={shown === undefined ? "Config" : shown.name}
              aside={
                shown !== undefined && (
                  <>
                    <label className="row">
                      <span className="soft small">Config</span>
                      <select className="input auto" value={shown.name} onChange={(event) => go(`/ui/config/${encodeURIComponent(event.target.value)}`)}>
                        {items.map((it) => (
                          <option key={it.name}>{it.name}</option>
                        ))}
                      </select>
                    </label>
                    <Link className="button" href={`/ui/edit/config/${shown.name}`}>
                      Edit the document
                    </Link>
                  </>
                )
              }
            >
              {shown?.own === true ? "The config of this server itself." : "What is in force, layer upon layer."}
            </PageHead>
            {shown !== undefined && <Effective name={shown.name} />}
          </>
        );
      }}
    </Loaded>
  );
}

function Effective({ name }: { name: string }): ReactNode {
  const [text, setText] = useState("");
  const [isSetOnly, setSetOnly] = useState(false);
  const status = useStatus();
  const read = useQuery({
    queryKey: ["effective", name],
    queryFn: () => body(api.GET("/api/v1/config/{name}/effective", { params: { path: { name } } })),
  });
  return (
    <div className="stack">
      <Loaded of={read} what="The effective config" lines={10}>
        {(now) => (
          <>
            {now.restart_required.length > 0 && (
              <p className="notice warn">Changed, and in force at the next restart only: {now.restart_required.join(", ")}</p>
            )}
            <Card
              title={`${now.keys.length} values`}
              aside={
                <span className="row">
                  <label className="row small">
                    <input type="checkbox" checked={isSetOnly} onChange={(event) => setSetOnly(event.target.checked)} /> without defaults
                  </label>
                  <input className="input auto" aria-label="Filter values" placeholder="Filter" value={text} onChange={(event) => setText(event.target.value)} />
                </span>
              }
            >
              <Keys
                keys={now.keys.filter((it) => `${it.path} ${it.origin}`.toLowerCase().includes(text.toLowerCase()) && (!isSetOnly || it.origin !== "default"))}
                masked={now.masked}
              />
            </Card>
          </>
        )}
      </Loaded>
      {read.data !== undefined && status.data?.last_reload != null && status.data.last_reload.components.length > 0 && (
        <Card title="Components" aside={<span className="soft small">in the last reload</span>}>
          <table>
            <thead>
              <tr>
                <th>Component</th>
                <th>State</th>
                <th className="num">Took</th>
              </tr>
            </thead>
            <tbody>
              {status.data.last_reload.components.map((it) => (
                <tr key={it.name}>
                  <td>{it.name}</td>
                  <td>
                    <Badge tone={it.state === "replaced" ? "info" : toneOf(it.state)}>{words(it.state)}</Badge>
                  </td>
                  <td className="num">{duration(it.took_ms)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Card>
      )}
    </div>
  );
}

function Keys({ keys, masked }: { keys: readonly Schemas["KeyAnswer"][]; masked: readonly Schemas["MaskedAnswer"][] }): ReactNode {
  const hidden = new Map(masked.map((it) => [it.path, it.by]));
  if (keys.length === 0) return <p className="soft">No value is like this.</p>;
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Values">
      <table>
        <thead>
          <tr>
            <th>Value</th>
            <th>Is</th>
            <th>From</th>
            <th>An edit takes</th>
          </tr>
        </thead>
        <tbody>
          {keys.map((it) => (
            <tr key={it.path}>
              <td className="mono">{it.path}</td>
              <td className="mono">{it.value === null ? <span className="soft">none</span> : short(it.value, 80)}</td>
              <td>
                {it.origin === "default" ? <span className="soft">default</span> : it.origin}
                {hidden.has(it.path) && <Badge tone="warn">hides the document, by {hidden.get(it.path)}</Badge>}
              </td>
              <td>
                <Badge tone={TAKES[it.takes] ?? "plain"}>{it.takes === "live" ? "effect at once" : it.takes === "restart" ? "a restart" : it.takes}</Badge>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
