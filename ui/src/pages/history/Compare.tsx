/** Two revisions of the log compared, whatever lies between them. */

import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { useDiff } from "../../api/queries";
import { ActionButton } from "../../parts/ActionButton";
import { Loaded, PageHead } from "../../parts/basic";
import { DocumentDiffs } from "../../parts/DocumentDiffs";
import { plural } from "../../parts/format";
import { RestoreDialog } from "./RestoreDialog";

export default function Compare({ from, to }: { from: number; to: number }): ReactNode {
  const diff = useDiff(to, from);
  const [asked, setAsked] = useState(false);
  return (
    <>
      <PageHead
        title={`${from} and ${to} compared`}
        aside={
          <>
            <Link className="button" href={`/ui/history/compare/${to}/${from}`}>
              Swap
            </Link>
            <ActionButton needs="operate" onClick={() => setAsked(true)}>
              Restore the state of {from}…
            </ActionButton>
          </>
        }
      >
        What leads from the state at <Link href={`/ui/history/${from}`}>{from}</Link> to the state at <Link href={`/ui/history/${to}`}>{to}</Link>.
      </PageHead>
      <Loaded of={diff} what="The diff">
        {(answer) => (
          <div className="stack">
            <p>{plural(answer.documents.length, "changed document")}</p>
            <DocumentDiffs diffs={answer.documents} against={from} />
          </div>
        )}
      </Loaded>
      {asked && <RestoreDialog to={from} title={`Restore the state of revision ${from}`} onClose={() => setAsked(false)} />}
    </>
  );
}
