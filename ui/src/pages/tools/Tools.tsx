/** The kind `tools`: the catalogue, a selection explained score by score, and what lint says. */

import * as Tabs from "@radix-ui/react-tabs";
import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { api, body, type Schemas } from "../../api/client";
import { Badge, Card, Empty, Loaded, PageHead } from "../../parts/basic";
import { toneOf } from "../../parts/tone";
import { Agents } from "./Agents";
import { Select } from "./Select";
import { Telemetry } from "./Telemetry";
import { Tool } from "./Tool";

export default function Tools({ tool }: { tool: string | undefined }): ReactNode {
  const [tab, setTab] = useState("catalogue");
  if (tool !== undefined) return <Tool name={tool} />;
  return (
    <>
      <PageHead title="Tools">What agents may choose from, over MCP too.</PageHead>
      <Tabs.Root value={tab} onValueChange={setTab} className="stack">
        <Tabs.List className="tabs" aria-label="Views of the tools">
          <Tabs.Trigger value="catalogue">Catalogue</Tabs.Trigger>
          <Tabs.Trigger value="select">Selection</Tabs.Trigger>
          <Tabs.Trigger value="lint">Lint</Tabs.Trigger>
          <Tabs.Trigger value="telemetry">Telemetry</Tabs.Trigger>
          <Tabs.Trigger value="agents">Agents</Tabs.Trigger>
        </Tabs.List>
        <Tabs.Content value="catalogue">
          <Catalogue />
        </Tabs.Content>
        <Tabs.Content value="select">
          <Select />
        </Tabs.Content>
        <Tabs.Content value="lint">
          <Lint />
        </Tabs.Content>
        <Tabs.Content value="telemetry">
          <Telemetry />
        </Tabs.Content>
        <Tabs.Content value="agents">
          <Agents />
        </Tabs.Content>
      </Tabs.Root>
    </>
  );
}

type Row = Schemas["ToolAnswer"] & { score?: number | null };

function Catalogue(): ReactNode {
  const [text, setText] = useState("");
  const list = useQuery({
    queryKey: ["tools", text],
    queryFn: async (): Promise<{ rows: readonly Row[]; total: number }> => {
      if (text.trim() !== "") {
        const found = await body(api.GET("/api/v1/tools/search/query", { params: { query: { q: text, limit: 50 } } }));
        return { rows: found.results, total: found.total };
      }
      const page = await body(api.GET("/api/v1/tools", { params: { query: { page_size: 100 } } }));
      return { rows: page.tools, total: page.total };
    },
    placeholderData: (before) => before,
  });
  return (
    <div className="stack">
      <input className="input" aria-label="Search tools" placeholder="Search: find an error in the logs" value={text} onChange={(event) => setText(event.target.value)} />
      <Loaded of={list} what="The tools">
        {({ rows, total }) =>
          rows.length === 0 ? (
            <Empty title={text === "" ? "There is no tool yet" : "No tool has these words"}>
              {text === "" && (
                <p>
                  Make one in the <Link href="/ui/edit?kind=tools">editor</Link>, or import an OpenAPI document: <code>midflight tool import</code>.
                </p>
              )}
            </Empty>
          ) : (
            <Card title={`${rows.length} of ${total}`}>
              <div className="scroll-x" tabIndex={0} role="region" aria-label="Tools">
                <table>
                  <thead>
                    <tr>
                      <th>Tool</th>
                      <th>Version</th>
                      <th>Platform</th>
                      <th>Category</th>
                      <th>Status</th>
                      {text !== "" && <th className="num">Score</th>}
                    </tr>
                  </thead>
                  <tbody>
                    {rows.map((it) => (
                      <tr key={it.document}>
                        <td>
                          <Link href={`/ui/tools/${encodeURIComponent(it.document)}`}>{it.tool_name}</Link>
                          <span className="soft small block">{it.description}</span>
                        </td>
                        <td>{it.version}</td>
                        <td>{it.platform ?? "–"}</td>
                        <td>{it.category ?? "–"}</td>
                        <td>
                          <Badge tone={it.enabled ? toneOf(it.status) : "plain"}>{it.enabled ? it.status : "disabled"}</Badge>
                        </td>
                        {text !== "" && <td className="num">{it.score?.toFixed(2)}</td>}
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            </Card>
          )
        }
      </Loaded>
    </div>
  );
}

function Lint(): ReactNode {
  const lint = useQuery({ queryKey: ["tools", "lint"], queryFn: () => body(api.GET("/api/v1/tools/lint", { params: { query: { limit: 500 } } })) });
  return (
    <Loaded of={lint} what="The result of lint">
      {({ items, tools }) =>
        items.length === 0 ? (
          <Empty title={`Lint finds nothing in ${tools} tools`} />
        ) : (
          <Card title={`${items.length} hints`}>
            <ul className="stack tight">
              {items.map((it, at) => (
                <li key={at}>
                  <Link href={`/ui/edit/tools/${it.tool_name}`}>{it.tool_name}</Link> <code>{it.path}</code> {it.message} <Badge>{it.rule}</Badge>
                </li>
              ))}
            </ul>
          </Card>
        )
      }
    </Loaded>
  );
}
