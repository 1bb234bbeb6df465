/** What changes in documents: by meaning on top, as text below. */

import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import type { Schemas } from "../api/client";
import { FIXED } from "../api/query";
import { readDocument } from "../api/queries";
import { Problem } from "../api/problem";
import { Badge, DocumentLink, Failure, Meaning, Patch, type Tone } from "./basic";
import { bytes } from "./format";
import { applyPatch, type Operation } from "./jsonPatch";

type Diff = Schemas["DocumentDiffAnswer"];

/** So many are open at first: more would be read one by one, and asked for one by one. */
const OPEN_MAX = 6;

const EFFECTS: Record<string, Tone> = { add: "good", change: "info", delete: "bad" };

interface DiffsProps {
  diffs: readonly Diff[];
  /** The revision whose documents the patches begin from; the current ones without. */
  against?: number | undefined;
  /** What stands beside the name of each document. */
  action?: (diff: Diff) => ReactNode;
}

export function DocumentDiffs({ diffs, against, action }: DiffsProps): ReactNode {
  if (diffs.length === 0) return <p className="soft">No document changes.</p>;
  return (
    <ul className="stack tight">
      {diffs.map((diff, at) => (
        <li key={`${diff.kind}/${diff.name}`}>
          <OneDiff diff={diff} against={against} isOpen={at < OPEN_MAX} action={action} />
        </li>
      ))}
    </ul>
  );
}

function OneDiff({ diff, against, isOpen, action }: { diff: Diff; against: number | undefined; isOpen: boolean; action: DiffsProps["action"] }): ReactNode {
  const [open, setOpen] = useState(isOpen);
  return (
    <section className="doc-diff">
      <header>
        <button
          className="button quiet fold"
          aria-expanded={open}
          aria-label={`${open ? "Hide" : "Show"} what changes in ${diff.kind}/${diff.name}`}
          onClick={() => setOpen(!open)}
        >
          <span aria-hidden="true">{open ? "▾" : "▸"}</span>
        </button>
        <Badge tone={EFFECTS[diff.effect] ?? "plain"}>{diff.effect}</Badge>
        <DocumentLink kind={diff.kind} name={diff.name} />
        <span className="grow" />
        {action?.(diff)}
      </header>
      {open && (
        <div>
          <ByMeaning diff={diff} against={against} />
          {diff.text != null && diff.text !== "" && <Patch text={diff.text} />}
          {diff.truncated === true && (
            <p className="small soft">
              The whole diff is too long to be sent at once: {bytes(diff.old_bytes ?? 0)} became {bytes(diff.new_bytes ?? 0)}.
            </p>
          )}
        </div>
      )}
    </section>
  );
}

function ByMeaning({ diff, against }: { diff: Diff; against: number | undefined }): ReactNode {
  const isNew = diff.effect === "add";
  const before = useQuery({
    queryKey: against === undefined ? ["document", diff.kind, diff.name] : [FIXED, "document", diff.kind, diff.name, against],
    queryFn: async (): Promise<{ body?: unknown }> => {
      try {
        return await readDocument(diff.kind, diff.name, against);
      } catch (error) {
        // One that is not there is compared as nothing.
        if (error instanceof Problem && error.status === 404) return { body: undefined };
        throw error;
      }
    },
    enabled: !isNew && diff.truncated !== true,
  });
  if (diff.truncated === true) return null;
  const operations = Array.isArray(diff.patch) ? (diff.patch as Operation[]) : [];
  if (isNew) return diff.text == null ? <Meaning from={undefined} to={applyPatch(undefined, operations)} /> : null;
  if (before.error !== null) return <Failure error={before.error} what="What it was could not be read" />;
  if (before.data === undefined) return <div className="skeleton" />;
  if (diff.effect === "delete") return null;
  return <Meaning from={before.data.body} to={applyPatch(before.data.body, operations)} />;
}
