/** The two ways back of a module: the instance that is retained, or a generation with its state as it was recorded. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { api, body, type Schemas } from "../../api/client";
import { queryClient } from "../../api/query";
import { Failure, Loaded } from "../../parts/basic";
import { bytes, plural } from "../../parts/format";
import { Modal } from "../../parts/Modal";
import { ModuleOutcome } from "./ModuleOutcome";

/** What the choice of the retained instance is named; generations are numbers. */
const RETAINED = "retained";

export function RollbackDialog({ module, onClose }: { module: Schemas["ModuleAnswer"]; onClose: () => void }): ReactNode {
  const { name } = module.module;
  const current = module.module.generation;
  const generations = Object.entries(module.generations)
    .filter(([number]) => Number(number) !== current)
    .sort(([a], [b]) => Number(b) - Number(a));
  const retained = module.retained_generation ?? undefined;
  const [choice, setChoice] = useState(retained !== undefined ? RETAINED : (generations[0]?.[0] ?? ""));
  const [reason, setReason] = useState("");
  const generation = choice === RETAINED || choice === "" ? undefined : Number(choice);
  const rollback = (isTried: boolean): Promise<Schemas["ModuleReloadAnswer"]> =>
    body(
      api.POST("/api/v1/modules/{name}/rollback", {
        params: { path: { name } },
        body: generation === undefined ? {} : { generation, reason: reason.trim() === "" ? "preview" : reason.trim(), ...(isTried ? { dry_run: true } : {}) },
      }),
    );
  const preview = useQuery({
    queryKey: ["module", name, "rollback", generation],
    queryFn: () => rollback(true),
    enabled: generation !== undefined,
    retry: false,
    staleTime: 0,
  });
  const done = useMutation({ mutationFn: () => rollback(false), onSuccess: () => void queryClient.invalidateQueries() });
  const title = `Roll back ${name}`;
  if (done.data !== undefined) return <ModuleOutcome title={title} answer={done.data} onClose={onClose} />;
  if (choice === "") {
    return (
      <Modal title={title} onClose={onClose}>
        <p>There is no earlier generation on this replica, and no retained instance: a reload makes one.</p>
        <div className="dialog-actions">
          <button className="button" data-autofocus onClick={onClose}>
            Close
          </button>
        </div>
      </Modal>
    );
  }
  const isReady = generation === undefined || (preview.data !== undefined && reason.trim() !== "");
  return (
    <Modal title={title} onClose={onClose}>
      <p>It is for this replica, at once, and touches no other module. The log keeps the newer manifest.</p>
      <label className="field">
        <span className="label">Back to</span>
        <select className="input" value={choice} onChange={(event) => setChoice(event.target.value)}>
          {retained !== undefined && <option value={RETAINED}>the retained instance, generation {retained}; nothing is undone</option>}
          {generations.map(([number, version]) => (
            <option key={number} value={number}>
              generation {number}, version {version}, with its state at its end
            </option>
          ))}
        </select>
      </label>
      {generation !== undefined && (
        <>
          <Loaded of={preview} what="The preview" lines={2}>
            {(answer) => (
              <p className={answer.undone > 0 ? "notice bad" : "notice"}>
                It undoes {answer.undone === 0 ? "no acknowledged message" : plural(answer.undone, "acknowledged message")}. The state then has {bytes(answer.state_bytes)}.
              </p>
            )}
          </Loaded>
          <label className="field">
            <span className="label">Reason (required; the journal keeps it)</span>
            <input className="input" data-autofocus value={reason} maxLength={1000} onChange={(event) => setReason(event.target.value)} placeholder="version 2 counts wrongly" />
          </label>
        </>
      )}
      {done.error !== null && <Failure error={done.error} what="Rollback failed; the running version was kept" />}
      <div className="dialog-actions">
        <button className="button" onClick={onClose}>
          Cancel
        </button>
        <button className="button danger" disabled={!isReady || done.isPending} onClick={() => done.mutate()}>
          Roll back{generation === undefined ? "" : ` to generation ${generation}`}
        </button>
      </div>
    </Modal>
  );
}
