/** An input, executed by the live rules and by the draft, side by side; each rule with its outcome and why. */

import { useQuery } from "@tanstack/react-query";
import { useMemo, useState, useSyncExternalStore, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { api, body, type Schemas } from "../../api/client";
import { useDocuments } from "../../api/queries";
import { read, write } from "../../code/yaml";
import { Badge, Card, Empty, Failure, Loaded, type Tone } from "../../parts/basic";
import { duration } from "../../parts/format";
import { words } from "../../parts/tone";
import { changed, changesOf, draft } from "../editor/draft";
import { Problems } from "../now/Now";
import { probe, type DraftAnswer } from "./probe";

type Outcome = Schemas["EvaluationAnswer"];

const TONES: Record<string, Tone> = { matched: "good", missing_input: "warn", type_error: "bad" };

export function TryInput({ ruleset }: { ruleset: string }): ReactNode {
  const checks = useDocuments("rules", "checks/");
  return (
    <Loaded of={checks} what="The checks" lines={10}>
      {(all) => <Tried ruleset={ruleset} checks={all} />}
    </Loaded>
  );
}

function Tried({ ruleset, checks }: { ruleset: string; checks: readonly Schemas["DocumentAnswer"][] }): ReactNode {
  const examples = useMemo(() => checks.filter((it) => rulesetOf(it.body) === ruleset), [checks, ruleset]);
  const [typed, setTyped] = useState<string>();
  const text = typed ?? (examples[0] === undefined ? "" : write(dataOf(examples[0].body)));
  const parsed = useMemo(() => read(text), [text]);
  const data = parsed.problems.length === 0 ? parsed.body : undefined;
  const whole = useSyncExternalStore(draft.subscribe, draft.snapshot);
  const edits = changed(whole).filter((it) => it.kind === "rules");
  const live = useQuery({
    queryKey: ["execute", ruleset, JSON.stringify(data)],
    queryFn: () => body(api.POST("/api/v1/rules/execute", { body: { ruleset, data, explain: true } })),
    enabled: isObject(data),
    placeholderData: (before) => before,
    retry: false,
  });
  const { changes } = changesOf(whole);
  const tried = useQuery({
    queryKey: ["probe", ruleset, JSON.stringify(data), JSON.stringify(changes)],
    queryFn: () => probe(changes, ruleset, data),
    enabled: isObject(data) && edits.length > 0,
    placeholderData: (before) => before,
    retry: false,
  });
  const answer = tried.data !== undefined && "answer" in tried.data ? tried.data.answer : undefined;
  return (
    <div className="split">
      <Card title="Input">
        <label className="field">
          <span className="label">Data, YAML or JSON</span>
          <textarea className="input" rows={16} spellCheck={false} value={text} onChange={(event) => setTyped(event.target.value)} placeholder={"amount: 20000\napplicant: {income: 52000}"} />
        </label>
        {parsed.problems.map((it) => (
          <p key={it.message} className="notice bad">
            {it.message}
          </p>
        ))}
        {examples.length > 0 && (
          <label className="field">
            <span className="label">From a check</span>
            <select className="input" value="" onChange={(event) => setTyped(write(dataOf(examples.find((it) => it.name === event.target.value)?.body)))}>
              <option value="">choose…</option>
              {examples.map((it) => (
                <option key={it.name}>{it.name}</option>
              ))}
            </select>
          </label>
        )}
        <MakeCheck ruleset={ruleset} data={data} answer={isObject(data) ? live.data : undefined} />
      </Card>
      <div className="stack">
        {edits.length > 0 && tried.error !== null && <Failure error={tried.error} what="The draft could not be tried" />}
        {tried.data !== undefined && "refused" in tried.data && (
          <section className="notice bad">
            <strong>The draft would be refused, so it has no answer</strong>
            <Problems items={tried.data.refused} />
          </section>
        )}
        {!isObject(data) ? (
          <Empty title="Write an input">
            <p>It is executed as you type, and changes nothing.</p>
          </Empty>
        ) : (
          <Loaded of={live} what="The answer">
            {(now) => (
              <>
                <Results live={now} tried={edits.length > 0 ? answer : undefined} />
                <Rules evaluations={now.rule_evaluations ?? []} tried={edits.length > 0 ? answer : undefined} ruleset={ruleset} />
              </>
            )}
          </Loaded>
        )}
        {edits.length === 0 && (
          <p className="small soft">
            Change a rule in the <Link href={`/ui/edit?kind=rules`}>editor</Link> or in the table: what the draft would answer is shown beside this.
          </p>
        )}
      </div>
    </div>
  );
}

function Results({ live, tried }: { live: Schemas["ExecutionAnswer"]; tried: DraftAnswer | undefined }): ReactNode {
  return (
    <div className={tried === undefined ? "stack" : "halves"}>
      <Card title="Live" aside={<span className="soft small">revision {live.revision} · {duration(live.execution_time_ms)}</span>}>
        <Result recommendation={live.action_recommendation ?? null} pattern={live.pattern_result} points={live.total_points} />
      </Card>
      {tried !== undefined && (
        <Card title="Draft" aside={isEqual(live, tried) ? <Badge>the same</Badge> : <Badge tone="info">differs</Badge>}>
          <Result recommendation={tried.action_recommendation} pattern={tried.pattern_result} points={tried.total_points} />
        </Card>
      )}
    </div>
  );
}

function isEqual(live: Schemas["ExecutionAnswer"], tried: DraftAnswer): boolean {
  return live.pattern_result === tried.pattern_result && live.total_points === tried.total_points && (live.action_recommendation ?? null) === tried.action_recommendation;
}

function Result({ recommendation, pattern, points }: { recommendation: string | null; pattern: string; points: number }): ReactNode {
  return (
    <>
      <p className="answer">{recommendation ?? <span className="soft">no recommendation for this pattern</span>}</p>
      <dl className="figures">
        <div>
          <dt>Pattern</dt>
          <dd className="mono">{pattern === "" ? "–" : pattern}</dd>
        </div>
        <div>
          <dt>Points</dt>
          <dd>{points}</dd>
        </div>
      </dl>
    </>
  );
}

/** So many rules are listed; the rest of a large ruleset is in the table. */
const LISTED_MAX = 200;

function Rules({ evaluations, tried, ruleset }: { evaluations: readonly Outcome[]; tried: DraftAnswer | undefined; ruleset: string }): ReactNode {
  const matched = new Set(tried?.matched);
  return (
    <section className="card">
      <h2>Each rule</h2>
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Each rule">
        <table>
          <thead>
            <tr>
              <th>Rule</th>
              <th>Live</th>
              {tried !== undefined && <th>Draft</th>}
              <th>Condition</th>
              <th className="num">Points</th>
            </tr>
          </thead>
          <tbody>
            {evaluations.slice(0, LISTED_MAX).map((it) => (
              <tr key={it.rule_id}>
                <td>
                  <Link className="mono" href={`/ui/edit/rules/${ruleset}/${it.rule_id}`}>
                    {it.rule_id}
                  </Link>
                  <span className="soft small block">{it.rule_name}</span>
                </td>
                <td>
                  <Badge tone={TONES[it.outcome] ?? "plain"}>{words(it.outcome)}</Badge>
                </td>
                {tried !== undefined && (
                  <td>
                    <Badge tone={matched.has(it.rule_id) ? "good" : "plain"}>{matched.has(it.rule_id) ? "matched" : "not matched"}</Badge>
                  </td>
                )}
                <td>
                  <code>{it.condition}</code>
                  {it.detail != null && <span className="soft small block">{it.detail}</span>}
                </td>
                <td className="num">{it.weight === 1 ? it.rule_point : `${it.rule_point} × ${it.weight}`}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {evaluations.length > LISTED_MAX && <p className="small soft">The first {LISTED_MAX} of {evaluations.length} rules are listed.</p>}
    </section>
  );
}

function MakeCheck({ ruleset, data, answer }: { ruleset: string; data: unknown; answer: Schemas["ExecutionAnswer"] | undefined }): ReactNode {
  const [, go] = useLocation();
  function make(): void {
    if (answer === undefined) return;
    const name = `checks/${ruleset}-${Date.now().toString(36)}`;
    const expect = { pattern_result: answer.pattern_result, ...(answer.action_recommendation == null ? {} : { action_recommendation: answer.action_recommendation }) };
    draft.put({ kind: "rules", name, text: write({ description: "", input: { ruleset, data }, expect }), isDeleted: false });
    go(`/ui/edit/rules/${name}`);
  }
  return (
    <div className="stack tight">
      <button className="button" disabled={answer === undefined} onClick={make}>
        Make it a check
      </button>
      <p className="small soft">A check is a document: an edit after which this input is answered otherwise is refused.</p>
    </div>
  );
}

function rulesetOf(check: unknown): string | undefined {
  return (check as { input?: { ruleset?: string } } | null)?.input?.ruleset;
}

function dataOf(check: unknown): unknown {
  return (check as { input?: { data?: unknown } } | null)?.input?.data;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
