/** One document in the editor, and beside it what the whole draft would do. */

import { useQuery } from "@tanstack/react-query";
import { useMemo, useState, useSyncExternalStore, type ReactNode } from "react";
import type { Diagnostic } from "@codemirror/lint";
import { Link } from "wouter";
import { callJson } from "../../api/client";
import { FIXED } from "../../api/query";
import { Problem } from "../../api/problem";
import { readDocument, useSchemas } from "../../api/queries";
import { CodeEditor } from "../../code/CodeEditor";
import { sortOf, type Schema } from "../../code/schema";
import { placeOf, read, write } from "../../code/yaml";
import { Badge, Card, Loaded, PageHead } from "../../parts/basic";
import { Conflict } from "./Conflict";
import { changed, draft, idOf, type Draft, type DraftDocument } from "./draft";
import { SaveDialog } from "./SaveDialog";
import { Plan } from "./Plan";
import { useDryRun, type DryRun } from "./useDryRun";
import { LastChange, UndoLast, useVersions, Versions } from "./Versions";

interface EditorProps {
  kind: string;
  name: string;
}

type Live = { body: unknown; version: number } | undefined;

export default function Editor({ kind, name }: EditorProps): ReactNode {
  const live = useQuery({
    queryKey: ["document", kind, name, "editor"],
    queryFn: async (): Promise<{ at: Live; owner: string | null }> => {
      try {
        const document = await readDocument(kind, name);
        return { at: { body: document.body, version: document.version ?? 0 }, owner: document.owner ?? null };
      } catch (error) {
        // One that is not there is a new one.
        if (error instanceof Problem && error.status === 404 && error.code === "not_found") return { at: undefined, owner: null };
        throw error;
      }
    },
  });
  // What the head says of the last version is read first too: it would move the editor when it came later.
  const { isPending } = useVersions({ kind, name });
  return (
    <Loaded of={isPending ? { ...live, data: undefined } : live} what="The document" lines={12}>
      {({ at, owner }) => <LoadedEditor kind={kind} name={name} live={at} owner={owner} />}
    </Loaded>
  );
}

function LoadedEditor({ kind, name, live, owner }: EditorProps & { live: Live; owner: string | null }): ReactNode {
  const whole = useSyncExternalStore(draft.subscribe, draft.snapshot);
  const [saving, setSaving] = useState(false);
  const [tab, setTab] = useState<"plan" | "versions">("plan");
  const id = idOf(kind, name);
  const mine = whole[id];
  const schema = useSchema(kind, name);
  const dryRun = useDryRun(whole);
  const text = mine?.text ?? write(live?.body);
  const problems = useMemo(() => diagnostics(id, text, dryRun), [id, text, dryRun]);
  const isStale = mine !== undefined && mine.base?.version !== live?.version;
  const open = changed(whole);

  function edit(next: string): void {
    const base = mine === undefined ? live : mine.base;
    draft.put({ kind, name, text: next, isDeleted: false, ...(base === undefined ? {} : { base }) });
  }

  return (
    <>
      <PageHead
        title={id}
        aside={
          <>
            {live !== undefined && mine === undefined && <UndoLast kind={kind} name={name} />}
            {live !== undefined && mine?.isDeleted !== true && (
              <button className="button danger" onClick={() => draft.put({ kind, name, text: "", isDeleted: true, base: mine?.base ?? live })}>
                Delete
              </button>
            )}
            <button className="button" disabled={mine === undefined} onClick={() => draft.drop(id)}>
              Discard
            </button>
            <button className="button primary" disabled={open.length === 0} onClick={() => setSaving(true)}>
              Save{open.length > 1 ? ` ${open.length} documents` : ""}… <kbd>Ctrl S</kbd>
            </button>
          </>
        }
      >
        {live === undefined ? "A new document." : <LastChange kind={kind} name={name} />} {owner !== null && `It belongs to ${owner}: a change here must take it over.`}
      </PageHead>
      <div className="stack">
        {isStale && <Conflict mine={mine} live={live} />}
        <div className="editor" hidden={isStale}>
          <div className="stack tight">
            {mine?.isDeleted === true ? (
              <p className="notice warn">This document will be deleted when the draft is saved. Discard brings it back.</p>
            ) : (
              <CodeEditor label={`Body of ${id}, YAML`} text={text} onChange={edit} problems={problems} schema={schema} onSave={() => open.length > 0 && setSaving(true)} />
            )}
            <State dryRun={dryRun} own={problems} />
          </div>
          <div className="stack">
            <div className="row" role="group" aria-label="Beside the editor">
              <button className="button quiet" aria-pressed={tab === "plan"} onClick={() => setTab("plan")}>
                What it does
              </button>
              <button className="button quiet" aria-pressed={tab === "versions"} onClick={() => setTab("versions")} disabled={live === undefined}>
                Versions
              </button>
            </div>
            {tab === "plan" ? <Beside whole={whole} dryRun={dryRun} here={id} /> : <Versions kind={kind} name={name} onTake={(taken) => edit(write(taken))} />}
          </div>
        </div>
      </div>
      {saving && <SaveDialog draft={whole} dryRun={dryRun} onClose={() => setSaving(false)} />}
    </>
  );
}

