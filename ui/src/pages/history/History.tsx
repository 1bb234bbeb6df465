/** The log, newest first: who changed what, and why. Any two revisions can be compared. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { api, body, type Schemas } from "../../api/client";
import { useStatus } from "../../api/queries";
import { Badge, Empty, Loaded, PageHead, Time } from "../../parts/basic";
import { plural } from "../../parts/format";
import { words } from "../../parts/tone";
import { matches, NO_FILTER, type Filter } from "./filter";
import { UndoesMark } from "./Undoes";

type Revision = Schemas["RevisionAnswer"];

const PAGE = 200;
const ROW_PX = 62;

export default function History(): ReactNode {
  const [filter, setFilter] = useState<Filter>(NO_FILTER);
  const [chosen, setChosen] = useState<readonly number[]>([]);
  const [, go] = useLocation();
  const status = useStatus();
  const log = useInfiniteQuery({
    queryKey: ["history", filter.kind],
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/v1/revisions", {
          params: {
            query: { limit: PAGE, ...(filter.kind === "" ? {} : { kind: filter.kind }), ...(pageParam === "" ? {} : { cursor: pageParam }) },
          },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const all = useMemo(() => log.data?.pages.flatMap((page) => page.items) ?? [], [log.data]);
  const shown = useMemo(() => all.filter((it) => matches(it, filter)), [all, filter]);
  const kinds = status.data?.kinds.map((it) => it.kind) ?? [];

  // A filter that the server does not have is answered from all pages.
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = log;
  const isFiltered = filter.text !== "" || filter.since !== "" || filter.until !== "";
  useEffect(() => {
    if (isFiltered && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [isFiltered, hasNextPage, isFetchingNextPage, fetchNextPage]);

  function choose(number: number, on: boolean): void {
    setChosen((before) => (on ? [...before.slice(-1), number] : before.filter((it) => it !== number)));
  }
  const [from, to] = [...chosen].sort((a, b) => a - b);

  return (
    <>
      <PageHead
        title="History"
        aside={
          <button className="button" disabled={from === undefined || to === undefined} onClick={() => go(`/ui/history/compare/${from ?? 0}/${to ?? 0}`)}>
            {from !== undefined && to !== undefined ? `Compare ${from} and ${to}` : "Choose two to compare"}
          </button>
        }
      >
        Every change is a revision. None is ever altered; a restore is a new one.
      </PageHead>
      <div className="stack">
        <form className="filters" onSubmit={(event) => event.preventDefault()} role="search">
          <label className="field">
            <span className="label">Kind</span>
            <select className="input" value={filter.kind} onChange={(event) => setFilter({ ...filter, kind: event.target.value })}>
              <option value="">every kind</option>
              {kinds.map((kind) => (
                <option key={kind}>{kind}</option>
              ))}
            </select>
          </label>
          <label className="field">
            <span className="label">Name, author or reason</span>
            <input className="input" value={filter.text} onChange={(event) => setFilter({ ...filter, text: event.target.value })} placeholder="loans admin" />
          </label>
          <label className="field">
            <span className="label">From</span>
            <input className="input" type="datetime-local" value={filter.since} onChange={(event) => setFilter({ ...filter, since: event.target.value })} />
          </label>
          <label className="field">
            <span className="label">Until</span>
            <input className="input" type="datetime-local" value={filter.until} onChange={(event) => setFilter({ ...filter, until: event.target.value })} />
          </label>
        </form>
        <Loaded of={log} what="The history" lines={10}>
          {() =>
            shown.length === 0 && !hasNextPage ? (
              <Empty title={all.length === 0 ? "There is no revision yet" : "No revision has these words"}>
                <p>{all.length === 0 ? "The first edit makes one." : "The words are looked for in names of documents, authors, triggers and reasons."}</p>
              </Empty>
            ) : (
              <Rows
                revisions={shown}
                chosen={chosen}
                onChoose={choose}
                served={status.data?.served_revision}
                quarantined={status.data?.quarantined.map((it) => it.revision) ?? []}
                onEnd={() => hasNextPage && !isFetchingNextPage && void fetchNextPage()}
              />
            )
          }
        </Loaded>
      </div>
    </>
  );
}

interface RowsProps {
  revisions: readonly Revision[];
  chosen: readonly number[];
  onChoose: (number: number, on: boolean) => void;
  served: number | undefined;
  quarantined: readonly number[];
  onEnd: () => void;
}

function Rows({ revisions, chosen, onChoose, served, quarantined, onEnd }: RowsProps): ReactNode {
  const viewport = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: revisions.length,
    getScrollElement: () => viewport.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
    getItemKey: (at) => revisions[at]?.number ?? at,
  });
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= revisions.length - 10) onEnd();
  }, [last, revisions.length, onEnd]);
  return (
    <div className="viewport" ref={viewport} tabIndex={0} role="region" aria-label="Revisions">
      <div className="window" style={{ height: rows.getTotalSize() }}>
        {items.map((item) => {
          const revision = revisions[item.index];
          if (revision === undefined) return null;
          const isChosen = chosen.includes(revision.number);
          return (
            <div
              key={item.key}
              data-index={item.index}
              ref={rows.measureElement}
              className="revision virtual"
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <input
                type="checkbox"
                checked={isChosen}
                onChange={(event) => onChoose(revision.number, event.target.checked)}
                aria-label={`Compare revision ${revision.number}`}
              />
              <Link href={`/ui/history/${revision.number}`} className="mono">
                {revision.number}
              </Link>
              <div>
                <div className="row">
                  <span>{revision.reason === "" ? <span className="soft">no reason</span> : revision.reason}</span>
                  {revision.number === served && <Badge tone="good">live</Badge>}
                  {quarantined.includes(revision.number) && <Badge tone="bad">quarantined</Badge>}
                  <UndoesMark revision={revision} />
                </div>
                <div className="small soft">
                  {revision.author} · {words(revision.trigger)} · {plural(revision.changes_count, "document")}:{" "}
                  <span className="mono">{named(revision)}</span>
                </div>
              </div>
              <span className="small soft">
                <Time at={revision.created_at} />
              </span>
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** The first documents of a revision, so that a row stays one line or two. */
function named(revision: Revision): string {
  const first = revision.changes.slice(0, 3).map((it) => `${it.op === "delete" ? "− " : ""}${it.kind}/${it.name}`);
  return first.join(", ") + (revision.changes_count > 3 ? ", …" : "");
}
