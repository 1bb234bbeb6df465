/**
 * A table like a spreadsheet: arrows move, Shift+arrows select, Enter or a letter edits, copy and paste as text.
 *
 * Rows and columns that are out of sight are not in the page, so ten thousand rows cost what forty do. It knows nothing
 * of rules: whatever has rows and columns of text can use it.
 */

import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useId, useRef, useState, type ClipboardEvent, type KeyboardEvent, type ReactNode } from "react";
import { fromTsv, toTsv } from "./tsv";

export interface Column {
  key: string;
  title: string;
  width: number;
  isReadOnly?: boolean;
  isNumber?: boolean;
  /** When there are few values, they are offered while a cell is edited. */
  values?: readonly string[];
}

export interface CellEdit {
  row: number;
  column: number;
  text: string;
}

interface GridProps {
  label: string;
  columns: readonly Column[];
  rowCount: number;
  cell: (row: number, column: number) => string;
  /** What marks a row: it is changed, or has a problem. */
  mark?: (row: number) => "changed" | "bad" | undefined;
  /** Edits of cells that are made together: one that is typed, or all that are pasted. */
  onEdit: (edits: readonly CellEdit[]) => void;
  onOpen?: (row: number) => void;
}

const ROW_PX = 30;
const NUMBER_PX = 56;

interface At {
  row: number;
  column: number;
}

