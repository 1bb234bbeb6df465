/** What was estimated of tools, and what uses took. */

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, body } from "../../api/client";
import { Card, Empty, Loaded } from "../../parts/basic";
import { count, duration } from "../../parts/format";

function ms(value: number | null | undefined): string {
  return value == null ? "–" : duration(value);
}

export function Telemetry(): ReactNode {
  const list = useQuery({ queryKey: ["tools", "telemetry"], queryFn: () => body(api.GET("/api/v1/tools/telemetry", { params: { query: { limit: 200 } } })) });
  return (
    <Loaded of={list} what="The telemetry">
      {({ items, learns_corrections }) =>
        items.length === 0 ? (
          <Empty title="No use of a tool was reported yet">
            <p>
              Calls that agents make through MCP are counted by themselves; other programs send theirs to <code>POST /api/v1/tools/telemetry</code>.
            </p>
          </Empty>
        ) : (
          <Card title="Estimated and observed" aside={<span className="soft small">{learns_corrections ? "corrections are learned" : "corrections are not learned"}</span>}>
            <div className="scroll-x" tabIndex={0} role="region" aria-label="Telemetry">
              <table>
                <thead>
                  <tr>
                    <th>Tool</th>
                    <th className="num">Uses</th>
                    <th className="num">Estimated</th>
                    <th className="num">p50</th>
                    <th className="num">p95</th>
                    <th className="num">Succeeded</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((it) => (
                    <tr key={`${it.tool}/${it.capability}/${it.pattern}`}>
                      <td>
                        {it.tool_name}
                        <span className="soft small block">
                          {it.capability} · {it.pattern}
                        </span>
                      </td>
                      <td className="num">{count(it.uses)}</td>
                      <td className="num">{ms(it.estimated_time_ms)}</td>
                      <td className="num">{ms(it.p50_ms)}</td>
                      <td className="num">{ms(it.p95_ms)}</td>
                      <td className="num">{it.success_rate == null ? "–" : `${Math.round(it.success_rate * 100)} %`}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </Card>
        )
      }
    </Loaded>
  );
}
