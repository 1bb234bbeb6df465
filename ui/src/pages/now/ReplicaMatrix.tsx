/** Which replica serves which of the last revisions: one row a replica, one column a revision, the newest first. */

import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { Badge, Time } from "../../parts/basic";
import { duration } from "../../parts/format";

type Replica = Schemas["ReplicaAnswer"];

interface Cell {
  mark: string;
  tone: string;
  said: string;
}

function cellOf(replica: Replica, revision: number): Cell {
  const refused = replica.quarantined.find((it) => it.revision === revision);
  if (refused !== undefined) return { mark: "✕", tone: "bad", said: `quarantined: ${refused.reason}` };
  if (replica.applied_revision >= revision) return { mark: "✓", tone: "good", said: "serves it" };
  return replica.silent_since != null
    ? { mark: "?", tone: "plain", said: "silent, not known" }
    : { mark: "…", tone: "warn", said: "has not acknowledged it yet" };
}

export function ReplicaMatrix({ replicas, revisions }: { replicas: readonly Replica[]; revisions: readonly Schemas["RevisionAnswer"][] }): ReactNode {
  const columns = revisions.map((it) => it.number);
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Replicas and revisions">
      <table className="matrix">
        <thead>
          <tr>
            <th scope="col">Replica</th>
            <th scope="col">State</th>
            <th scope="col" className="num">
              Lag
            </th>
            {columns.map((number) => (
              <th scope="col" key={number} className="cell">
                <Link href={`/ui/history/${number}`}>{number}</Link>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {replicas.map((replica) => (
            <tr key={replica.id}>
              <th scope="row">
                <span className="mono">{replica.id}</span>
                <span className="soft small block">
                  {replica.address} · {replica.version}
                </span>
              </th>
              <td>
                <State replica={replica} />
              </td>
              <td className="num">{replica.lag_ms == null ? "–" : duration(replica.lag_ms)}</td>
              {columns.map((number) => {
                const cell = cellOf(replica, number);
                return (
                  <td key={number} className={`cell ${cell.tone}`} title={`${replica.id}, revision ${number}: ${cell.said}`}>
                    <span aria-hidden="true">{cell.mark}</span>
                    <span className="visually-hidden">{cell.said}</span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function State({ replica }: { replica: Replica }): ReactNode {
  if (replica.log_diverged) return <Badge tone="bad">follows another log</Badge>;
  if (replica.silent_since != null) {
    return (
      <Badge tone="bad">
        silent, last seen <Time at={replica.last_seen} />
      </Badge>
    );
  }
  if (replica.quarantined.length > 0) return <Badge tone="bad">quarantines {replica.quarantined.map((it) => it.revision).join(", ")}</Badge>;
  if (replica.degraded != null) return <Badge tone="warn">degraded: {replica.degraded}</Badge>;
  if (replica.inputs_differ.length > 0) return <Badge tone="warn">other inputs: {replica.inputs_differ.join(", ")}</Badge>;
  return <Badge tone="good">live</Badge>;
}
