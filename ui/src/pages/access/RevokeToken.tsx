/** The end of a token, with what it stops. */

import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, body, type Schemas } from "../../api/client";
import { TOKENS_KEY } from "../../api/queries";
import { queryClient } from "../../api/query";
import { Failure, Time } from "../../parts/basic";
import { Modal } from "../../parts/Modal";

export function RevokeToken({ token, isSelf, onClose }: { token: Schemas["TokenAnswer"]; isSelf: boolean; onClose: () => void }): ReactNode {
  const revoke = useMutation({
    mutationFn: () => body(api.DELETE("/api/v1/tokens/{name}", { params: { path: { name: token.name } } })),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: TOKENS_KEY });
      onClose();
    },
  });
  return (
    <Modal title={`Revoke ${token.name}`} onClose={onClose}>
      <p>
        Requests with this token are refused on every replica within a second, and streams that it opened end. What it changed stays, with its name as the
        author. This cannot be undone.
      </p>
      <p>
        Role {token.role}. {token.last_used_at == null ? "It was never used." : <>Last used <Time at={token.last_used_at} />.</>}
      </p>
      {isSelf && <p className="notice bad">This is the token of this tab: you are signed out by it.</p>}
      {revoke.error !== null && <Failure error={revoke.error} what="The token was not revoked" />}
      <div className="dialog-actions">
        <button className="button" data-autofocus onClick={onClose}>
          Keep it
        </button>
        <button className="button danger" disabled={revoke.isPending} onClick={() => revoke.mutate()}>
          Revoke {token.name}
        </button>
      </div>
    </Modal>
  );
}
