/** The kind `modules`: what each runs, how it is, and what it was asked. */

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { api, body, type Schemas } from "../../api/client";
import { Badge, Empty, Loaded, PageHead } from "../../parts/basic";
import { count, duration } from "../../parts/format";
import { toneOf, words } from "../../parts/tone";
import { Module } from "./Module";

/** So many modules are listed; a server runs fewer. */
const LISTED_MAX = 500;

export default function Modules({ name }: { name: string | undefined }): ReactNode {
  if (name !== undefined && name !== "") return <Module key={name} name={name} />;
  return <AllModules />;
}

function AllModules(): ReactNode {
  const list = useQuery({ queryKey: ["modules"], queryFn: () => body(api.GET("/api/v1/modules", { params: { query: { limit: LISTED_MAX } } })) });
  return (
    <>
      <PageHead title="Modules">Code with state that is replaced while it answers: no message is lost, none is answered twice.</PageHead>
      <Loaded of={list} what="The modules">
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="There is no module yet">
              <p>
                Load one from a terminal: <code>midflight module load examples/modules/counter.wat</code>. Its manifest is a document of the kind modules, with a
                history like any other.
              </p>
            </Empty>
          ) : (
            <div className="card scroll-x" tabIndex={0} role="region" aria-label="Modules">
              <table>
                <thead>
                  <tr>
                    <th>Module</th>
                    <th>State</th>
                    <th>Version</th>
                    <th className="num">Generation</th>
                    <th className="num">Queue</th>
                    <th className="num">Answered</th>
                    <th className="num">Traps</th>
                    <th className="num">Reloads</th>
                    <th className="num">Longest pause</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((it) => (
                    <Row key={it.name} module={it} />
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Loaded>
    </>
  );
}

function Row({ module: it }: { module: Schemas["ModuleItem"] }): ReactNode {
  return (
    <tr>
      <td>
        <Link className="mono" href={`/ui/modules/${it.name}`}>
          {it.name}
        </Link>
      </td>
      <td>
        <Badge tone={toneOf(it.state)}>{words(it.state)}</Badge>
        {it.why != null && <span className="soft small block">{it.why}</span>}
      </td>
      <td>{it.version ?? "–"}</td>
      <td className="num">{it.generation ?? "–"}</td>
      <td className="num">{count(it.queue)}</td>
      <td className="num">{count(it.counters.answered)}</td>
      <td className="num">{count(it.counters.traps)}</td>
      <td className="num">{count(it.counters.reloads)}</td>
      <td className="num">{it.counters.reloads === 0 ? "–" : duration(it.counters.pause_us_max / 1000)}</td>
    </tr>
  );
}
