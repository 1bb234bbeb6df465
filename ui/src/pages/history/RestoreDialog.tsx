/** Brings an earlier state back: first what that will do, then why, then it is done. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { api, body, type Schemas } from "../../api/client";
import { Failure, Loaded } from "../../parts/basic";
import { DocumentDiffs } from "../../parts/DocumentDiffs";
import { plural } from "../../parts/format";
import { Modal } from "../../parts/Modal";
import { Acks } from "./Acks";
import { ranges, useToUndo } from "./undone";

interface RestoreProps {
  /** The revision whose state comes back. */
  to: number;
  /** Only this document. */
  only?: { kind: string; name: string } | undefined;
  title: string;
  onClose: () => void;
}

/** How long the answer waits for the other replicas. */
const ACKS_MS = 10_000;

export function RestoreDialog({ to, only, title, onClose }: RestoreProps): ReactNode {
  const [reason, setReason] = useState("");
  const request = { ...only };
  const undone = useToUndo(to, only);
  const preview = useQuery({
    queryKey: ["restore", to, only?.kind, only?.name],
    queryFn: () =>
      body(
        api.POST("/api/v1/revisions/{number}/restore", {
          params: { path: { number: to }, query: { dry_run: true, text: true } },
          body: request,
        }),
      ),
    retry: false,
  });
  const restore = useMutation({
    mutationFn: () =>
      body<Schemas["WriteAnswer"]>(
        api.POST("/api/v1/revisions/{number}/restore", {
          params: { path: { number: to }, query: { wait: "all", timeout_ms: ACKS_MS } },
          body: { ...request, reason: reason.trim() },
        }),
      ),
  });
  if (restore.data !== undefined) {
    return (
      <Modal key="done" title={title} onClose={onClose}>
        <Done answer={restore.data} />
        <div className="dialog-actions">
          <button className="button primary" data-autofocus onClick={onClose}>
            Close
          </button>
        </div>
      </Modal>
    );
  }
  return (
    <Modal title={title} onClose={onClose} wide>
      <p>
        {only === undefined ? "All documents are" : <><code>{`${only.kind}/${only.name}`}</code> is</>} restored to the state at revision {to}.
        {undone !== undefined && undone.length > 0 && <> It undoes what {undone.length === 1 ? "revision" : "revisions"} {ranges(undone)} changed.</>} This is a
        new revision; nothing is deleted from the history.
      </p>
      <Loaded of={preview} what="What it would do">
        {(answer) =>
          answer.diff.length === 0 ? (
            <p className="notice">That is the current state already: nothing would change.</p>
          ) : (
            <>
              <h3>It touches {plural(answer.diff.length, "document")}</h3>
              <DocumentDiffs diffs={answer.diff} />
            </>
          )
        }
      </Loaded>
      <label className="field">
        <span className="label">Reason (required; the history keeps it)</span>
        <input className="input" data-autofocus value={reason} maxLength={1000} onChange={(event) => setReason(event.target.value)} placeholder="approves too many" />
      </label>
      {restore.error !== null && <Failure error={restore.error} what="Restore failed; the served revision was kept" />}
      <div className="dialog-actions">
        <button className="button" onClick={onClose}>
          Cancel
        </button>
        <button
          className="button primary"
          disabled={reason.trim() === "" || restore.isPending || (preview.data?.diff.length ?? 0) === 0}
          onClick={() => restore.mutate()}
        >
          {restore.isPending ? "Restoring…" : `Restore${preview.data === undefined ? "" : ` ${plural(preview.data.diff.length, "document")}`}`}
        </button>
      </div>
    </Modal>
  );
}

function Done({ answer }: { answer: Schemas["WriteAnswer"] }): ReactNode {
  return (
    <div className="stack">
      <p className="notice good" role="status">
        {answer.revision != null ? (
          <>
            <Link href={`/ui/history/${answer.revision}`}>Revision {answer.revision}</Link> is live on this replica.
          </>
        ) : (
          <>Nothing had to change.</>
        )}
      </p>
      <Acks answer={answer} />
    </div>
  );
}
