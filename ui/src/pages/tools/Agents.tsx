/** Who uses the tools over MCP, and what became of their calls, since the server was started. */

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { call } from "../../api/client";
import { parse, total } from "../../metrics/prometheus";
import { Card, Empty, Loaded } from "../../parts/basic";
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
          <Card title="Agents">
            <dl className="figures">
              <div>
                <dt>Sessions</dt>
                <dd>{count(total(reading, "midflight_tool_mcp_sessions"))}</dd>
              </div>
              <div>
                <dt>Told of changes</dt>
                <dd>{count(total(reading, "midflight_tool_mcp_listeners"))}</dd>
              </div>
              <div>
                <dt>Tools they see</dt>
                <dd>{count(total(reading, "midflight_tools_offered"))}</dd>
              </div>
              <div>
                <dt>Notices sent</dt>
                <dd>{count(total(reading, "midflight_tool_mcp_notices_total"))}</dd>
              </div>
              {calls.map((it) => (
                <div key={it.labels["outcome"]}>
                  <dt>Calls, {words(it.labels["outcome"] ?? "")}</dt>
                  <dd>{count(it.value)}</dd>
                </div>
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
        );
      }}
    </Loaded>
  );
}
