/** Every error code, with its status; each leads to what it means and what to do. */

import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { DocsHead } from "./DocsHead";

const TEXTS = import.meta.glob<string>("../../../../docs/errors/*.md", { query: "?raw", import: "default", eager: true });

interface Code {
  code: string;
  status: string;
  title: string;
  meaning: string;
}

/** A page is its code, its status and title, what it means, what to do. */
function codeOf(path: string, text: string): Code {
  const code = path.slice(path.lastIndexOf("/") + 1, -".md".length);
  const [, status = "", title = ""] = /^(\d+) · (.*)$/m.exec(text) ?? [];
  const meaning = /^## What it means\s+([\s\S]*?)(?:\n\n|$)/m.exec(text)?.[1] ?? "";
  return { code, status, title, meaning: meaning.replaceAll("\n", " ") };
}

const CODES: readonly Code[] = Object.entries(TEXTS)
  .map(([path, text]) => codeOf(path, text))
  .sort((a, b) => a.status.localeCompare(b.status) || a.code.localeCompare(b.code));

export default function ErrorCodes(): ReactNode {
  const [text, setText] = useState("");
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = CODES.filter((it) => words.every((word) => `${it.code} ${it.status} ${it.title} ${it.meaning}`.toLowerCase().includes(word)));
  return (
    <>
      <DocsHead part="errors" title="Error codes">
        A refused request is answered with a problem document (RFC 9457); its code never changes its meaning.
      </DocsHead>
      <div className="stack">
        <input className="input grid-filter" aria-label="Filter error codes" placeholder="Filter: 412" value={text} onChange={(event) => setText(event.target.value)} />
        {shown.length === 0 && <p className="soft">No code has these words.</p>}
        <div className="card scroll-x" tabIndex={0} role="region" aria-label="Error codes">
          <table>
            <thead>
              <tr>
                <th className="num">Status</th>
                <th>Code</th>
                <th>Means</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((it) => (
                <tr key={it.code}>
                  <td className="num">{it.status}</td>
                  <td>
                    <Link className="mono" href={`/ui/docs/errors/${it.code}`}>
                      {it.code}
                    </Link>
                  </td>
                  <td>{it.title}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </div>
    </>
  );
}
