/** The draft becomes a revision: what it does, why, and what each replica says of it. */

import { useMutation } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { api, body } from "../../api/client";
import { useRefusal } from "../../api/queries";
import { ActionButton } from "../../parts/ActionButton";
import { Failure } from "../../parts/basic";
import { plural } from "../../parts/format";
import { Modal } from "../../parts/Modal";
import { Acks } from "../history/Acks";
import { changesOf, draft as store, type Draft } from "./draft";
import { Plan } from "./Plan";
import type { DryRun } from "./useDryRun";

/** How long the answer waits for the other replicas. */
const ACKS_MS = 10_000;

export function SaveDialog({ draft, dryRun, onClose }: { draft: Draft; dryRun: DryRun; onClose: () => void }): ReactNode {
  const [reason, setReason] = useState("");
  const [takeOver, setTakeOver] = useState(false);
  const [at, setAt] = useState("");
  const refusal = useRefusal("edit");
  const { changes } = changesOf(draft);
  const save = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/v1/apply", {
          params: {
            query: {
              wait: "all",
              timeout_ms: ACKS_MS,
              ...(takeOver ? { take_over: true } : {}),
              ...(at === "" ? {} : { not_before: new Date(at).toISOString() }),
            },
          },
          body: { changes, reason: reason.trim() },
        }),
      ),
    onSuccess: () => store.clear(),
  });
  if (save.data !== undefined) {
    return (
      <Modal key="saved" title="Saved" onClose={onClose}>
        <p className="notice good" role="status">
          {save.data.schedule != null ? (
            <>
              It is scheduled as <span className="mono">{save.data.schedule.id}</span>; <Link href="/">Now</Link> lists it, and cancels it.
            </>
          ) : save.data.revision != null ? (
            <>
              <Link href={`/ui/history/${save.data.revision}`}>Revision {save.data.revision}</Link> is live on this replica.
            </>
          ) : (
            <>Nothing had to change.</>
          )}
        </p>
        <Acks answer={save.data} />
        <div className="dialog-actions">
          <button className="button primary" data-autofocus onClick={onClose}>
            Close
          </button>
        </div>
      </Modal>
    );
  }
  const isOwned = dryRun.state === "unknown" && dryRun.problem.code === "owned";
  const canSave = (dryRun.state === "valid" || (isOwned && takeOver)) && reason.trim() !== "" && !save.isPending;
  return (
    <Modal title={`Save ${plural(changes.length, "document")} as one revision`} onClose={onClose} wide>
      <Plan draft={draft} dryRun={dryRun} />
      {isOwned && (
        <label className="row">
          <input type="checkbox" checked={takeOver} onChange={(event) => setTakeOver(event.target.checked)} />
          Take the document over from its owner
        </label>
      )}
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (canSave) save.mutate();
        }}
      >
        <label className="field">
          <span className="label">Reason (the history keeps it)</span>
          <input className="input" data-autofocus value={reason} maxLength={1000} onChange={(event) => setReason(event.target.value)} placeholder="raise the threshold for July" />
        </label>
        <label className="field narrow">
          <span className="label">Not before (optional; it must be valid now too)</span>
          <input className="input" type="datetime-local" value={at} onChange={(event) => setAt(event.target.value)} />
        </label>
        {refusal !== undefined && <p className="notice warn">{refusal}</p>}
        {save.error !== null && <Failure error={save.error} what="Save failed; the served revision was kept" />}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Back
          </button>
          <ActionButton needs="edit" type="submit" className="primary" disabled={!canSave}>
            {save.isPending ? "Saving…" : at === "" ? "Save" : "Schedule"}
          </ActionButton>
        </div>
      </form>
    </Modal>
  );
}
