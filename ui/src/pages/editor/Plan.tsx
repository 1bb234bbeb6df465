/** What a draft would do: the diff by meaning, the plan, and why the server would refuse it. */

import type { ReactNode } from "react";
import { Badge, Card, DocumentLink, Failure, Meaning, Patch } from "../../parts/basic";
import { plural } from "../../parts/format";
import { Checks } from "./Checks";
import { changed, contentOf, idOf, type Draft } from "./draft";
import type { DryRun } from "./useDryRun";

/** So many documents of a draft are shown. */
const SHOWN_MAX = 50;

export function Plan({ draft, dryRun }: { draft: Draft; dryRun: DryRun }): ReactNode {
  const documents = changed(draft);
  if (documents.length === 0) {
    return <p className="soft">Change something: what it does is shown here before it is saved.</p>;
  }
  return (
    <>
      <Verdict draft={draft} dryRun={dryRun} />
      {documents.slice(0, SHOWN_MAX).map((it) => (
        <Card key={idOf(it.kind, it.name)} title={idOf(it.kind, it.name)} aside={<Badge>{it.isDeleted ? "delete" : it.base === undefined ? "new" : "change"}</Badge>}>
          {it.isDeleted ? <p>The document is deleted.</p> : <Meaning from={it.base?.body} to={contentOf(it).body} />}
          <TextDiff dryRun={dryRun} kind={it.kind} name={it.name} />
        </Card>
      ))}
      {documents.length > SHOWN_MAX && <p className="small soft">{plural(documents.length - SHOWN_MAX, "more document")} changed, not shown here.</p>}
    </>
  );
}

function TextDiff({ dryRun, kind, name }: { dryRun: DryRun; kind: string; name: string }): ReactNode {
  if (dryRun.state !== "valid") return null;
  const text = dryRun.answer.diff.find((it) => it.kind === kind && it.name === name)?.text;
  return text == null || text === "" ? null : <Patch text={text} />;
}

function Verdict({ draft, dryRun }: { draft: Draft; dryRun: DryRun }): ReactNode {
  if (dryRun.state === "valid") {
    const { plan, warnings, config } = dryRun.answer;
    return (
      <Card title="The plan" aside={<Badge tone="good">passes every check</Badge>}>
        <ol className="steps">{plan?.steps.map((step) => <li key={step}>{step}</li>)}</ol>
        <Checks draft={draft} dryRun={dryRun} />
        {warnings != null && warnings.length > 0 && (
          <ul className="notice warn">
            {warnings.map((it) => (
              <li key={it.path + it.rule}>
                <code>{it.path}</code> {it.message}
              </li>
            ))}
          </ul>
        )}
        {config != null && config.restart_required.length > 0 && <p className="notice warn">Takes effect at the next restart only: {config.restart_required.join(", ")}</p>}
        {config != null && config.masked.length > 0 && (
          <p className="notice warn">Hidden by a higher layer here: {config.masked.map((it) => `${it.path} (${it.by})`).join(", ")}</p>
        )}
      </Card>
    );
  }
  if (dryRun.state === "unknown") {
    const isAnonymous = dryRun.problem.status === 401;
    return isAnonymous ? (
      <p className="notice">Sign in to have the draft checked and to save it. Until then it is kept in this tab.</p>
    ) : (
      <Failure error={dryRun.problem} what="The draft could not be checked" />
    );
  }
  if (dryRun.state !== "refused") return null;
  if (dryRun.problem.status === 412) {
    return <p className="notice warn">Another edit came first: {dryRun.problem.message}. Open the document to merge the two.</p>;
  }
  return (
    <section className="notice bad" aria-label="Problems">
      <strong>It would be refused. The served revision is kept.</strong>
      <ul className="stack tight">
        {dryRun.problem.items.map((item, at) => (
          <li key={at}>
            {item.code === "check_failed" && <Badge tone="bad">check failed</Badge>} {item.document != null && <Name of={item.document} />} <code>{item.path}</code>{" "}
            {item.message}
          </li>
        ))}
      </ul>
      <Checks draft={draft} dryRun={dryRun} />
    </section>
  );
}

function Name({ of }: { of: string }): ReactNode {
  const slash = of.indexOf("/");
  return slash < 0 ? <code>{of}</code> : <DocumentLink kind={of.slice(0, slash)} name={of.slice(slash + 1)} />;
}
