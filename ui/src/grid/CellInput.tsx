/** The text of a cell while it is typed. */

import { useId, useRef, useState, type ReactNode } from "react";
import type { At } from "./Grid";

interface CellInputProps {
  begun: string;
  label: string;
  values: readonly string[] | undefined;
  onDone: (text: string, step: At) => void;
  onCancel: () => void;
}

/** What is typed is kept here, so that a key changes one input and not the table. */
export function CellInput({ begun, label, values, onDone, onCancel }: CellInputProps): ReactNode {
  const [text, setText] = useState(begun);
  const isDone = useRef(false);
  const list = useId();
  function done(step: At): void {
    if (isDone.current) return;
    isDone.current = true;
    onDone(text, step);
  }
  return (
    <>
      <input
        className="grid-input"
        aria-label={label}
        autoFocus
        value={text}
        list={values === undefined ? undefined : list}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => done({ row: 0, column: 0 })}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key === "Enter") {
            event.preventDefault();
            done({ row: event.shiftKey ? -1 : 1, column: 0 });
          } else if (event.key === "Tab") {
            event.preventDefault();
            done({ row: 0, column: event.shiftKey ? -1 : 1 });
          } else if (event.key === "Escape") {
            isDone.current = true;
            onCancel();
          }
        }}
      />
      {values !== undefined && (
        <datalist id={list}>
          {values.map((it) => (
            <option key={it} value={it} />
          ))}
        </datalist>
      )}
    </>
  );
}
