/** A token replaced by another of the same name; the earlier one stays valid for a while. */

import { useMutation } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { api, body, type Schemas } from "../../api/client";
import { TOKENS_KEY } from "../../api/queries";
import { queryClient } from "../../api/query";
import { Failure, Time } from "../../parts/basic";
import { Modal } from "../../parts/Modal";
import { ShownOnce } from "./ShownOnce";

const MINUTE_MS = 60_000;
const OVERLAPS: readonly (readonly [title: string, ms: number])[] = [
  ["not at all", 0],
  ["10 minutes", 10 * MINUTE_MS],
  ["an hour", 60 * MINUTE_MS],
  ["a day", 1440 * MINUTE_MS],
];
const OVERLAP_AT_FIRST = 2;

export function RotateToken({ token, onClose }: { token: Schemas["TokenAnswer"]; onClose: () => void }): ReactNode {
  const [overlap, setOverlap] = useState(OVERLAP_AT_FIRST);
  const overlap_ms = OVERLAPS[overlap]?.[1] ?? 0;
  const rotate = useMutation({
    mutationFn: () => body(api.POST("/api/v1/tokens/{name}/rotate", { params: { path: { name: token.name } }, body: { overlap_ms } })),
    onSuccess: () => void queryClient.invalidateQueries({ queryKey: TOKENS_KEY }),
  });
  if (rotate.data !== undefined) {
    const until = rotate.data.info.previous_valid_until;
    return (
      <ShownOnce title={`Token ${token.name}, rotated`} token={rotate.data.token} onClose={onClose}>
        <p className="small soft">{until == null ? "The earlier token is refused from now on." : <>The earlier token is valid for a while: its end is <Time at={until} />.</>}</p>
      </ShownOnce>
    );
  }
  return (
    <Modal title={`Rotate ${token.name}`} onClose={onClose}>
      <p>A new token takes the place of this one, with the same name, role ({token.role}) and scopes.</p>
      <label className="field">
        <span className="label">The earlier token stays valid for</span>
        <select className="input" data-autofocus value={overlap} onChange={(event) => setOverlap(Number(event.target.value))}>
          {OVERLAPS.map(([title], at) => (
            <option key={title} value={at}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {rotate.error !== null && <Failure error={rotate.error} what="The token was not rotated" />}
      <div className="dialog-actions">
        <button className="button" onClick={onClose}>
          Cancel
        </button>
        <button className="button primary" disabled={rotate.isPending} onClick={() => rotate.mutate()}>
          Rotate
        </button>
      </div>
    </Modal>
  );
}
