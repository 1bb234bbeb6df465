/** What is live, where, since when; what is not, why, and the way out. */

import type { ReactNode } from "react";
import { useState } from "react";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { useHealth, useReloads, useReplicas, useRevisions, useStatus } from "../../api/queries";
import { ActionButton } from "../../parts/ActionButton";
import { Badge, Card, DocumentLink, Empty, Loaded, PageHead, Time } from "../../parts/basic";
import { count, plural } from "../../parts/format";
import { RestoreDialog } from "../history/RestoreDialog";
import { Health } from "./Health";
import { Reloads } from "./Reloads";
import { ReplicaMatrix } from "./ReplicaMatrix";
import { Schedules } from "./Schedules";

/** How many revisions the matrix has. */
const MATRIX_REVISIONS = 20;

export function Now(): ReactNode {
  const status = useStatus();
  const replicas = useReplicas(status.data?.desired_revision);
  const revisions = useRevisions(MATRIX_REVISIONS);
  const reloads = useReloads(8);
  const health = useHealth();
  // Shown at once when all of it is there, so that nothing moves while it arrives.
  if ([status, replicas, revisions, reloads, health].some((read) => read.isPending)) {
    return (
      <>
        <PageHead title="Now" />
        <Loaded of={{ data: undefined, error: undefined }} what="The status" lines={12}>
          {() => null}
        </Loaded>
      </>
    );
  }
  return (
    <>
      <PageHead title="Now" />
      <div className="stack">
        <Loaded of={status} what="The status" lines={3}>
          {(now) => (
            <>
              <Served status={now} replicas={replicas.data?.items} revisions={revisions.data?.items} />
              <Quarantine status={now} />
              <LastRefused status={now} />
            </>
          )}
        </Loaded>
        <Card title="Replicas" aside={<span className="small soft">the last {MATRIX_REVISIONS} revisions</span>}>
          <Loaded of={replicas} what="The replicas">
            {(list) => (
              <Loaded of={revisions} what="The revisions">
                {(log) => <ReplicaMatrix replicas={list.items} revisions={log.items} />}
              </Loaded>
            )}
          </Loaded>
        </Card>
        <div className="card-grid">
          <Card title="Kinds">
            <Loaded of={status} what="The kinds">
              {(now) => <Kinds kinds={now.kinds} />}
            </Loaded>
          </Card>
          <Card title="Health">
            <Loaded of={health} what="The health">
              {(now) => <Health health={now} />}
            </Loaded>
          </Card>
        </div>
        <Card title="Reloads" aside={<Link href="/ui/metrics">All figures</Link>}>
          <Loaded of={reloads} what="The reloads">
            {(list) => <Reloads reloads={list.items} />}
          </Loaded>
        </Card>
        <Schedules />
      </div>
    </>
  );
}

interface ServedProps {
  status: Schemas["StatusAnswer"];
  replicas: Schemas["ReplicaAnswer"][] | undefined;
  revisions: Schemas["RevisionAnswer"][] | undefined;
}

function Served({ status, replicas, revisions }: ServedProps): ReactNode {
  const [asked, setAsked] = useState(false);
  const served = status.served_revision;
  const alive = (replicas ?? []).filter((it) => !it.silent_since);
  const there = alive.filter((it) => it.applied_revision >= served && !it.quarantined.some((one) => one.revision === served));
  const last = revisions?.find((it) => it.number === served);
  // What was only scheduled is cancelled, below.
  const canTakeBack = last === undefined || last.changes.some((it) => it.kind !== "schedules");
  const isBehind = status.desired_revision !== served;
  return (
    <section className="card served">
      <div className="row spread">
        <div className="stack tight">
          <p className="hero">
            Revision <Link href={`/ui/history/${served}`}>{served}</Link> is live
            {replicas !== undefined && alive.length > 0 && (
              <span className="soft">
                {" "}
                on {there.length} of {plural(alive.length, "replica")}
              </span>
            )}
          </p>
          <p className="soft">
            since <Time at={status.served_since} />
            {last !== undefined && (
              <>
                {" "}
                · {last.author}
                {last.reason !== "" && <>: “{last.reason}”</>}
              </>
            )}
          </p>
        </div>
        {served > 1 && canTakeBack && (
          <div className="stack tight take-back">
            <ActionButton needs="operate" onClick={() => setAsked(true)}>
              Take revision {served} back…
            </ActionButton>
            {last !== undefined && <span className="small soft">touches {touched(last)}</span>}
          </div>
        )}
      </div>
      {isBehind && (
        <p className="notice warn">
          Revision {status.desired_revision} is wanted and not live on this replica yet.
          {status.quarantined.length === 0 && " It is being applied, or the log cannot be read: see Health."}
        </p>
      )}
      {!status.store_available && (
        <p className="notice warn">The log is unavailable. This replica serves its last good copy and catches up by itself; edits are refused until then.</p>
      )}
      {status.log_diverged !== null && status.log_diverged !== undefined && (
        <p className="notice bad">
          This is not the log that was followed: {status.log_diverged}. Compare it, then <code>midflight log adopt</code>.
        </p>
      )}
      {asked && <RestoreDialog to={served - 1} onClose={() => setAsked(false)} title={`Take revision ${served} back`} />}
    </section>
  );
}

