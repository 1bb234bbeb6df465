/** What a refused call said: a problem document, or what stands for one when the server could not be asked. */

import type { components } from "./schema";

export type ProblemItem = components["schemas"]["ProblemItem"];
type ProblemBody = components["schemas"]["ProblemBody"];

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly items: readonly ProblemItem[];
  readonly requestId: string | undefined;

  constructor(status: number, body: Partial<ProblemBody>) {
    super(body.detail ?? body.title ?? `The server answered ${status}`);
    this.status = status;
    this.code = body.code ?? "unknown";
    this.items = body.errors ?? [];
    this.requestId = body.request_id ?? undefined;
  }
}

/** Reads any thrown value as a problem, so that every page shows failures in one way. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TypeError) {
    return new Problem(0, { code: "unreachable", detail: "The server cannot be reached. The page tries again by itself." });
  }
  return new Problem(0, { code: "unknown", detail: error instanceof Error ? error.message : String(error) });
}
