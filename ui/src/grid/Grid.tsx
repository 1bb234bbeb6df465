/**
 * A table like a spreadsheet: arrows move, Shift+arrows select, Enter or a letter edits, copy and paste as text.
 *
 * Rows and columns that are out of sight are not in the page, so ten thousand rows cost what forty do. It knows nothing
 * of rules: whatever has rows and columns of text can use it.
 */

import { useVirtualizer, type VirtualItem } from "@tanstack/react-virtual";
import { memo, useEffect, useId, useMemo, useRef, useState, type ClipboardEvent, type KeyboardEvent, type MouseEvent, type ReactNode } from "react";
import { CellInput } from "./CellInput";
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

export type Mark = "changed" | "bad" | undefined;

interface GridProps {
  label: string;
  columns: readonly Column[];
  rowCount: number;
  /** The text of a cell. A row is drawn again when this function is another one: keep it while nothing changed. */
  cell: (row: number, column: number) => string;
  /** What marks a row: it is changed, or has a problem. */
  mark?: (row: number) => Mark;
  /** Edits of cells that are made together: one that is typed, or all that are pasted. */
  onEdit: (edits: readonly CellEdit[]) => void;
  onOpen?: (row: number) => void;
}

const ROW_PX = 30;
const NUMBER_PX = 56;

export interface At {
  row: number;
  column: number;
}

