/** Every pattern, in the order in which they are tried. */

import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { api, body } from "../../api/client";
import { Badge, Empty, Loaded, type Tone } from "../../parts/basic";
import { count, short } from "../../parts/format";

/** A list is read, not scrolled: words find what is not in it. */
const SHOWN = 200;

const TONES: Record<string, Tone> = { approved: "good", pending: "warn", disabled: "plain" };

export function Catalogue(): ReactNode {
  const [text, setText] = useState("");
  const [status, setStatus] = useState("");
  const list = useQuery({
    queryKey: ["patterns", text, status],
    queryFn: () =>
      body(api.GET("/api/v1/patterns", { params: { query: { limit: SHOWN, ...(text === "" ? {} : { q: text }), ...(status === "" ? {} : { status }) } } })),
    placeholderData: (before) => before,
  });
  return (
    <div className="stack">
      <div className="filters">
        <label className="field">
          <span className="label">Words</span>
          <input className="input" value={text} onChange={(event) => setText(event.target.value)} />
        </label>
        <label className="field">
          <span className="label">Status</span>
          <select className="input" value={status} onChange={(event) => setStatus(event.target.value)}>
            <option value="">every status</option>
            {Object.keys(TONES).map((it) => (
              <option key={it}>{it}</option>
            ))}
          </select>
        </label>
        <Link className="button" href="/ui/edit?kind=patterns">
          New pattern
        </Link>
      </div>
      <Loaded of={list} what="The patterns">
        {({ items, next_cursor }) =>
          items.length === 0 ? (
            <Empty title="No pattern is like this" />
          ) : (
            <div className="card scroll-x" tabIndex={0} role="region" aria-label="Patterns">
              <table>
                <thead>
                  <tr>
                    <th>Pattern</th>
                    <th>Match</th>
                    <th>Category</th>
                    <th>Action</th>
                    <th>Status</th>
                    <th className="num">Used</th>
                    <th className="num">Correct</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((it) => (
                    <tr key={it.id}>
                      <td>
                        <Link className="mono" href={`/ui/edit/patterns/${it.id}`}>
                          {it.id}
                        </Link>
                        <span className="soft small block mono">{short(it.any_of?.join(" | ") ?? it.pattern, 90)}</span>
                      </td>
                      <td>{it.match}</td>
                      <td>{it.category}</td>
                      <td>{it.action}</td>
                      <td>
                        <Badge tone={TONES[it.status] ?? "plain"}>{it.status}</Badge>
                      </td>
                      <td className="num">{count(it.times_used)}</td>
                      <td className="num">{it.accuracy == null ? "–" : `${Math.round(it.accuracy * 100)} %`}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {next_cursor != null && <p className="soft small">The first {SHOWN} are listed. More words find the others.</p>}
            </div>
          )
        }
      </Loaded>
    </div>
  );
}
