/** Another edit came first: draft, live and base are merged, and what both changed is decided one by one. */

import { useState, type ReactNode } from "react";
import { MergeEditor } from "../../code/MergeEditor";
import { read, write } from "../../code/yaml";
import { short } from "../../parts/format";
import { draft, type DraftDocument } from "./draft";
import { threeWay, withValue } from "./threeWay";

interface ConflictProps {
  mine: DraftDocument;
  /** What is live now; none when it was deleted. */
  live: { body: unknown; version: number } | undefined;
}

export function Conflict({ mine, live }: ConflictProps): ReactNode {
  const [begun] = useState(() => threeWay(mine.base?.body, mine.isDeleted ? undefined : read(mine.text).body, live?.body));
  const [decided, setDecided] = useState<Readonly<Record<string, "mine" | "theirs">>>({});
  const [text, setText] = useState(() => write(begun.body));
  const open = begun.conflicts.filter((it) => decided[it.path.join("/")] === undefined);
  const isReadable = read(text).problems.length === 0;

  function decide(path: readonly (string | number)[], side: "mine" | "theirs", value: unknown): void {
    setDecided({ ...decided, [path.join("/")]: side });
    setText(write(withValue(read(text).body, path, value)));
  }

  if (live === undefined) {
    return (
      <section className="notice bad">
        <strong>Meanwhile this document was deleted.</strong>
        <p>Save it again as a new one, or discard your draft.</p>
        <div className="row">
          <button
            className="button"
            onClick={() => draft.put({ kind: mine.kind, name: mine.name, text: mine.text, isDeleted: false })}
          >
            Keep my draft as a new document
          </button>
        </div>
      </section>
    );
  }
  const finish = (): void => draft.put({ ...mine, text, isDeleted: false, base: live });
  return (
    <section className="card conflict" aria-label="Conflict">
      <h2>Another edit came first</h2>
      <p>
        Your draft began at version {mine.base?.version ?? 0}; version {live.version} is live. What only one of you changed is merged already.
        {begun.conflicts.length > 0 && " These values were changed by both:"}
      </p>
      {begun.conflicts.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="region" aria-label="Conflicts">
          <table>
            <thead>
              <tr>
                <th>Value</th>
                <th>Before</th>
                <th>Live</th>
                <th>Yours</th>
                <th>Take</th>
              </tr>
            </thead>
            <tbody>
              {begun.conflicts.map((it) => {
                const key = it.path.join("/");
                return (
                  <tr key={key}>
                    <td className="mono">{it.path.join(".") || "the whole document"}</td>
                    <td className="mono">{short(it.base, 60)}</td>
                    <td className="mono">{short(it.theirs, 60)}</td>
                    <td className="mono">{short(it.mine, 60)}</td>
                    <td className="nowrap">
                      <button className="button" aria-pressed={decided[key] === "theirs"} onClick={() => decide(it.path, "theirs", it.theirs)}>
                        Live
                      </button>{" "}
                      <button className="button" aria-pressed={decided[key] === "mine"} onClick={() => decide(it.path, "mine", it.mine)}>
                        Yours
                      </button>
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      <div className="halves small soft" aria-hidden="true">
        <span>What is live (version {live.version})</span>
        <span>What you will save</span>
      </div>
      <MergeEditor key={Object.keys(decided).length} live={write(live.body)} draft={text} onChange={setText} />
      <div className="dialog-actions">
        <button className="button primary" disabled={open.length > 0 || !isReadable} onClick={finish}>
          {open.length > 0 ? `${open.length} to decide` : "Go on with this"}
        </button>
      </div>
    </section>
  );
}
