/** The mark of a revision that brings an earlier state back: which one, and what it undoes. */

import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { Badge } from "../../parts/basic";
import { ranges, useUndone } from "./undone";

/** For a row of the history. */
export function UndoesMark({ revision }: { revision: Schemas["RevisionAnswer"] }): ReactNode {
  const undone = useUndone(revision);
  return undone === undefined ? null : <Badge tone="info">restore · undoes {ranges(undone.revisions)}</Badge>;
}

/** For the page of the revision, with links. */
export function UndoesSentence({ revision }: { revision: Schemas["RevisionAnswer"] }): ReactNode {
  const undone = useUndone(revision);
  if (undone === undefined) return null;
  return (
    <p>
      <Badge tone="info">restore</Badge>{" "}
      {undone.to === 0 ? "It brings back the state of before there was such a document" : <>It brings back the state of revision <RevisionLink number={undone.to} /></>} and
      undoes what {undone.revisions.length === 1 ? "revision" : "revisions"}{" "}
      {undone.revisions.map((number, at) => (
        <span key={number}>
          {at > 0 && ", "}
          <RevisionLink number={number} />
        </span>
      ))}{" "}
      changed.
    </p>
  );
}

function RevisionLink({ number }: { number: number }): ReactNode {
  return <Link href={`/ui/history/${number}`}>{number}</Link>;
}
