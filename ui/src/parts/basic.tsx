/** Small parts that every page uses. */

import { useEffect, useState, type ReactNode } from "react";
import { Link } from "wouter";
import { asProblem } from "../api/problem";
import { relative, short } from "./format";
import { differences } from "./meaning";

export type Tone = "good" | "warn" | "bad" | "info" | "plain";

export function Badge({ tone = "plain", children }: { tone?: Tone; children: ReactNode }): ReactNode {
  return <span className={`badge ${tone}`}>{children}</span>;
}

const clocks = new Set<() => void>();
setInterval(() => clocks.forEach((tick) => tick()), 10_000);

/** Now, renewed every ten seconds by one timer for the whole page. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const tick = (): void => setNow(Date.now());
    clocks.add(tick);
    return () => void clocks.delete(tick);
  }, []);
  return now;
}

export function Time({ at }: { at: string }): ReactNode {
  const now = useNow();
  return (
    <time className="nowrap" dateTime={at} title={new Date(at).toLocaleString()}>
      {relative(at, now)}
    </time>
  );
}

export function Failure({ error, what }: { error: unknown; what: string }): ReactNode {
  const problem = asProblem(error);
  return (
    <div className="notice bad" role="alert">
      <strong>{what}</strong>
      <span>{problem.message}</span>
      {problem.items.length > 0 && (
        <ul className="stack tight">
          {problem.items.map((item, at) => (
            <li key={at}>
              <code>{[item.document, item.path].filter(Boolean).join(" ")}</code> {item.message}
            </li>
          ))}
        </ul>
      )}
      {problem.status > 0 && (
        <span className="small soft">
          {problem.code !== "unknown" && (
            <>
              <Link href={`/ui/docs/errors/${problem.code}`}>What {problem.code} means</Link>
              {problem.requestId !== undefined && " · "}
            </>
          )}
          {problem.requestId !== undefined && <>request {problem.requestId}</>}
        </span>
      )}
    </div>
  );
}

interface Read<T> {
  data: T | undefined;
  error: unknown;
}

/** What was read, what failed, or a place of about the height that will be needed. */
export function Loaded<T>({ of, what, children, lines = 4 }: { of: Read<T>; what: string; children: (data: T) => ReactNode; lines?: number }): ReactNode {
  if (of.data !== undefined) return children(of.data);
  if (of.error !== null && of.error !== undefined) return <Failure error={of.error} what={`${what} could not be read`} />;
  return (
    <div className="stack tight" aria-busy="true">
      <span className="visually-hidden">Loading {what.toLowerCase()}</span>
      {Array.from({ length: lines }, (_, at) => (
        <div key={at} className="skeleton" />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }): ReactNode {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

export function Card({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }): ReactNode {
  return (
    <section className="card">
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

export function PageHead({ title, children, aside }: { title: string; children?: ReactNode; aside?: ReactNode }): ReactNode {
  useEffect(() => {
    document.title = `${title} · Midflight`;
  }, [title]);
  return (
    <header className="page-head">
      <div>
        <h1>{title}</h1>
        {children !== undefined && <p className="soft">{children}</p>}
      </div>
      {aside !== undefined && <div className="row">{aside}</div>}
    </header>
  );
}

/** One figure of a list of them, in a `dl`. */
export function Figure({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function DocumentLink({ kind, name }: { kind: string; name: string }): ReactNode {
  return (
    <Link className="mono" href={`/ui/edit/${kind}/${name}`}>
      {kind}/{name}
    </Link>
  );
}

export function Json({ value }: { value: unknown }): ReactNode {
  return (
    <pre className="json" tabIndex={0}>
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}

/** What changed by meaning: each value with what it was and what it is. */
export function Meaning({ from, to }: { from: unknown; to: unknown }): ReactNode {
  const found = differences(from, to);
  if (found.length === 0) return <p className="soft small">No value changed.</p>;
  return (
    <ul className="meaning">
      {found.map((one) => (
        <li key={one.path}>
          <code>{one.path === "" ? "the whole document" : one.path}</code>
          {"from" in one && (
            <code className="from">
              <span className="visually-hidden">was </span>
              {short(one.from)}
            </code>
          )}
          <span aria-hidden="true">{"from" in one && "to" in one ? "→" : "to" in one ? "+" : "−"}</span>
          {"to" in one ? (
            <code className="to">
              <span className="visually-hidden">is </span>
              {short(one.to)}
            </code>
          ) : (
            <span className="soft">removed</span>
          )}
        </li>
      ))}
    </ul>
  );
}

/** A unified diff, as text. */
export function Patch({ text }: { text: string }): ReactNode {
  const lines = text.replace(/\n$/, "").split("\n");
  return (
    <pre className="patch" tabIndex={0} aria-label="Diff as text">
      {lines.map((line, at) => (
        <span key={at} className={classOf(line)}>
          {line}
        </span>
      ))}
    </pre>
  );
}

function classOf(line: string): string | undefined {
  if (line.startsWith("@@") || line.startsWith("+++") || line.startsWith("---")) return "hunk";
  if (line.startsWith("+")) return "add";
  if (line.startsWith("-")) return "del";
  return undefined;
}
