/** What a reload or a rollback of a module came to. */

import type { ReactNode } from "react";
import type { Schemas } from "../../api/client";
import { Figure } from "../../parts/basic";
import { bytes, count, duration } from "../../parts/format";
import { Modal } from "../../parts/Modal";
import { words } from "../../parts/tone";

export function ModuleOutcome({ title, answer, onClose }: { title: string; answer: Schemas["ModuleReloadAnswer"]; onClose: () => void }): ReactNode {
  return (
    <Modal key="done" title={title} onClose={onClose}>
      <p className="notice good" role="status">
        {words(answer.status)}
        {answer.to_version != null && `: version ${answer.to_version}, generation ${answer.generation ?? "?"}`}
      </p>
      <dl className="figures">
        <Figure name="Paused">{duration(answer.pause_us / 1000)}</Figure>
        <Figure name="Messages held">{count(answer.held)}</Figure>
        <Figure name="State">{bytes(answer.state_bytes)}</Figure>
        {answer.pre_copy != null && <Figure name="Copied in the pause">{bytes(answer.pre_copy.pause_bytes)}</Figure>}
        <Figure name="Messages undone">{count(answer.undone)}</Figure>
      </dl>
      {answer.behind && (
        <p className="notice warn">
          This replica now runs another version than the log has. To keep it, put the earlier manifest into the log: open it in the editor, under Versions.
        </p>
      )}
      <div className="dialog-actions">
        <button className="button primary" data-autofocus onClick={onClose}>
          Close
        </button>
      </div>
    </Modal>
  );
}
