/** What each replica said of a revision. */

import type { ReactNode } from "react";
import type { Schemas } from "../../api/client";
import { Badge } from "../../parts/basic";

export function Acks({ answer }: { answer: Schemas["WriteAnswer"] }): ReactNode {
  const acks = answer.acks ?? [];
  const silent = answer.silent ?? [];
  if (acks.length === 0 && silent.length === 0) return null;
  return (
    <ul className="stack tight" aria-label="Replicas">
      {acks.map((ack) => (
        <li key={ack.replica_id} className="row">
          <Badge tone={ack.ack ? "good" : "bad"}>{ack.ack ? "acknowledged" : "refused"}</Badge>
          <span className="mono">{ack.replica_id}</span>
          {ack.reason != null && <span>{ack.reason}</span>}
        </li>
      ))}
      {silent.map((it) => (
        <li key={it.replica_id} className="row">
          <Badge tone="warn">no answer</Badge>
          <span className="mono">{it.replica_id}</span>
        </li>
      ))}
    </ul>
  );
}
