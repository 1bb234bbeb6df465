/** What a dry run says of each check. */

import type { DryRun } from "./useDryRun";

/** How the names of checks begin, in every kind. */
export const CHECKS = "checks/";

export interface CheckResult {
  kind: string;
  name: string;
  input: unknown;
  expect: unknown;
  /** Whether the check is part of the draft. */
  isNew: boolean;
  isPassed: boolean;
}

export interface Known {
  kind: string;
  name: string;
  body: unknown;
}

/** A document as a draft leaves it. */
export interface Edited extends Known {
  isDeleted: boolean;
}

/**
 * The checks of every kind that a draft changes, as they are with it. A dry run that was answered asked them all, and
 * names each that fails; one that was refused for another reason asked none.
 */
export function resultsOf(edits: readonly Edited[], live: readonly Known[], dryRun: DryRun): CheckResult[] | undefined {
  const problems = dryRun.state === "refused" ? dryRun.problem.items : [];
  if (dryRun.state !== "valid" && (problems.length === 0 || problems.some((it) => it.code !== "check_failed"))) return undefined;
  const checks = new Map(live.map((it) => [`${it.kind}/${it.name}`, { kind: it.kind, name: it.name, body: it.body, isNew: false }]));
  for (const { kind, name, isDeleted, body } of edits) {
    if (!name.startsWith(CHECKS)) continue;
    if (isDeleted) checks.delete(`${kind}/${name}`);
    else checks.set(`${kind}/${name}`, { kind, name, body, isNew: true });
  }
  return [...checks].map(([id, { kind, name, body: stated, isNew }]) => {
    const { input, expect } = (stated ?? {}) as { input?: unknown; expect?: unknown };
    return { kind, name, input, expect, isNew, isPassed: problems.every((it) => it.document !== id) };
  });
}