export function Grid({ label, columns, rowCount, cell, mark, onEdit, onOpen }: GridProps): ReactNode {
  const viewport = useRef<HTMLDivElement>(null);
  const id = useId();
  const [active, setActive] = useState<At>({ row: 0, column: 0 });
  const [anchor, setAnchor] = useState<At>({ row: 0, column: 0 });
  const [typed, setTyped] = useState<string>();
  const rows = useVirtualizer({ count: rowCount, getScrollElement: () => viewport.current, estimateSize: () => ROW_PX, overscan: 6, scrollPaddingStart: ROW_PX });
  const across = useVirtualizer({
    count: columns.length,
    horizontal: true,
    getScrollElement: () => viewport.current,
    estimateSize: (at) => columns[at]?.width ?? 120,
    overscan: 2,
    scrollPaddingStart: NUMBER_PX,
  });
  const top = Math.min(active.row, anchor.row);
  const bottom = Math.max(active.row, anchor.row);
  const left = Math.min(active.column, anchor.column);
  const right = Math.max(active.column, anchor.column);

  useEffect(() => {
    if (typed === undefined) viewport.current?.focus({ preventScroll: true });
  }, [typed]);

  function move(rowStep: number, columnStep: number, isSelecting: boolean): void {
    const next = {
      row: Math.max(0, Math.min(rowCount - 1, active.row + rowStep)),
      column: Math.max(0, Math.min(columns.length - 1, active.column + columnStep)),
    };
    setActive(next);
    if (!isSelecting) setAnchor(next);
    rows.scrollToIndex(next.row);
    across.scrollToIndex(next.column);
  }

  function begin(text: string): void {
    if (columns[active.column]?.isReadOnly !== true) setTyped(text);
    else onOpen?.(active.row);
  }

  function finish(text: string, step: At): void {
    setTyped(undefined);
    if (text !== cell(active.row, active.column)) onEdit([{ ...active, text }]);
    move(step.row, step.column, false);
  }

  function onKey(event: KeyboardEvent): void {
    if (typed !== undefined) return;
    const page = Math.max(1, Math.floor((viewport.current?.clientHeight ?? 300) / ROW_PX) - 2);
    const steps: Record<string, [number, number]> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      PageUp: [-page, 0],
      PageDown: [page, 0],
      Home: event.ctrlKey ? [-rowCount, -columns.length] : [0, -columns.length],
      End: event.ctrlKey ? [rowCount, columns.length] : [0, columns.length],
    };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      move(step[0], step[1], event.shiftKey);
    } else if (event.key === "Enter" || event.key === "F2") {
      event.preventDefault();
      begin(cell(active.row, active.column));
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      onEdit(selected().flatMap((row) => row.filter((it) => columns[it.column]?.isReadOnly !== true).map((it) => ({ ...it, text: "" }))));
    } else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      begin(event.key);
    }
  }

  function selected(): At[][] {
    return Array.from({ length: bottom - top + 1 }, (_, row) =>
      Array.from({ length: right - left + 1 }, (_, column) => ({ row: top + row, column: left + column })),
    );
  }

  function onCopy(event: ClipboardEvent): void {
    if (typed !== undefined) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", toTsv(selected().map((row) => row.map((it) => cell(it.row, it.column)))));
  }

  function onPaste(event: ClipboardEvent): void {
    if (typed !== undefined) return;
    event.preventDefault();
    const edits = fromTsv(event.clipboardData.getData("text/plain")).flatMap((line, row) =>
      line.map((text, column) => ({ row: top + row, column: left + column, text })),
    );
    onEdit(edits.filter((it) => it.row < rowCount && it.column < columns.length && columns[it.column]?.isReadOnly !== true));
  }

  const editing = typed === undefined ? undefined : columns[active.column];
  return (
    <div
      className="grid"
      role="grid"
      aria-label={label}
      aria-rowcount={rowCount + 1}
      aria-colcount={columns.length}
      aria-activedescendant={`${id}-${active.row}-${active.column}`}
      tabIndex={0}
      ref={viewport}
      onKeyDown={onKey}
      onCopy={onCopy}
      onPaste={onPaste}
    >
      <div className="grid-window" style={{ height: rows.getTotalSize() + ROW_PX, width: across.getTotalSize() + NUMBER_PX }}>
        <div className="grid-head" role="row" aria-rowindex={1}>
          {across.getVirtualItems().map((column) => (
            <div
              key={column.key}
              role="columnheader"
              aria-colindex={column.index + 1}
              className="grid-cell head"
              style={{ left: column.start + NUMBER_PX, width: column.size }}
            >
              {columns[column.index]?.title}
            </div>
          ))}
        </div>
        {rows.getVirtualItems().map((row) => (
          <div key={row.key} role="row" aria-rowindex={row.index + 2} className={`grid-row ${mark?.(row.index) ?? ""}`} style={{ top: row.start + ROW_PX, height: ROW_PX }}>
            <div className="grid-number" aria-hidden="true">
              {row.index + 1}
            </div>
            {across.getVirtualItems().map((column) => {
              const isActive = row.index === active.row && column.index === active.column;
              const isIn = row.index >= top && row.index <= bottom && column.index >= left && column.index <= right;
              const is = columns[column.index];
              return (
                <div
                  key={column.key}
                  id={`${id}-${row.index}-${column.index}`}
                  role="gridcell"
                  aria-colindex={column.index + 1}
                  aria-selected={isIn}
                  aria-readonly={is?.isReadOnly === true}
                  className={`grid-cell ${isActive ? "active" : ""} ${is?.isNumber === true ? "number" : ""} ${is?.isReadOnly === true ? "fixed" : ""}`}
                  style={{ left: column.start + NUMBER_PX, width: column.size }}
                  onMouseDown={(event) => {
                    const at = { row: row.index, column: column.index };
                    setActive(at);
                    if (!event.shiftKey) setAnchor(at);
                  }}
                  onDoubleClick={() => begin(cell(row.index, column.index))}
                >
                  {isActive && typed !== undefined ? (
                    <CellInput begun={typed} label={editing?.title ?? ""} values={editing?.values} onDone={finish} onCancel={() => setTyped(undefined)} />
                  ) : (
                    cell(row.index, column.index)
                  )}
                </div>
              );
            })}
          </div>
        ))}
      </div>
    </div>
  );
}

interface CellInputProps {
  begun: string;
  label: string;
  values: readonly string[] | undefined;
  onDone: (text: string, step: At) => void;
  onCancel: () => void;
}

/** The text of a cell while it is typed: it is kept here, so that a key changes one input and not the table. */
function CellInput({ begun, label, values, onDone, onCancel }: CellInputProps): ReactNode {
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
