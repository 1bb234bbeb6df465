/** The phases of a reload on a line, each as long as it took; the longest of them in words below. */

import type { ReactNode } from "react";
import { duration } from "./format";

export interface Phase {
  phase: string;
  ms: number;
  /** What colours it: before the point of no return, that point, after it; or the pause of a module. */
  side: "before" | "point" | "after" | "pause";
}

/** So many phases are named below the line. */
const NAMED_MAX = 4;

export function PhaseBar({ phases }: { phases: readonly Phase[] }): ReactNode {
  if (phases.length === 0) return null;
  const all = phases.map((it) => `${it.phase} ${duration(it.ms)}`).join(", ");
  const longest = [...phases].sort((a, b) => b.ms - a.ms).slice(0, NAMED_MAX);
  return (
    <>
      <div className="phases" role="img" aria-label={`Phases: ${all}`}>
        {phases.map((it) => (
          <i key={it.phase} data-side={it.side} title={`${it.phase} ${duration(it.ms)}`} style={{ flexGrow: Math.max(it.ms, 0.001), flexBasis: 0 }} />
        ))}
      </div>
      <p className="small soft" aria-hidden="true">
        {longest.map((it) => `${it.phase} ${duration(it.ms)}`).join(" · ")}
      </p>
    </>
  );
}
