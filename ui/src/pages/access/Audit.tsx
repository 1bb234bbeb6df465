/** Who did what, from where, and the result: newest first, filtered by the server. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { api, body, type Schemas } from "../../api/client";
import { FIXED } from "../../api/query";
import { Badge, Card, Empty, Loaded, Time, type Tone } from "../../parts/basic";

const PAGE = 50;
const OUTCOMES: Record<string, Tone> = { success: "good", refused: "warn", failed: "bad", unknown: "warn" };

export function Audit(): ReactNode {
  const [actor, setActor] = useState("");
  const [outcome, setOutcome] = useState("");
  const [since, setSince] = useState("");
  const asked = { ...(actor.trim() === "" ? {} : { actor: actor.trim() }), ...(outcome === "" ? {} : { outcome }), ...(since === "" ? {} : { since: new Date(since).toISOString() }) };
  const list = useInfiniteQuery({
    // A read of the audit is in the audit: it is read again by hand alone.
    queryKey: [FIXED, "audit", asked],
    queryFn: ({ pageParam }) => body(api.GET("/api/v1/audit", { params: { query: { limit: PAGE, ...asked, ...(pageParam === "" ? {} : { cursor: pageParam }) } } })),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Card
      title="Audit"
      aside={
        <button className="button" onClick={() => void list.refetch()}>
          Read again
        </button>
      }
    >
      <form className="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <label className="field">
          <span className="label">Actor</span>
          <input className="input" value={actor} onChange={(event) => setActor(event.target.value)} placeholder="admin" />
        </label>
        <label className="field">
          <span className="label">Outcome</span>
          <select className="input" value={outcome} onChange={(event) => setOutcome(event.target.value)}>
            <option value="">every outcome</option>
            {Object.keys(OUTCOMES).map((it) => (
              <option key={it}>{it}</option>
            ))}
          </select>
        </label>
        <label className="field">
          <span className="label">From</span>
          <input className="input" type="datetime-local" value={since} onChange={(event) => setSince(event.target.value)} />
        </label>
      </form>
      <Loaded of={list} what="The audit">
        {() =>
          items.length === 0 ? (
            <Empty title="There is no such entry">
              <p>Every request that changes something or is for admins alone is recorded, and every refusal.</p>
            </Empty>
          ) : (
            <>
              <Entries items={items} />
              {list.hasNextPage && (
                <div>
                  <button className="button" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                    Older entries
                  </button>
                </div>
              )}
            </>
          )
        }
      </Loaded>
    </Card>
  );
}

function Entries({ items }: { items: readonly Schemas["AuditItem"][] }): ReactNode {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Audit entries">
      <table>
        <thead>
          <tr>
            <th>When</th>
            <th>Actor</th>
            <th>Action</th>
            <th>Outcome</th>
            <th>From</th>
            <th className="num">Revision</th>
          </tr>
        </thead>
        <tbody>
          {items.map((it) => (
            <tr key={`${it.replica} ${it.number}`}>
              <td>
                <Time at={it.at} />
              </td>
              <td>
                {it.actor}
                <span className="soft small block">{it.role}</span>
              </td>
              <td>
                <code>{it.action}</code>
                <span className="soft small block mono">{it.target}</span>
              </td>
              <td>
                <Badge tone={OUTCOMES[it.outcome] ?? "plain"}>{it.outcome}</Badge>
                {it.count > 1 && <span className="soft small"> × {it.count}</span>}
                {it.code != null && (
                  <Link className="small block" href={`/ui/docs/errors/${it.code}`}>
                    {it.code}
                  </Link>
                )}
              </td>
              <td className="small">
                {it.from ?? "–"}
                <span className="soft block">{it.replica}</span>
              </td>
              <td className="num">{it.revision == null ? "–" : <Link href={`/ui/history/${it.revision}`}>{it.revision}</Link>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
