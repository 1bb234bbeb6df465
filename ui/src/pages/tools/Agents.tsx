/** Who uses the tools over MCP, what each of them sees, and the outcomes of their calls since the server was started. */

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { call, type Schemas } from "../../api/client";
import { useTokens, useWhoami } from "../../api/queries";
import { parse, total } from "../../metrics/prometheus";
import { Badge, Card, Empty, Figure, Loaded, Time } from "../../parts/basic";
import { count } from "../../parts/format";
import { words } from "../../parts/tone";

export function Agents(): ReactNode {
  const read = useQuery({
    queryKey: ["tools", "agents"],
    queryFn: async () => {
      const response = await call("/metrics", { cache: "no-store" });
      return { at: Date.now(), samples: parse(await response.text()) };
    },
  });
  return (
    <Loaded of={read} what="The figures of agents">
      {(reading) => {
        const calls = reading.samples.filter((it) => it.name === "midflight_tool_mcp_calls_total" && it.value > 0);
        return (
          <div className="stack">
          <Card title="Sessions and calls">
            <dl className="figures">
              <Figure name="Sessions">{count(total(reading, "midflight_tool_mcp_sessions"))}</Figure>
              <Figure name="Listening for changes">{count(total(reading, "midflight_tool_mcp_listeners"))}</Figure>
              <Figure name="Tools offered">{count(total(reading, "midflight_tools_offered"))}</Figure>
              <Figure name="Notices sent">{count(total(reading, "midflight_tool_mcp_notices_total"))}</Figure>
              {calls.map((it) => (
                <Figure key={it.labels["outcome"]} name={`Calls, ${words(it.labels["outcome"] ?? "")}`}>
                  {count(it.value)}
                </Figure>
              ))}
            </dl>
            {calls.length === 0 && (
              <Empty title="No agent has called a tool yet">
                <p>
                  Agents connect to <code>{location.origin}/mcp</code>, or start <code>midflight mcp</code>.
                </p>
              </Empty>
            )}
          </Card>
          <Callers />
          </div>
        );
      }}
    </Loaded>
  );
}

/** The tokens that may call tools, with the view of the catalogue that each of them fixes. */
function Callers(): ReactNode {
  const isAdmin = useWhoami().data?.permissions.includes("admin") === true;
  const list = useTokens(isAdmin);
  if (!isAdmin) {
    return (
      <p className="small soft">
        Which tokens may call tools, and what each sees, is listed for the role <Badge>admin</Badge>.
      </p>
    );
  }
  return (
    <Card title="Callers and what they see">
      <Loaded of={list} what="The tokens">
        {({ items }) => {
          const callers = items.filter((it) => !it.expired && it.role !== "viewer");
          return callers.length === 0 ? (
            <Empty title="No token may call tools">
              <p>
                <code>midflight token create agent --role executor --scope tools --expose search</code> makes one for an agent, which then sees a search in place of every tool.
              </p>
            </Empty>
          ) : (
            <CallerTable tokens={callers} />
          );
        }}
      </Loaded>
    </Card>
  );
}

function CallerTable({ tokens }: { tokens: readonly Schemas["TokenAnswer"][] }): ReactNode {
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Callers">
      <table>
        <thead>
          <tr>
            <th>Token</th>
            <th>Role</th>
            <th>Catalogue</th>
            <th>Lists</th>
            <th>Documents</th>
            <th>Last used</th>
          </tr>
        </thead>
        <tbody>
          {tokens.map((it) => (
            <tr key={it.name}>
              <td className="mono">{it.name}</td>
              <td>{it.role}</td>
              <td>{it.at == null ? "as served" : <Link href={`/ui/history/${it.at}`}>of revision {it.at}</Link>}</td>
              <td>
                {it.expose === "search" ? "a search" : it.expose === "all" ? "every tool" : "as its address asks"}
                {it.pin.length > 0 && <span className="soft small block">beside it {it.pin.join(", ")}</span>}
              </td>
              <td className="small">{it.scopes == null ? "all" : it.scopes.join(", ")}</td>
              <td>{it.last_used_at == null ? "never" : <Time at={it.last_used_at} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
