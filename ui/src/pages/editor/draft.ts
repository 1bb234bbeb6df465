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
  try {
    sessionStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // It is too large to be kept over a reload of the page; until then it is there.
  }
  for (const listener of listeners) listener();
}

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
  drop(id: string): void {
    set(Object.fromEntries(Object.entries(current).filter(([known]) => known !== id)));
  },
  clear(): void {
    set({});
  },
};

/** Whether a document of the draft differs from what it began from. */
export function isChanged(document: DraftDocument): boolean {
  if (document.isDeleted || document.base === undefined) return true;
  return document.text !== write(document.base.body);
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
    const { body, problems } = read(document.text);
    if (problems.length > 0 || body === null || body === undefined) unreadable.push(idOf(kind, name));
    else changes.push({ op: "put", kind, name, body, if_version });
  }
  return { changes, unreadable };
}
