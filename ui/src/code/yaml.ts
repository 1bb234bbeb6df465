/** Bodies as YAML: written, read, and the place of a value in the text. */

import { isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument, stringify, type Document, type Node } from "yaml";

export interface Place {
  from: number;
  to: number;
}

export interface TextProblem extends Place {
  message: string;
}

export interface Parsed {
  /** Undefined when the text cannot be read. */
  body: unknown;
  problems: TextProblem[];
  document: Document;
}

export function write(body: unknown): string {
  return body === undefined ? "" : stringify(body, { lineWidth: 110, aliasDuplicateObjects: false });
}

export function read(text: string): Parsed {
  const document = parseDocument(text, { lineCounter: new LineCounter(), prettyErrors: false, uniqueKeys: true });
  const problems = document.errors.map((error) => ({ message: error.message, from: error.pos[0], to: error.pos[1] }));
  if (problems.length > 0) return { body: undefined, problems, document };
  // An alias that names itself many times over is no body: the library stops at a bound of its own.
  try {
    return { body: document.toJS({ maxAliasCount: 100 }), problems, document };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { body: undefined, problems: [{ message, from: 0, to: text.length }], document };
  }
}

/** Where the value of a JSON pointer stands; that of the deepest value on the way when it is not there. */
export function placeOf(document: Document, pointer: string): Place {
  const keys = pointer.split("/").slice(1).map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  let node: Node | null = document.contents;
  let place: Place = { from: 0, to: 0 };
  for (const key of keys) {
    if (isMap(node)) {
      const pair = node.items.find((it) => isScalar(it.key) && String(it.key.value) === key);
      if (pair === undefined || !isPair(pair)) return place;
      place = rangeOf(isNode(pair.key) ? pair.key : null) ?? place;
      node = isNode(pair.value) ? pair.value : null;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(key)];
      if (!isNode(item)) return place;
      node = item;
      place = rangeOf(item) ?? place;
    } else return place;
  }
  if (isScalar(node)) return rangeOf(node) ?? place;
  return place;
}

function rangeOf(node: Node | null): Place | undefined {
  const range = node?.range;
  return range == null ? undefined : { from: range[0], to: range[1] };
}

/** The keys that lead to a line of a text, by its indentation: what completion is asked for. Items of lists are `"*"`. */
export function pathAt(text: string, at: number): string[] {
  const before = text.slice(0, at).split("\n");
  const current = before.pop() ?? "";
  let indent = columnOf(current);
  const path: string[] = [];
  if (/^\s*- /.test(current)) {
    path.unshift("*");
    indent = current.search(/\S/);
  }
  for (const line of before.reverse()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const dash = /^(\s*)- /.exec(line);
    const column = columnOf(line);
    if (dash !== null && column <= indent && (dash[1] ?? "").length < indent) {
      // The same item: what stands beside it has the column after its dash.
      if (column < indent) {
        const key = /^\s*- ([^:#\s][^:]*):\s*$/.exec(line)?.[1];
        if (key !== undefined) path.unshift(key.trim());
      }
      path.unshift("*");
      indent = (dash[1] ?? "").length;
      continue;
    }
    const key = /^\s*("?)([^:#]+?)\1:\s*$/.exec(line)?.[2];
    if (key !== undefined && (column < indent || (column === indent && path[0] === "*"))) {
      path.unshift(key.trim());
      indent = column;
    }
  }
  return path;
}

/** The column at which the key of a line begins, after a dash too. */
function columnOf(line: string): number {
  return /^\s*(- )*/.exec(line)?.[0].length ?? 0;
}
