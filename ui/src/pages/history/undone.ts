/**
 * What a restore undoes. The log keeps a restore as any other edit, with the bodies of before: which revisions it undoes
 * is seen from the versions of the documents that it changed.
 */

import { useQuery } from "@tanstack/react-query";
import { api, body, type Schemas } from "../../api/client";
import { useStatus } from "../../api/queries";
import { FIXED } from "../../api/query";
import { isSame } from "../../parts/equal";

export interface Undone {
  /** The revision whose state of the document came back; 0 for the state before there was one. */
  to: number;
  /** The revisions whose changes were undone, in ascending order. */
  revisions: readonly number[];
}

type Version = Pick<Schemas["VersionAnswer"], "revision" | "op" | "body">;

/** Of a restore so many documents are looked at; the others were restored to the same state. */
const DOCUMENTS_MAX = 3;
/** So many versions of a document are looked through. */
const VERSIONS_MAX = 100;

/** Restores and rollbacks are asked for by hand; edits have triggers of their own. */
export function mayUndo(revision: Pick<Schemas["RevisionAnswer"], "trigger">): boolean {
  return revision.trigger === "manual";
}

/**
 * What a revision undid of one document, by its versions, newest first; undefined where it brought nothing back.
 * `isWhole` says whether these are all versions there are.
 */
export function undoneOf(number: number, versions: readonly Version[], isWhole: boolean): Undone | undefined {
  const at = versions.findIndex((it) => it.revision === number);
  const made = versions[at];
  if (made === undefined) return undefined;
  const before = versions.slice(at + 1);
  const same = before.findIndex((it) => it.op === made.op && isSame(it.body, made.body));
  if (same >= 0) return of(before[same]?.revision ?? 0, before.slice(0, same));
  // Deleted and never deleted before: there was no such document at first.
  return made.op === "delete" && isWhole ? of(0, before) : undefined;
}

function of(to: number, undone: readonly Version[]): Undone | undefined {
  return undone.length === 0 ? undefined : { to, revisions: undone.map((it) => it.revision).sort((a, b) => a - b) };
}

/** What of several documents was undone, together: the oldest state that came back. */
export function together(all: readonly (Undone | undefined)[]): Undone | undefined {
  const found = all.filter((it) => it !== undefined);
  if (found.length === 0) return undefined;
  const revisions = [...new Set(found.flatMap((it) => it.revisions))].sort((a, b) => a - b);
  // What was before the first revision that is undone was the state that came back, also of what was not yet there.
  return { to: Math.max(...found.map((it) => it.to).filter((to) => to < (revisions[0] ?? 0)), 0), revisions };
}

/** `42–44, 47`: adjacent numbers as a range. */
export function ranges(numbers: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const number of numbers) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else parts.push([number, number]);
  }
  return parts.map(([from, to]) => (from === to ? String(from) : `${from}–${to}`)).join(", ");
}

/** The revisions that a restore of a state is to undo; undefined until they are known. */
export function useToUndo(to: number, only: { kind: string; name: string } | undefined): readonly number[] | undefined {
  const head = useStatus().data?.desired_revision;
  const versions = useQuery({
    queryKey: ["versions", only?.kind, only?.name, "undo", to],
    queryFn: async () => {
      if (only === undefined) return [];
      const list = await body(api.GET("/api/v1/documents/{kind}/{name}/versions", { params: { path: only, query: { limit: VERSIONS_MAX } } }));
      return list.items.map((it) => it.revision).filter((it) => it > to);
    },
    enabled: only !== undefined,
  });
  if (only !== undefined) return versions.data?.toSorted((a, b) => a - b);
  return head === undefined ? undefined : Array.from({ length: Math.max(0, head - to) }, (_, at) => to + 1 + at);
}

/** What a revision undid; undefined for one that undid nothing, and until that is known. */
export function useUndone(revision: Schemas["RevisionAnswer"]): Undone | undefined {
  const { data } = useQuery({
    queryKey: [FIXED, "undone", revision.number],
    // A row that is scrolled past is not waited for.
    queryFn: async ({ signal }) => {
      const documents = revision.changes.slice(0, DOCUMENTS_MAX).map(async ({ kind, name }) => {
        const path = { kind, name };
        const list = await body(api.GET("/api/v1/documents/{kind}/{name}/versions", { params: { path, query: { limit: VERSIONS_MAX } }, signal }));
        return undoneOf(revision.number, list.items, list.next_cursor == null);
      });
      return together(await Promise.all(documents)) ?? null;
    },
    enabled: mayUndo(revision),
    staleTime: Infinity,
  });
  return data ?? undefined;
}
