/** The draft as the server sees it: tried while it is typed, and never made. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { api, body, type Schemas } from "../../api/client";
import { asProblem, Problem } from "../../api/problem";
import { changesOf, type Draft } from "./draft";

/** So long after the last key the draft is tried. */
const PAUSE_MS = 350;

/** Of more documents than these, the server is not asked for diffs as text. */
const TEXTS_MAX = 50;

export type DryRun =
  | { state: "idle" | "checking" }
  | { state: "unreadable"; documents: readonly string[] }
  | { state: "valid"; answer: Schemas["WriteAnswer"] }
  | { state: "refused"; problem: Problem }
  | { state: "unknown"; problem: Problem };

export function useDryRun(draft: Draft): DryRun {
  const settled = useSettled(draft);
  const { changes, unreadable, key } = useMemo(() => {
    const of = changesOf(settled);
    return { ...of, key: JSON.stringify(of.changes) };
  }, [settled]);
  const isAsked = changes.length > 0 && unreadable.length === 0;
  const tried = useQuery({
    queryKey: ["dry-run", key],
    queryFn: () => body(api.POST("/api/v1/apply", { params: { query: { dry_run: true, text: changes.length <= TEXTS_MAX } }, body: { changes } })),
    enabled: isAsked,
    retry: false,
    gcTime: 10_000,
  });
  if (unreadable.length > 0) return { state: "unreadable", documents: unreadable };
  if (changes.length === 0) return { state: "idle" };
  if (settled !== draft || tried.isFetching) return { state: "checking" };
  if (tried.data !== undefined) return { state: "valid", answer: tried.data };
  if (tried.error === null) return { state: "checking" };
  const problem = asProblem(tried.error);
  return { state: problem.items.length > 0 || problem.status === 412 ? "refused" : "unknown", problem };
}

/** The value once it has not changed for a moment. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
