/** The checks that a draft is asked, each with its result. */

import { useQueries } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, body, type Schemas } from "../../api/client";
import { DocumentLink } from "../../parts/basic";
import { plural, short } from "../../parts/format";
import { changed, contentOf, idOf, type Draft } from "./draft";
import { CHECKS, resultsOf, type CheckResult, type Known } from "./checkResults";
import type { DryRun } from "./useDryRun";

/** So many checks of a kind are listed; the server asks all. */
const LISTED_MAX = 100;

/** The checks of the kinds that a draft changes, and whether there are more than are listed. */
function useChecks(draft: Draft): { live: readonly Known[]; isCut: boolean; isLoading: boolean } {
  const kinds = [...new Set(changed(draft).map((it) => it.kind))].sort();
  const lists = useQueries({
    queries: kinds.map((kind) => ({
      queryKey: ["documents", kind, CHECKS, "first"],
      queryFn: () => body<Schemas["DocumentList"]>(api.GET("/api/v1/documents/{kind}", { params: { path: { kind }, query: { prefix: CHECKS, limit: LISTED_MAX } } })),
    })),
  });
  return {
    live: lists.flatMap((it) => it.data?.items ?? []),
    isCut: lists.some((it) => it.data?.next_cursor != null),
    isLoading: lists.some((it) => it.isPending),
  };
}

export function Checks({ draft, dryRun }: { draft: Draft; dryRun: DryRun }): ReactNode {
  const { live, isCut, isLoading } = useChecks(draft);
  const edited = changed(draft).map((it) => ({ kind: it.kind, name: it.name, isDeleted: it.isDeleted, body: it.isDeleted ? undefined : contentOf(it).body }));
  const results = isLoading ? undefined : resultsOf(edited, live, dryRun);
  if (results === undefined) return null;
  if (results.length === 0) {
    return <p className="small soft">These kinds have no checks yet. On the page of the rules, an input that was tried becomes one.</p>;
  }
  const failed = results.filter((it) => !it.isPassed);
  return (
    <details className="checks-list" open={failed.length > 0 || results.length <= 5}>
      <summary>
        {failed.length === 0 ? `${isCut ? "All checks" : plural(results.length, "check")} passed` : `${failed.length} of ${plural(results.length, "check")} failed`}
      </summary>
      <ul className="checks">
        {[...failed, ...results.filter((it) => it.isPassed)].map((it) => (
          <CheckLine key={idOf(it.kind, it.name)} result={it} />
        ))}
      </ul>
      {isCut && <p className="small soft">The first {LISTED_MAX} of each kind are listed. The server asked them all.</p>}
    </details>
  );
}

function CheckLine({ result: { kind, name, input, expect, isNew, isPassed } }: { result: CheckResult }): ReactNode {
  return (
    <li>
      <span className={isPassed ? "mark good" : "mark bad"} aria-hidden="true">
        {isPassed ? "✓" : "✕"}
      </span>
      <span>
        <span className="visually-hidden">{isPassed ? "passed: " : "failed: "}</span>
        <DocumentLink kind={kind} name={name} />
        {isNew && <span className="soft"> in this draft</span>}
        <span className="small soft block">
          <code>{short(input)}</code> must give <code>{short(expect)}</code>
        </span>
      </span>
    </li>
  );
}
