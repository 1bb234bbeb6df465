/** A token that was just made: to be copied now, since no other answer has it. */

import { useState, type ReactNode } from "react";
import { Modal } from "../../parts/Modal";

export function ShownOnce({ title, token, children, onClose }: { title: string; token: string; children?: ReactNode; onClose: () => void }): ReactNode {
  const [isCopied, setCopied] = useState(false);
  // Pages of another machine without TLS have no clipboard: there the text is selected by hand.
  const clipboard = (navigator as { clipboard?: Clipboard }).clipboard;
  return (
    <Modal key="made" title={title} onClose={onClose}>
      <p className="notice warn">Copy it now. It is not shown again; the server keeps a hash of it.</p>
      <label className="field">
        <span className="label">Token</span>
        <input className="input mono" readOnly value={token} onFocus={(event) => event.target.select()} />
      </label>
      {children}
      <div className="dialog-actions">
        {clipboard !== undefined && (
          <button className="button" data-autofocus onClick={() => void clipboard.writeText(token).then(() => setCopied(true))}>
            {isCopied ? "Copied" : "Copy"}
          </button>
        )}
        <button className="button primary" onClick={onClose}>
          Close
        </button>
      </div>
      <p className="visually-hidden" role="status">
        {isCopied ? "The token is in the clipboard" : ""}
      </p>
    </Modal>
  );
}
