/** What patterns answered in place of an LLM, and which of them are used and right. */

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { api, body } from "../../api/client";
import { Card, Empty, Loaded } from "../../parts/basic";
import { count } from "../../parts/format";

export function Performance(): ReactNode {
  const read = useQuery({
    queryKey: ["patterns", "performance"],
    queryFn: () => body(api.GET("/api/v1/patterns/performance", { params: { query: { limit: 100 } } })),
  });
  return (
    <Loaded of={read} what="The performance">
      {({ patterns, profiles }) =>
        patterns.length === 0 && Object.keys(profiles).length === 0 ? (
          <Empty title="Nothing was classified yet">
            <p>Each classification is counted. Classify a query, and look again in some seconds: counts are written in batches.</p>
          </Empty>
        ) : (
          <div className="stack">
            {Object.entries(profiles).map(([name, it]) => (
              <Card key={name} title={`Profile ${name}`}>
                <dl className="figures">
                  <div>
                    <dt>Answered by patterns</dt>
                    <dd>{count(it.answered_by_patterns)}</dd>
                  </div>
                  <div>
                    <dt>By the LLM</dt>
                    <dd>{count(it.answered_by_llm)}</dd>
                  </div>
                  <div>
                    <dt>By nothing</dt>
                    <dd>{count(it.unanswered)}</dd>
                  </div>
                  <div>
                    <dt>Saved, at {it.llm_call_cost} a call</dt>
                    <dd>{it.cost_saved.toFixed(2)}</dd>
                  </div>
                </dl>
              </Card>
            ))}
            {patterns.length > 0 && (
              <Card title="By pattern">
                <div className="scroll-x" tabIndex={0} role="region" aria-label="By pattern">
                  <table>
                    <thead>
                      <tr>
                        <th>Pattern</th>
                        <th>Category</th>
                        <th className="num">Used</th>
                        <th className="num">Right</th>
                        <th className="num">Wrong</th>
                        <th className="num">Right at least</th>
                      </tr>
                    </thead>
                    <tbody>
                      {patterns.map((it) => (
                        <tr key={it.id}>
                          <td>
                            <Link className="mono" href={`/ui/edit/patterns/${it.id}`}>
                              {it.id}
                            </Link>
                          </td>
                          <td>{it.category}</td>
                          <td className="num">{count(it.usage.times_used)}</td>
                          <td className="num">{count(it.usage.times_correct)}</td>
                          <td className="num">{count(it.usage.times_wrong)}</td>
                          <td className="num">{Math.round(it.wilson_lower_bound * 100)} %</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </div>
                <p className="small soft">“Right at least” is the lower Wilson bound: few uses prove little.</p>
              </Card>
            )}
          </div>
        )
      }
    </Loaded>
  );
}
