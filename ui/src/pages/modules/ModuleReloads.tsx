/** The last reloads of a module: the phases of each on a line, its pause, and what it took over. */

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, body, type Schemas } from "../../api/client";
import { Badge, Card, Empty, Loaded, Time } from "../../parts/basic";
import { bytes, count, duration, plural } from "../../parts/format";
import { PhaseBar } from "../../parts/PhaseBar";
import { toneOf, words } from "../../parts/tone";

type Reload = Schemas["ModuleReloadItem"];

/** Up to here the old version answers. */
const BEFORE = new Set(["prepare"]);

export function ModuleReloads({ name }: { name: string }): ReactNode {
  const reloads = useQuery({
    queryKey: ["module", name, "reloads"],
    queryFn: () => body(api.GET("/api/v1/modules/{name}/reloads", { params: { path: { name }, query: { limit: 50 } } })),
  });
  return (
    <Card title="Reloads" aside={<span className="small soft">since this replica started</span>}>
      <Loaded of={reloads} what="The reloads">
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="It was not reloaded since this replica started">
              <p>
                <code>midflight module load FILE</code> loads the next version; <em>Reload…</em> loads the served one again.
              </p>
            </Empty>
          ) : (
            <ul className="stack">
              {items.map((it) => (
                <OneReload key={`${it.at} ${it.generation ?? ""}`} reload={it} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}

function OneReload({ reload: it }: { reload: Reload }): ReactNode {
  return (
    <li className="reload">
      <div className="row">
        <Badge tone={toneOf(it.status)}>{words(it.status)}</Badge>
        <span>{versionsOf(it)}</span>
        {it.generation != null && <span className="soft">generation {it.generation}</span>}
        <span className="grow" />
        <Time at={it.at} />
      </div>
      <PhaseBar phases={it.phases.map(({ phase, us }) => ({ phase, ms: us / 1000, side: BEFORE.has(phase) ? "before" : "pause" }))} />
      <p className="small soft">
        paused {duration(it.pause_us / 1000)} · {plural(it.held, "message")} held · state {bytes(it.state_bytes)}
        {it.pre_copy != null && `, ${bytes(it.pre_copy.pause_bytes)} copied in the pause`}
        {it.migrated_from != null && ` · migrated from schema ${it.migrated_from} in ${plural(it.steps, "step")}`}
        {it.undone > 0 && ` · ${count(it.undone)} acknowledged messages undone`}
      </p>
      {it.failed_phase != null && (
        <p className="notice bad">
          Failed in {it.failed_phase}: {it.message ?? it.code ?? "no reason was given"}
        </p>
      )}
      {it.pre_copy?.fallback != null && <p className="notice warn">The whole state was loaded in the pause: {it.pre_copy.fallback}</p>}
      {it.reason != null && <p className="small">{it.reason}</p>}
    </li>
  );
}

function versionsOf({ from_version, to_version }: Reload): string {
  if (to_version == null) return `${from_version ?? "nothing"} stayed`;
  if (from_version == null) return `first start of ${to_version}`;
  return from_version === to_version ? to_version : `${from_version} → ${to_version}`;
}
