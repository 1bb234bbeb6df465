/** What is being edited in this tab: documents of any kinds, saved together as one revision. */

import { read, write } from "../../code/yaml";

export interface DraftDocument {
  kind: string;
  name: string;
  /** The text as it is typed; empty with `isDeleted`. */
  text: string;
  isDeleted: boolean;
  /** What it was when the edit began; absent for a new document. */
  base?: { body: unknown; version: number };
}

export type Draft = Readonly<Record<string, DraftDocument>>;

const KEY = "midflight-draft";
const listeners = new Set<() => void>();
let current: Draft = load();

function load(): Draft {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Draft;
  } catch {
    return {};
  }
}

function set(next: Draft): void {
  current = next;
  keepSoon();
  for (const listener of listeners) listener();
}

/** So long after a change the draft is written down: a draft of many documents is not written at each key. */
const KEEP_MS = 500;
let keeping: ReturnType<typeof setTimeout> | undefined;

function keepSoon(): void {
  keeping ??= setTimeout(keep, KEEP_MS);
}

function keep(): void {
  clearTimeout(keeping);
  keeping = undefined;
  try {
    sessionStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // It is too large to be kept over a reload of the page; until then it is there.
  }
}

globalThis.addEventListener("pagehide", () => {
  if (keeping !== undefined) keep();
});

export function idOf(kind: string, name: string): string {
  return `${kind}/${name}`;
}

export const draft = {
  snapshot: (): Draft => current,
  subscribe: (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  put(document: DraftDocument): void {
    set({ ...current, [idOf(document.kind, document.name)]: document });
  },
  /** Puts documents whose bodies are known already, all at once. */
  putBodies(documents: readonly (Omit<DraftDocument, "text" | "isDeleted"> & { body: unknown })[]): void {
    const next: Record<string, DraftDocument> = { ...current };
    for (const { body, ...rest } of documents) {
      const document = { ...rest, text: write(body), isDeleted: false };
      contents.set(document, { body, isReadable: body !== null && body !== undefined });
      next[idOf(rest.kind, rest.name)] = document;
    }
    set(next);
  },
  drop(id: string): void {
    set(Object.fromEntries(Object.entries(current).filter(([known]) => known !== id)));
  },
  clear(): void {
    set({});
  },
};

interface Content {
  body: unknown;
  isReadable: boolean;
}

/** Documents of a draft are never altered, so each is read once. */
const contents = new WeakMap<DraftDocument, Content>();

/** The body that a document of the draft has as text. */
export function contentOf(document: DraftDocument): Content {
  const known = contents.get(document);
  if (known !== undefined) return known;
  const { body, problems } = read(document.text);
  const content = { body, isReadable: problems.length === 0 && body !== null && body !== undefined };
  contents.set(document, content);
  return content;
}

const written = new WeakMap<object, string>();

function textOfBase(base: NonNullable<DraftDocument["base"]>): string {
  const known = written.get(base) ?? write(base.body);
  written.set(base, known);
  return known;
}

/** Whether a document of the draft differs from what it began from. */
export function isChanged(document: DraftDocument): boolean {
  if (document.isDeleted || document.base === undefined) return true;
  return document.text !== textOfBase(document.base);
}

export function changed(of: Draft): DraftDocument[] {
  return Object.values(of).filter(isChanged);
}

export interface Change {
  op: "put" | "delete";
  kind: string;
  name: string;
  body?: unknown;
  if_version: number;
}

/** The changes that save a draft, or the documents whose text cannot be read. */
export function changesOf(of: Draft): { changes: Change[]; unreadable: string[] } {
  const changes: Change[] = [];
  const unreadable: string[] = [];
  for (const document of changed(of)) {
    const { kind, name, base } = document;
    // Version 0 says that there is none yet.
    const if_version = base?.version ?? 0;
    if (document.isDeleted) {
      changes.push({ op: "delete", kind, name, if_version });
      continue;
    }
    const { body, isReadable } = contentOf(document);
    if (!isReadable) unreadable.push(idOf(kind, name));
    else changes.push({ op: "put", kind, name, body, if_version });
  }
  return { changes, unreadable };
}
