/** Who this tab is for the server, and for admins the tokens and the audit. */

import { useQuery } from "@tanstack/react-query";
import { useSyncExternalStore, type ReactNode } from "react";
import { callJson } from "../../api/client";
import { Problem } from "../../api/problem";
import { session } from "../../api/session";
import { Card, Empty, Failure, Loaded, PageHead } from "../../parts/basic";
import { short } from "../../parts/format";
import { SignIn } from "../../shell/SignIn";

type Row = Record<string, unknown>;

export default function Access(): ReactNode {
  const token = useSyncExternalStore(session.subscribe, session.token);
  return (
    <>
      <PageHead title="Access" />
      <div className="stack">
        <Card title="You">
          {token === null ? (
            <>
              <p>You are not signed in. Where the server lets anyone read, every page can be looked at; changes need a token.</p>
              <div className="narrow">
                <SignIn />
              </div>
            </>
          ) : (
            <div className="row spread">
              <p>
                This tab sends the token <code>{token.slice(0, 6)}…</code>. What its role may not do, the server refuses by name.
              </p>
              <button className="button" onClick={() => session.signOut()}>
                Sign out
              </button>
            </div>
          )}
        </Card>
        {token !== null && (
          <>
            <List title="Tokens" path="/api/v1/tokens" absent="This server has one token, of the admin; others cannot be made yet." />
            <List title="Audit" path="/api/v1/audit" absent="This server keeps no audit log. The history names the author of every change." />
          </>
        )}
      </div>
    </>
  );
}

/** A list of an admin, if this server has it and the token may read it. */
function List({ title, path, absent }: { title: string; path: string; absent: string }): ReactNode {
  const list = useQuery({
    queryKey: ["access", path],
    queryFn: async (): Promise<readonly Row[] | "absent" | "forbidden"> => {
      try {
        const answer = await callJson<{ items?: Row[] }>(path);
        return answer.items ?? [];
      } catch (error) {
        if (error instanceof Problem && error.status === 404) return "absent";
        if (error instanceof Problem && error.status === 403) return "forbidden";
        throw error;
      }
    },
    retry: false,
  });
  return (
    <Card title={title}>
      {list.error !== null && <Failure error={list.error} what={`${title} could not be read`} />}
      <Loaded of={{ data: list.data, error: undefined }} what={title}>
        {(rows) => {
          if (rows === "absent") return <p className="soft">{absent}</p>;
          if (rows === "forbidden") return <p className="soft">Only an admin reads this.</p>;
          return rows.length === 0 ? <Empty title="There is none" /> : <Table rows={rows} />;
        }}
      </Loaded>
    </Card>
  );
}

function Table({ rows }: { rows: readonly Row[] }): ReactNode {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Entries">
      <table>
        <thead>
          <tr>
            {columns.map((it) => (
              <th key={it}>{it.replaceAll("_", " ")}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              {columns.map((it) => (
                <td key={it}>{short(row[it] ?? "–", 80)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