export function Grid({ label, columns, rowCount, cell, mark, onEdit, onOpen }: GridProps): ReactNode {
  const viewport = useRef<HTMLDivElement>(null);
  const id = useId();
  const [active, setActive] = useState<At>({ row: 0, column: 0 });
  const [anchor, setAnchor] = useState<At>({ row: 0, column: 0 });
  const [typed, setTyped] = useState<string>();
  const rows = useVirtualizer({ count: rowCount, getScrollElement: () => viewport.current, estimateSize: () => ROW_PX, overscan: 6 });
  const across = useVirtualizer({
    count: columns.length,
    horizontal: true,
    getScrollElement: () => viewport.current,
    estimateSize: (at) => columns[at]?.width ?? 120,
    overscan: 2,
  });
  const starts = useMemo(() => startsOf(columns), [columns]);
  const top = Math.min(active.row, anchor.row);
  const bottom = Math.max(active.row, anchor.row);
  const left = Math.min(active.column, anchor.column);
  const right = Math.max(active.column, anchor.column);

  useEffect(() => {
    if (typed === undefined) viewport.current?.focus({ preventScroll: true });
  }, [typed]);

  /** Scrolls a cell into sight: every row is as high as the other, so where it is is known without asking the page. */
  function reveal({ row, column }: At): void {
    const box = viewport.current;
    if (box === null) return;
    const y = Math.min(row * ROW_PX, Math.max((row + 2) * ROW_PX - box.clientHeight, box.scrollTop));
    const start = starts[column] ?? 0;
    const x = Math.min(start, Math.max(NUMBER_PX + start + (columns[column]?.width ?? 0) - box.clientWidth, box.scrollLeft));
    if (y !== box.scrollTop) box.scrollTop = y;
    if (x !== box.scrollLeft) box.scrollLeft = x;
  }

  function move(rowStep: number, columnStep: number, isSelecting: boolean): void {
    const next = {
      row: Math.max(0, Math.min(rowCount - 1, active.row + rowStep)),
      column: Math.max(0, Math.min(columns.length - 1, active.column + columnStep)),
    };
    setActive(next);
    if (!isSelecting) setAnchor(next);
    reveal(next);
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

  function onMouseDown(event: MouseEvent): void {
    const at = atOf(event);
    if (at === undefined || (typed !== undefined && at.row === active.row && at.column === active.column)) return;
    setActive(at);
    if (!event.shiftKey) setAnchor(at);
  }

  const shown = across.getVirtualItems();
  const editing: Editing | undefined = typed === undefined ? undefined : { typed, onDone: finish, onCancel: () => setTyped(undefined) };
  return (
    <div
      className="grid"
      role="grid"
      aria-label={label}
      aria-rowcount={rowCount + 1}
      aria-colcount={columns.length}
      aria-multiselectable
      aria-activedescendant={cellId(id, active.row, active.column)}
      tabIndex={0}
      ref={viewport}
      onKeyDown={onKey}
      onCopy={onCopy}
      onPaste={onPaste}
      onMouseDown={onMouseDown}
      onDoubleClick={(event) => atOf(event) !== undefined && begin(cell(active.row, active.column))}
    >
      <div className="grid-window" style={{ height: rows.getTotalSize() + ROW_PX, width: across.getTotalSize() + NUMBER_PX }}>
        <div className="grid-head" role="row" aria-rowindex={1}>
          {shown.map((column) => (
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
        {rows.getVirtualItems().map(({ key, index, start }) => {
          const isIn = index >= top && index <= bottom;
          return (
            <Row
              key={key}
              id={id}
              row={index}
              top={start + ROW_PX}
              columns={columns}
              shown={shown}
              cell={cell}
              mark={mark?.(index)}
              active={index === active.row ? active.column : undefined}
              left={isIn ? left : undefined}
              right={isIn ? right : undefined}
              editing={index === active.row ? editing : undefined}
            />
          );
        })}
      </div>
    </div>
  );
}

/** Where each column begins, after the numbers of the rows. */
function startsOf(columns: readonly Column[]): number[] {
  let sum = 0;
  return columns.map(({ width }) => {
    const start = sum;
    sum += width;
    return start;
  });
}

function cellId(grid: string, row: number, column: number): string {
  return `${grid}-${row}-${column}`;
}

/** The cell that an event of the mouse is in. */
function atOf(event: MouseEvent): At | undefined {
  const found = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-row]") : null;
  return found === null ? undefined : { row: Number(found.dataset["row"]), column: Number(found.dataset["column"]) };
}

interface Editing {
  typed: string;
  onDone: (text: string, step: At) => void;
  onCancel: () => void;
}

interface RowProps {
  id: string;
  row: number;
  top: number;
  columns: readonly Column[];
  shown: readonly VirtualItem[];
  cell: GridProps["cell"];
  mark: Mark;
  /** The active column, in the active row. */
  active: number | undefined;
  /** The first and the last selected column, in a selected row. */
  left: number | undefined;
  right: number | undefined;
  editing: Editing | undefined;
}

/** A row is drawn again only when something of it changed: of a step with an arrow, that is two of forty. */
const Row = memo(function Row({ id, row, top, columns, shown, cell, mark, active, left, right, editing }: RowProps): ReactNode {
  return (
    <div role="row" aria-rowindex={row + 2} className={`grid-row ${mark ?? ""}`} style={{ top, height: ROW_PX }}>
      <div className="grid-number" aria-hidden="true">
        {row + 1}
      </div>
      {shown.map(({ key, index, start, size }) => {
        const column = columns[index];
        const isActive = index === active;
        const isSelected = left !== undefined && right !== undefined && index >= left && index <= right;
        return (
          <div
            key={key}
            id={cellId(id, row, index)}
            role="gridcell"
            aria-colindex={index + 1}
            aria-selected={isSelected}
            aria-readonly={column?.isReadOnly === true}
            data-row={row}
            data-column={index}
            className={`grid-cell ${isActive ? "active" : ""} ${column?.isNumber === true ? "number" : ""} ${column?.isReadOnly === true ? "fixed" : ""}`}
            style={{ left: start + NUMBER_PX, width: size }}
          >
            {isActive && editing !== undefined ? (
              <CellInput begun={editing.typed} label={column?.title ?? ""} values={column?.values} onDone={editing.onDone} onCancel={editing.onCancel} />
            ) : (
              cell(row, index)
            )}
          </div>
        );
      })}
    </div>
  );
});