/** So many documents are named; the dialog lists them all. */
const NAMED_MAX = 3;

/** The documents that taking a revision back touches. */
function touched(revision: Schemas["RevisionAnswer"]): string {
  const names = revision.changes.slice(0, NAMED_MAX).map((it) => `${it.kind}/${it.name}`);
  const more = revision.changes_count - names.length;
  return names.join(", ") + (more > 0 ? ` and ${plural(more, "other document")}` : "");
}

function Quarantine({ status }: { status: Schemas["StatusAnswer"] }): ReactNode {
  if (status.quarantined.length === 0) return null;
  return (
    <section className="notice bad">
      <h2>
        {plural(status.quarantined.length, "revision")} {status.quarantined.length === 1 ? "is" : "are"} quarantined on this replica
      </h2>
      <p>Their documents stay at their last good version here.</p>
      <ul className="stack tight">
        {status.quarantined.map((one) => (
          <li key={one.revision} className="stack tight">
            <strong>
              <Link href={`/ui/history/${one.revision}`}>Revision {one.revision}</Link>
            </strong>
            <span>
              {one.documents.join(", ")}
              {one.document_count > one.documents.length && ` and ${one.document_count - one.documents.length} more`}
            </span>
            <Problems items={one.problems} />
          </li>
        ))}
      </ul>
      <p>
        The way out: correct the document in the editor and save it, or take the revision back on its page. Either is a new revision; this one is then
        released by itself.
      </p>
    </section>
  );
}

function LastRefused({ status }: { status: Schemas["StatusAnswer"] }): ReactNode {
  const refused = status.last_refused;
  if (refused === null || refused === undefined) return null;
  return (
    <details className="notice warn">
      <summary>
        The last refused change: <Time at={refused.at} />, {refused.outcome.replaceAll("_", " ")}
      </summary>
      <Problems items={refused.problems} />
      <p className="small">The revision that was served was kept.</p>
    </details>
  );
}

export function Problems({ items }: { items: readonly Schemas["ProblemItem"][] }): ReactNode {
  return (
    <ul className="stack tight">
      {items.map((item, at) => (
        <li key={at}>
          {item.document !== null && item.document !== undefined && item.document !== "" && <DocumentName of={item.document} />}{" "}
          {item.path !== "" && <code>{item.path}</code>} {item.message}
        </li>
      ))}
    </ul>
  );
}

function DocumentName({ of }: { of: string }): ReactNode {
  const slash = of.indexOf("/");
  return slash < 0 ? <code>{of}</code> : <DocumentLink kind={of.slice(0, slash)} name={of.slice(slash + 1)} />;
}

const PAGES: Record<string, string> = { rules: "/ui/rules", patterns: "/ui/patterns", tools: "/ui/tools", config: "/ui/config", modules: "/ui/modules" };

function Kinds({ kinds }: { kinds: Schemas["KindStatusAnswer"][] }): ReactNode {
  if (kinds.every((kind) => kind.documents === 0)) {
    return (
      <Empty title="There is no document yet">
        <p>
          Make one in the <Link href="/ui/edit">editor</Link>, or send files: <code>midflight apply -f FOLDER</code>.
        </p>
      </Empty>
    );
  }
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Kinds">
      <table>
        <thead>
          <tr>
            <th>Kind</th>
            <th className="num">Served</th>
            <th className="num">Documents</th>
            <th>Has</th>
          </tr>
        </thead>
        <tbody>
          {kinds.map((kind) => (
            <tr key={kind.kind}>
              <td>{PAGES[kind.kind] === undefined ? kind.kind : <Link href={PAGES[kind.kind] ?? "/"}>{kind.kind}</Link>}</td>
              <td className="num">
                {kind.served_revision}{" "}
                {kind.served_revision !== kind.desired_revision && <Badge tone="warn">wanted {kind.desired_revision}</Badge>}
              </td>
              <td className="num">{count(kind.documents)}</td>
              <td className="soft small">
                {Object.entries(kind.figures)
                  .map(([name, value]) => `${name.replaceAll("_", " ")} ${count(value)}`)
                  .join(" · ")}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
