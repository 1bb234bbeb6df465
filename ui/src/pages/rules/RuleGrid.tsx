/** The rules of a ruleset as a table. What is typed goes into the draft; the draft is checked and saved as anywhere. */

import { useCallback, useMemo, useState, useSyncExternalStore, type ReactNode } from "react";
import { useLocation } from "wouter";
import type { Schemas } from "../../api/client";
import { searchTextOf, useDocuments } from "../../api/queries";
import { Grid, type CellEdit } from "../../grid/Grid";
import { Badge, Empty, Loaded } from "../../parts/basic";
import { count, plural } from "../../parts/format";
import { changed, contentOf, draft, idOf } from "../editor/draft";
import { Plan } from "../editor/Plan";
import { SaveDialog } from "../editor/SaveDialog";
import { useDryRun } from "../editor/useDryRun";
import { COLUMNS, textOf, withText } from "./cells";

export function RuleGrid({ ruleset }: { ruleset: string }): ReactNode {
  const documents = useDocuments("rules", `${ruleset}/`);
  return (
    <Loaded of={documents} what="The rules" lines={10}>
      {(rules) =>
        rules.length === 0 ? (
          <Empty title="This ruleset has no rule yet">
            <p>Make one in the editor: its name is {ruleset}/ and an id.</p>
          </Empty>
        ) : (
          <Table ruleset={ruleset} rules={rules} />
        )
      }
    </Loaded>
  );
}

function Table({ ruleset, rules }: { ruleset: string; rules: readonly Schemas["DocumentAnswer"][] }): ReactNode {
  const [, go] = useLocation();
  const [text, setText] = useState("");
  const [saving, setSaving] = useState(false);
  const whole = useSyncExternalStore(draft.subscribe, draft.snapshot);
  const dryRun = useDryRun(whole);
  const sorted = useMemo(() => [...rules].sort(inOrder), [rules]);
  const shown = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return sorted;
    return sorted.filter((it) => {
      const text = searchTextOf(it);
      return words.every((word) => text.includes(word));
    });
  }, [sorted, text]);
  const bodies = useMemo(() => {
    const known = new Map<string, unknown>();
    for (const it of Object.values(whole)) if (it.kind === "rules" && !it.isDeleted) known.set(it.name, contentOf(it).body);
    return known;
  }, [whole]);
  const bad = useMemo(
    () => new Set(dryRun.state === "refused" ? dryRun.problem.items.map((it) => it.document) : []),
    [dryRun],
  );
  const cell = useCallback(
    (row: number, column: number): string => {
      const rule = shown[row];
      const key = COLUMNS[column]?.key;
      if (rule === undefined || key === undefined) return "";
      return key === "" ? rule.name.slice(ruleset.length + 1) : textOf(bodies.get(rule.name) ?? rule.body, key);
    },
    [shown, bodies, ruleset],
  );

  function edit(edits: readonly CellEdit[]): void {
    const next = new Map<string, { rule: Schemas["DocumentAnswer"]; body: unknown }>();
    for (const { row, column, text: written } of edits) {
      const rule = shown[row];
      const key = COLUMNS[column]?.key;
      if (rule === undefined || key === undefined) continue;
      const body = next.get(rule.name)?.body ?? bodies.get(rule.name) ?? rule.body;
      next.set(rule.name, { rule, body: withText(body, key, written) });
    }
    draft.putBodies(
      [...next.values()].map(({ rule, body }) => ({
        kind: "rules",
        name: rule.name,
        body,
        base: whole[idOf("rules", rule.name)]?.base ?? { body: rule.body, version: rule.version ?? 0 },
      })),
    );
  }

  const open = changed(whole);
  return (
    <div className="stack">
      <div className="row spread">
        <input className="input grid-filter" aria-label="Filter rules" placeholder="Filter rules" value={text} onChange={(event) => setText(event.target.value)} />
        <span className="row">
          <span className="soft small">
            {count(shown.length)} of {plural(rules.length, "rule")}
          </span>
          {dryRun.state === "refused" && <Badge tone="bad">would be refused</Badge>}
          {dryRun.state === "valid" && <Badge tone="good">valid (dry run)</Badge>}
          <button className="button" disabled={open.length === 0} onClick={() => draft.clear()}>
            Discard
          </button>
          <button className="button primary" disabled={open.length === 0} onClick={() => setSaving(true)}>
            Save{open.length === 0 ? "" : ` ${plural(open.length, "document")}`}…
          </button>
        </span>
      </div>
      <Grid
        label={`Rules of ${ruleset}`}
        columns={COLUMNS}
        rowCount={shown.length}
        cell={cell}
        mark={(row) => {
          const name = shown[row]?.name ?? "";
          if (bad.has(`rules/${name}`)) return "bad";
          return bodies.has(name) ? "changed" : undefined;
        }}
        onEdit={edit}
        onOpen={(row) => go(`/ui/edit/rules/${shown[row]?.name ?? ""}`)}
      />
      <p className="small soft">
        Arrows move, <kbd>Enter</kbd> edits, <kbd>Shift</kbd> with arrows selects; copy and paste work with a spreadsheet. <kbd>Enter</kbd> on a rule’s id opens it.
      </p>
      {open.length > 0 && dryRun.state !== "valid" && <Plan draft={whole} dryRun={dryRun} />}
      {saving && <SaveDialog draft={whole} dryRun={dryRun} onClose={() => setSaving(false)} />}
    </div>
  );
}

/** The order in which rules execute: by priority, then by id. */
function inOrder(a: Schemas["DocumentAnswer"], b: Schemas["DocumentAnswer"]): number {
  const priority = (it: Schemas["DocumentAnswer"]): number => Number((it.body as { priority?: unknown } | null)?.priority ?? 0);
  return priority(a) - priority(b) || (a.name < b.name ? -1 : 1);
}
