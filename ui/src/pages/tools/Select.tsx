/** A selection, explained: every candidate with each of its scores and what the policies say. */

import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent, type ReactNode } from "react";
import { Link } from "wouter";
import { api, body } from "../../api/client";
import { Badge, Card, Empty, Failure, type Tone } from "../../parts/basic";
import { duration } from "../../parts/format";

/** The document leaves these open; this is what they are. */
interface Candidate {
  tool: string;
  tool_name: string;
  capability: string;
  pattern: string;
  score?: number;
  features?: Record<string, number>;
  estimates?: { time_ms?: number; cost?: number };
  policy?: { rule: string; verdict: string; because: string }[];
  requires_approval?: boolean;
  background?: boolean;
  because?: string;
}

const VERDICTS: Record<string, Tone> = { passed: "good", background: "warn", requires_approval: "warn", excluded: "bad" };
const MODES = ["fast", "accurate", "thorough", "cheap", "simple", "balanced"];

export function Select(): ReactNode {
  const [query, setQuery] = useState("");
  const [mode, setMode] = useState("");
  const [environment, setEnvironment] = useState("");
  const select = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/v1/tools/select", {
          body: { query, ...(mode === "" ? {} : { mode }), ...(environment === "" ? {} : { environment }) },
        }),
      ),
  });
  function submit(event: SubmitEvent): void {
    event.preventDefault();
    if (query.trim() !== "") select.mutate();
  }
  return (
    <div className="stack">
      <form className="filters" onSubmit={submit}>
        <label className="field wide">
          <span className="label">What is to be done</span>
          <input className="input" value={query} onChange={(event) => setQuery(event.target.value)} placeholder="quickly find an error in the logs" />
        </label>
        <label className="field">
          <span className="label">Mode (read from the query by default)</span>
          <input className="input" list="modes" value={mode} onChange={(event) => setMode(event.target.value)} />
          <datalist id="modes">
            {MODES.map((it) => (
              <option key={it} value={it} />
            ))}
          </datalist>
        </label>
        <label className="field">
          <span className="label">Environment</span>
          <input className="input" value={environment} onChange={(event) => setEnvironment(event.target.value)} placeholder="production" />
        </label>
        <button className="button primary" disabled={query.trim() === "" || select.isPending}>
          Select
        </button>
      </form>
      {select.error !== null && <Failure error={select.error} what="Nothing could be selected" />}
      {select.data === undefined ? (
        <Empty title="Write what an agent would ask for">
          <p>Nothing is called: the answer says which tool would be, and why.</p>
        </Empty>
      ) : (
        <Selected answer={select.data} />
      )}
    </div>
  );
}

interface Answer {
  ambiguity?: unknown;
  candidates: unknown[];
  excluded: unknown[];
  mode: unknown;
  notes: string[];
  revision: number;
  selected?: unknown;
  time_us: number;
}

function Selected({ answer }: { answer: Answer }): ReactNode {
  const selected = answer.selected as Candidate | null | undefined;
  const mode = answer.mode as { name?: string; found_by?: string; confidence?: number };
  const question = (answer.ambiguity as { question?: string } | null | undefined)?.question;
  const candidates = answer.candidates as Candidate[];
  const excluded = answer.excluded as Candidate[];
  return (
    <>
      <Card title="Selected" aside={<span className="soft small">revision {answer.revision} · {duration(answer.time_us / 1000)}</span>}>
        <p className="answer">{selected == null ? <span className="soft">nothing</span> : `${selected.tool_name} · ${selected.pattern}`}</p>
        <p>
          Mode <strong>{mode.name}</strong>, {mode.found_by === "default" ? "the default" : `found by ${mode.found_by ?? "?"}`}.
          {selected?.requires_approval === true && " A person has to approve the call."}
        </p>
        {question !== undefined && <p className="notice warn">It is close: {question}</p>}
        {answer.notes.map((note) => (
          <p key={note} className="small soft">
            {note}
          </p>
        ))}
      </Card>
      <Card title="Candidates">
        <div className="scroll-x" tabIndex={0} role="region" aria-label="Candidates">
          <table>
            <thead>
              <tr>
                <th>Tool</th>
                <th className="num">Score</th>
                <th>Made of</th>
                <th className="num">Time</th>
                <th className="num">Cost</th>
                <th>Policies</th>
              </tr>
            </thead>
            <tbody>
              {[...candidates, ...excluded].map((it) => (
                <tr key={`${it.tool}/${it.capability}/${it.pattern}`}>
                  <td>
                    <Link href={`/ui/tools/${encodeURIComponent(it.tool)}`}>{it.tool_name}</Link>
                    <span className="soft small block">
                      {it.capability} · {it.pattern}
                    </span>
                  </td>
                  <td className="num">{it.score?.toFixed(3) ?? "–"}</td>
                  <td>
                    <Features features={it.features ?? {}} />
                  </td>
                  <td className="num">{it.estimates?.time_ms === undefined ? "–" : duration(it.estimates.time_ms)}</td>
                  <td className="num">{it.estimates?.cost ?? "–"}</td>
                  <td>
                    <ul className="stack tight">
                      {(it.policy ?? []).map((one) => (
                        <li key={one.rule} className="small">
                          <Badge tone={VERDICTS[one.verdict] ?? "plain"}>{one.verdict}</Badge> {one.because}
                        </li>
                      ))}
                      {it.because !== undefined && <li className="small">{it.because}</li>}
                    </ul>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Card>
    </>
  );
}

function Features({ features }: { features: Record<string, number> }): ReactNode {
  return (
    <ul className="features">
      {Object.entries(features).map(([name, value]) => (
        <li key={name}>
          <span className="soft small">{name}</span>
          <meter min={0} max={1} value={value} aria-label={name} />
          <span className="num small">{value.toFixed(2)}</span>
        </li>
      ))}
    </ul>
  );
}
