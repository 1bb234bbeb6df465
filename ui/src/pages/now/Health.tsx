/** Whether this replica is healthy, and which of its checks says otherwise. */

import type { ReactNode } from "react";
import type { Schemas } from "../../api/client";
import { Badge, Time } from "../../parts/basic";
import { duration } from "../../parts/format";
import { toneOf } from "../../parts/tone";

type Check = readonly [name: string, isGood: boolean, detail: ReactNode];

export function Health({ health }: { health: Schemas["HotReloadHealth"] }): ReactNode {
  const checks: Check[] = [
    ["The log answers", health.store.available, health.store.last_answer_ms != null ? `last answer ${duration(health.store.last_answer_ms)} ago` : undefined],
    ["Hints arrive", health.bus.connected, `${health.bus.name}, ${health.bus.address}`],
    ["The served revision is fresh", health.fresh, health.from_copy ? "from the local copy" : undefined],
    ["The last reload succeeded", health.checks.last_reload_successful, health.last_reload_status?.replaceAll("_", " ")],
    ["Nothing is quarantined", health.quarantined.length === 0, health.quarantined.length > 0 ? health.quarantined.join(", ") : undefined],
    ["The log is polled", health.monitoring_active, undefined],
  ];
  return (
    <>
      <p className="row">
        <Badge tone={toneOf(health.status)}>{health.status}</Badge>
        {health.last_reload !== null && health.last_reload !== undefined && (
          <span className="soft small">
            last reload <Time at={health.last_reload} />
          </span>
        )}
      </p>
      <ul className="checks">
        {checks.map(([name, isGood, detail]) => (
          <li key={name}>
            <span className={isGood ? "mark good" : "mark bad"} aria-hidden="true">
              {isGood ? "✓" : "✕"}
            </span>
            <span>
              <span className="visually-hidden">{isGood ? "passed: " : "failed: "}</span>
              {name} {detail !== undefined && <span className="soft small">{detail}</span>}
            </span>
          </li>
        ))}
      </ul>
      {health.degraded.length > 0 && (
        <ul className="notice warn">
          {health.degraded.map((why) => (
            <li key={why}>{why}</li>
          ))}
        </ul>
      )}
    </>
  );
}
