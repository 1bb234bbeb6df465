/** Two texts side by side: what is live, and the draft, which can be changed. In a shadow root, as the editor is. */

import { MergeView } from "@codemirror/merge";
import { EditorView } from "@codemirror/view";
import { useEffect, useRef, type ReactNode } from "react";
import { common, editing, readOnly } from "./setup";

interface MergeEditorProps {
  live: string;
  draft: string;
  onChange: (text: string) => void;
}

export function MergeEditor({ live, draft, onChange }: MergeEditorProps): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const latest = useRef(onChange);
  useEffect(() => {
    latest.current = onChange;
  });
  useEffect(() => {
    if (host.current === null) return;
    const root = host.current.shadowRoot ?? host.current.attachShadow({ mode: "open" });
    const changed = EditorView.updateListener.of((update) => {
      if (update.docChanged) latest.current(update.state.doc.toString());
    });
    const view = new MergeView({
      a: { doc: live, extensions: [common("yaml", "What is live"), readOnly()] },
      b: { doc: draft, extensions: [common("yaml", "Your draft"), editing(() => undefined), changed] },
      parent: root,
      root,
      revertControls: "a-to-b",
      renderRevertControl: () => {
        const button = document.createElement("button");
        button.textContent = "→";
        button.title = "Take what is live here";
        button.setAttribute("aria-label", "Take what is live here");
        return button;
      },
    });
    return () => view.destroy();
    // It begins again with another live text; the draft is followed by its own changes.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [live]);
  return <div className="code tall" ref={host} />;
}
