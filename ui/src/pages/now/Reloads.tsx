/** Reloads with their phases on a line: blue before the point of no return, green after it. */

import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { Badge, Empty, Time, type Tone } from "../../parts/basic";
import { duration, plural } from "../../parts/format";
import { PhaseBar, type Phase } from "../../parts/PhaseBar";
import { words } from "../../parts/tone";
import { Problems } from "./Now";

const AFTER = new Set(["swap", "verify", "commit"]);

function sideOf(phase: string): Phase["side"] {
  if (phase === "append") return "point";
  return AFTER.has(phase) ? "after" : "before";
}

export function outcomeTone(outcome: string): Tone {
  if (outcome === "success") return "good";
  if (outcome === "unchanged") return "plain";
  return outcome === "cancelled" ? "warn" : "bad";
}

export function Reloads({ reloads }: { reloads: readonly Schemas["ReloadAnswer"][] }): ReactNode {
  if (reloads.length === 0) return <Empty title="Nothing was reloaded yet" />;
  return (
    <>
      <ul className="legend phases-legend" aria-label="Colours of the phases">
        <li data-side="before">before the append to the log: a failure changes nothing</li>
        <li data-side="point">the append</li>
        <li data-side="after">after it</li>
      </ul>
      <ul className="stack">
        {reloads.map((reload) => (
          <li key={reload.id} className="reload">
            <div className="row">
              <Badge tone={outcomeTone(reload.outcome)}>{words(reload.outcome)}</Badge>
              <span>
                {reload.to !== reload.from ? (
                  <>
                    {reload.from} → <Link href={`/ui/history/${reload.to}`}>{reload.to}</Link>
                  </>
                ) : (
                  <>at {reload.to}</>
                )}
              </span>
              <span className="soft">
                {words(reload.trigger)} by {reload.triggered_by}
              </span>
              <span className="soft small">
                {reload.kinds.join(", ")} · {plural(reload.documents_changed, "document")}
              </span>
              <span className="grow" />
              <span className="num">{duration(reload.took_ms)}</span>
              <Time at={reload.started_at} />
            </div>
            <PhaseBar phases={reload.phases.map(({ phase, took_ms }) => ({ phase, ms: took_ms, side: sideOf(phase) }))} />
            {reload.problems.length > 0 && <Problems items={reload.problems} />}
          </li>
        ))}
      </ul>
    </>
  );
}
