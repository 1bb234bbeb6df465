/**
 * What a draft answers: a dry run of the draft with a check that cannot pass, whose problems say what the answer was.
 *
 * So the answer is that of the server's own pipeline on the very documents that would be saved.
 */

import { api, body } from "../../api/client";
import { asProblem } from "../../api/problem";
import type { Schemas } from "../../api/client";
import type { Change } from "../editor/draft";

export interface DraftAnswer {
  pattern_result: string;
  total_points: number;
  action_recommendation: string | null;
  matched: readonly string[];
}

export type Probed = { answer: DraftAnswer } | { refused: readonly Schemas["ProblemItem"][] };

/** The name of the check; it never enters the log. */
const NAME = "checks/ui-probe";
/** No answer has this text. */
const NEVER = "\u0001";

export async function probe(changes: readonly Change[], ruleset: string, data: unknown): Promise<Probed> {
  const expect = { pattern_result: NEVER, total_points: NEVER, action_recommendation: NEVER, matched: NEVER };
  const check = { op: "put" as const, kind: "rules", name: NAME, body: { input: { ruleset, data }, expect } };
  try {
    await body(api.POST("/api/v1/apply", { params: { query: { dry_run: true } }, body: { changes: [...changes, check] } }));
  } catch (error) {
    const problem = asProblem(error);
    const mine = problem.items.filter((it) => it.document === `rules/${NAME}`);
    const others = problem.items.filter((it) => it.document !== `rules/${NAME}`);
    const answer = answerOf(mine);
    if (answer !== undefined) return { answer };
    if (problem.items.length > 0) return { refused: others.length > 0 ? others : mine };
    throw problem;
  }
  throw new Error("the server accepted a check that cannot pass");
}

/** Reads the answers out of the problems of the check. */
export function answerOf(problems: readonly Pick<Schemas["ProblemItem"], "path" | "message">[]): DraftAnswer | undefined {
  const found: Partial<Record<keyof DraftAnswer, unknown>> = {};
  for (const { path, message } of problems) {
    const key = path.split("/").pop() as keyof DraftAnswer;
    const answer = message.split(", the answer is ").slice(1).join(", the answer is ");
    try {
      found[key] = JSON.parse(answer);
    } catch {
      return undefined;
    }
  }
  if (typeof found.pattern_result !== "string" || typeof found.total_points !== "number" || !Array.isArray(found.matched)) return undefined;
  return found as DraftAnswer;
}