function useSchema(kind: string, name: string): Schema | undefined {
  const schemas = useSchemas();
  const sort = sortOf(schemas.data?.items ?? [], kind, name);
  const schema = useQuery({
    queryKey: [FIXED, "schema", sort?.href],
    queryFn: () => callJson<Schema>(sort?.href ?? ""),
    enabled: sort !== undefined,
    staleTime: Infinity,
  });
  return schema.data;
}

/** What is wrong with one document of the draft, at its lines. */
function diagnostics(id: string, text: string, dryRun: DryRun): Diagnostic[] {
  const { document, problems } = read(text);
  if (problems.length > 0) return problems.map((it) => ({ ...it, ...visible(it.from, it.to, text), severity: "error" }));
  if (dryRun.state !== "refused") return [];
  return dryRun.problem.items
    .filter((it) => it.document === id || it.document == null)
    .map((it) => ({ ...placeOf(document, it.path), severity: "error", message: it.message }));
}

/** A range that has a character to be marked: what is missing is missing at the end. */
function visible(from: number, to: number, text: string): { from: number; to: number } {
  const end = text.trimEnd().length;
  return from >= end ? { from: Math.max(0, end - 1), to: end } : { from, to: Math.max(to, from + 1) };
}

function State({ dryRun, own }: { dryRun: DryRun; own: readonly Diagnostic[] }): ReactNode {
  if (own.length > 0) return <p role="status"><Badge tone="bad">{own.length === 1 ? "one problem" : `${own.length} problems`}</Badge></p>;
  switch (dryRun.state) {
    case "idle":
      return (
        <p className="small soft" role="status">
          Nothing is changed. <kbd>Ctrl Space</kbd> completes, <kbd>Ctrl F</kbd> finds, <kbd>Esc</kbd> then <kbd>Tab</kbd> leaves the editor.
        </p>
      );
    case "checking":
      return <p role="status"><Badge>checking…</Badge></p>;
    case "valid":
      return <p role="status"><Badge tone="good">valid (dry run; nothing changed)</Badge></p>;
    case "unreadable":
      return <p role="status"><Badge tone="bad">not readable: {dryRun.documents.join(", ")}</Badge></p>;
    case "refused":
      return <p role="status"><Badge tone="bad">would be refused</Badge></p>;
    case "unknown":
      return <p role="status"><Badge tone="warn">not checked</Badge></p>;
  }
}

function Beside({ whole, dryRun, here }: { whole: Draft; dryRun: DryRun; here: string }): ReactNode {
  const open = changed(whole);
  return (
    <>
      {open.length > 1 && (
        <Card title="In this draft">
          <ul className="stack tight">
            {open.map((it: DraftDocument) => {
              const id = idOf(it.kind, it.name);
              return (
                <li key={id} className="row spread">
                  <Link className="mono" href={`/ui/edit/${id}`} aria-current={id === here ? "page" : undefined}>
                    {id}
                  </Link>
                  <button className="button quiet" onClick={() => draft.drop(id)} aria-label={`Discard ${id}`}>
                    Discard
                  </button>
                </li>
              );
            })}
          </ul>
        </Card>
      )}
      <Plan draft={whole} dryRun={dryRun} />
    </>
  );
}
