/** Loads the served manifest again: tried first on a copy of the state, then done. */

import { useMutation, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, body } from "../../api/client";
import { queryClient } from "../../api/query";
import { Failure, Loaded } from "../../parts/basic";
import { bytes } from "../../parts/format";
import { Modal } from "../../parts/Modal";
import { ModuleOutcome } from "./ModuleOutcome";

export function ReloadDialog({ name, onClose }: { name: string; onClose: () => void }): ReactNode {
  const path = { name };
  const tried = useQuery({
    queryKey: ["module", name, "tried"],
    queryFn: () => body(api.POST("/api/v1/modules/{name}/reload", { params: { path }, body: { dry_run: true } })),
    retry: false,
    staleTime: 0,
  });
  const reload = useMutation({
    mutationFn: () => body(api.POST("/api/v1/modules/{name}/reload", { params: { path }, body: { force: true } })),
    onSuccess: () => void queryClient.invalidateQueries(),
  });
  if (reload.data !== undefined) return <ModuleOutcome title={`Reload ${name}`} answer={reload.data} onClose={onClose} />;
  return (
    <Modal title={`Reload ${name}`} onClose={onClose}>
      <p>
        The served manifest is loaded again on this replica, with the state as it is. It touches no other module and makes no revision. If any phase fails,
        the running version continues unchanged.
      </p>
      <Loaded of={tried} what="The trial" lines={2}>
        {(answer) => (
          <p className="notice good">
            Tried on a copy of the live state, on a scratch instance: {answer.status}, state {bytes(answer.state_bytes)}
            {answer.probes != null && answer.probes > 0 && `, ${answer.probes} probes answered as expected`}.
          </p>
        )}
      </Loaded>
      {reload.error !== null && <Failure error={reload.error} what="Reload failed; the running version was kept" />}
      <div className="dialog-actions">
        <button className="button" onClick={onClose}>
          Cancel
        </button>
        <button className="button primary" data-autofocus disabled={tried.data === undefined || reload.isPending} onClick={() => reload.mutate()}>
          Reload
        </button>
      </div>
    </Modal>
  );
}
