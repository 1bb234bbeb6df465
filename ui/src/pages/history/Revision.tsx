/** One revision: who, why, all that it changed, and the ways back. */

import { useState, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { useDiff, useRevision, useStatus } from "../../api/queries";
import { ActionButton } from "../../parts/ActionButton";
import { Badge, Card, Loaded, PageHead, Time } from "../../parts/basic";
import { DocumentDiffs } from "../../parts/DocumentDiffs";
import { count } from "../../parts/format";
import { words } from "../../parts/tone";
import { Problems } from "../now/Now";
import { RestoreDialog } from "./RestoreDialog";
import { UndoesSentence } from "./Undoes";

type Asked = { to: number; only?: { kind: string; name: string }; title: string };

export default function Revision({ number }: { number: number }): ReactNode {
  const detail = useRevision(number);
  const diff = useDiff(number, number - 1);
  const status = useStatus();
  const [asked, setAsked] = useState<Asked>();
  const [, go] = useLocation();
  const desired = status.data?.desired_revision ?? number;
  const left = status.data?.quarantined.find((it) => it.revision === number);
  return (
    <>
      <PageHead
        title={`Revision ${number}`}
        aside={
          <>
            <button className="button" disabled={number <= 1} onClick={() => go(`/ui/history/${number - 1}`)}>
              ← Before
            </button>
            <button className="button" disabled={number >= desired} onClick={() => go(`/ui/history/${number + 1}`)}>
              After →
            </button>
            <CompareWith number={number} />
          </>
        }
      />
      <div className="stack">
        {left !== undefined && (
          <section className="notice bad">
            <strong>This replica quarantines it: its documents stay at their last good version.</strong>
            <Problems items={left.problems} />
            <p>Correct a document in the editor and save it, or restore the state before it.</p>
          </section>
        )}
        <Loaded of={detail} what="The revision">
          {({ revision }) => (
            <Card title={revision.reason === "" ? "No reason was given" : revision.reason}>
              <dl className="figures">
                <div>
                  <dt>Author</dt>
                  <dd>{revision.author}</dd>
                </div>
                <div>
                  <dt>Trigger</dt>
                  <dd>{words(revision.trigger)}</dd>
                </div>
                <div>
                  <dt>When</dt>
                  <dd>
                    <Time at={revision.created_at} />
                  </dd>
                </div>
                <div>
                  <dt>Documents</dt>
                  <dd>{count(revision.changes_count)}</dd>
                </div>
              </dl>
              <p className="small soft">
                {number === status.data?.served_revision && <Badge tone="good">live</Badge>} digest <span className="mono">{revision.digest}</span>
                {revision.principal != null && <> · token {revision.principal}</>}
              </p>
              <UndoesSentence revision={revision} />
              <div className="row">
                <ActionButton needs="operate" onClick={() => setAsked({ to: number, title: `Restore the state of revision ${number}` })} disabled={number >= desired}>
                  Restore this state…
                </ActionButton>
                <ActionButton needs="operate" onClick={() => setAsked({ to: number - 1, title: `Restore the state before revision ${number}` })} disabled={number <= 1}>
                  Restore the state before it…
                </ActionButton>
              </div>
            </Card>
          )}
        </Loaded>
        {detail.data !== undefined && <h2>What it changed</h2>}
        <Loaded of={detail.data === undefined ? { data: undefined, error: undefined } : diff} what="The diff">
          {(answer) => (
            <>
              <DocumentDiffs
                diffs={answer.documents}
                against={number - 1}
                action={({ kind, name }) => (
                  <ActionButton
                    needs="operate"
                    className="quiet"
                    onClick={() => setAsked({ to: number - 1, only: { kind, name }, title: `Bring ${kind}/${name} back to before revision ${number}` })}
                  >
                    Undo this one…
                  </ActionButton>
                )}
              />
              {answer.next_cursor != null && <p className="soft">More documents changed: the command line lists them all with midflight diff.</p>}
            </>
          )}
        </Loaded>
      </div>
      {asked !== undefined && <RestoreDialog {...asked} onClose={() => setAsked(undefined)} />}
    </>
  );
}

function CompareWith({ number }: { number: number }): ReactNode {
  const [other, setOther] = useState("");
  const value = Number(other);
  const isGood = other !== "" && Number.isInteger(value) && value >= 0 && value !== number;
  const [from, to] = [Math.min(value, number), Math.max(value, number)];
  return (
    <span className="row">
      <input
        className="input compare-with"
        inputMode="numeric"
        aria-label="Compare with revision"
        placeholder="compare with"
        value={other}
        onChange={(event) => setOther(event.target.value)}
      />
      {isGood && (
        <Link className="button" href={`/ui/history/compare/${from}/${to}`}>
          Compare
        </Link>
      )}
    </span>
  );
}
