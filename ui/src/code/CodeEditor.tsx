/**
 * A text editor with problems at their lines.
 *
 * It stands in a shadow root: there CodeMirror keeps its styles in a constructed style sheet, and the page needs no
 * policy that lets scripts write styles.
 */

import { setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { EditorView, keymap } from "@codemirror/view";
import { Annotation, EditorState } from "@codemirror/state";
import { useEffect, useRef, type ReactNode } from "react";
import type { Schema } from "./schema";
import { common, editing } from "./setup";

interface CodeEditorProps {
  label: string;
  /** The text it begins with; a change of it replaces what was typed. */
  text: string;
  onChange: (text: string) => void;
  problems: readonly Diagnostic[];
  schema?: Schema | undefined;
  /** Ctrl+S, or Cmd+S. */
  onSave?: () => void;
}

/** Marks a text that was put there and not typed: it begins no draft. */
const REPLACED = Annotation.define<boolean>();

export function CodeEditor({ label, text, onChange, problems, schema, onSave }: CodeEditorProps): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const latest = useRef({ onChange, schema, onSave });
  useEffect(() => {
    latest.current = { onChange, schema, onSave };
  });

  useEffect(() => {
    if (host.current === null) return;
    const root = host.current.shadowRoot ?? host.current.attachShadow({ mode: "open" });
    const state = EditorState.create({
      doc: text,
      extensions: [
        keymap.of([
          {
            key: "Mod-s",
            run: () => {
              latest.current.onSave?.();
              return true;
            },
          },
        ]),
        editing(() => latest.current.schema),
        common("yaml", label),
        EditorView.updateListener.of((update) => {
          const isTyped = update.docChanged && !update.transactions.some((it) => it.annotation(REPLACED) === true);
          if (isTyped) latest.current.onChange(update.state.doc.toString());
        }),
      ],
    });
    view.current = new EditorView({ state, parent: root, root });
    return () => {
      view.current?.destroy();
      view.current = undefined;
    };
    // The text it begins with is followed below, so that the editor and its history stay.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [label]);

  useEffect(() => {
    const shown = view.current;
    if (shown === undefined || shown.state.doc.toString() === text) return;
    shown.dispatch({ changes: { from: 0, to: shown.state.doc.length, insert: text }, annotations: REPLACED.of(true) });
  }, [text]);

  useEffect(() => {
    const shown = view.current;
    if (shown === undefined) return;
    const length = shown.state.doc.length;
    const within = problems.map((it) => ({ ...it, from: Math.min(it.from, length), to: Math.min(it.to, length) }));
    shown.dispatch(setDiagnostics(shown.state, within));
  }, [problems]);

  return <div className="code" ref={host} />;
}
