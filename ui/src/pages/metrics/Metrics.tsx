/** What the server does: requests, latencies, reloads, of the last hour, from its own metrics. */

import { useQuery } from "@tanstack/react-query";
import { useMemo, type ReactNode } from "react";
import { api, body, type Schemas } from "../../api/client";
import { useReloads, useReplicas } from "../../api/queries";
import { Card, Failure, Figure, Loaded, PageHead } from "../../parts/basic";
import { count, duration } from "../../parts/format";
import { words } from "../../parts/tone";
import { Chart, type Line } from "./Chart";
import { quantile, rate, type Reading } from "../../metrics/prometheus";
import { useReadings } from "./sampler";

type Between = (before: Reading, after: Reading) => number | null;

const COUNTED: readonly (readonly [string, Between])[] = [
  ["requests", (a, b) => rate(a, b, "midflight_http_requests_total")],
  ["executions", (a, b) => rate(a, b, "midflight_executions_total")],
  ["classifications", (a, b) => rate(a, b, "midflight_classifications_total")],
  ["selections", (a, b) => rate(a, b, "midflight_tool_selections_total")],
];

const KINDS_OF_WORK: readonly (readonly [title: string, name: string])[] = [
  ["Execute", "midflight_execution_time_seconds"],
  ["Classify", "midflight_classification_time_seconds"],
  ["Select", "midflight_tool_selection_time_seconds"],
  ["HTTP requests", "midflight_http_request_duration_seconds"],
];

function seconds(value: number): string {
  return duration(value * 1000);
}

function perSecond(value: number): string {
  return `${value >= 10 ? count(Math.round(value)) : value.toFixed(1)}/s`;
}

export default function Metrics(): ReactNode {
  const { readings, failed } = useReadings();
  const times = useMemo(() => readings.slice(1).map((it) => it.at / 1000), [readings]);
  const rates = useMemo(() => COUNTED.map(([name, between]) => ({ name, values: betweenEach(readings, between) })), [readings]);
  const latencies = useMemo(
    () =>
      KINDS_OF_WORK.map(([title, name]): { title: string; lines: Line[] } => ({
        title,
        lines: [0.5, 0.95, 0.99].map((q) => ({ name: `p${q * 100}`, values: betweenEach(readings, (a, b) => quantile(a, b, name, q)) })),
      })),
    [readings],
  );
  return (
    <>
      <PageHead title="Metrics">
        This server’s own metrics, read every ten seconds since this tab was opened, on whichever page. An hour is kept.
      </PageHead>
      <div className="stack">
        {failed !== undefined && failed !== null && <Failure error={failed} what="The metrics could not be read" />}
        <Chart title="Rates" times={times} lines={rates} format={perSecond} empty="The first reading is taken; rates need a second one, in ten seconds." />
        <div className="card-grid">
          {latencies.map(({ title, lines }) => (
            <Chart key={title} title={`${title}, latency`} times={times} lines={lines} format={seconds} empty="Nothing of this kind was done since this tab was opened." />
          ))}
        </div>
        <div className="card-grid">
          <Reloads />
          <Lag />
        </div>
      </div>
    </>
  );
}

function betweenEach(readings: readonly Reading[], between: Between): (number | null)[] {
  return readings.slice(1).map((after, at) => {
    const before = readings[at];
    return before === undefined ? null : between(before, after);
  });
}

function Reloads(): ReactNode {
  const statistics = useQuery({ queryKey: ["reload-statistics"], queryFn: () => body(api.GET("/api/v1/reloads/statistics")) });
  const reloads = useReloads(200);
  return (
    <Card title="Reloads">
      <Loaded of={statistics} what="The statistics">
        {(it) => (
          <dl className="figures">
            <Figure name="All">{count(it.total)}</Figure>
            <Figure name="p50">{it.p50_ms == null ? "–" : duration(it.p50_ms)}</Figure>
            <Figure name="p95">{it.p95_ms == null ? "–" : duration(it.p95_ms)}</Figure>
            <Figure name="p99">{it.p99_ms == null ? "–" : duration(it.p99_ms)}</Figure>
            {Object.entries(it.by_outcome).map(([outcome, number]) => (
              <Figure key={outcome} name={words(outcome)}>{count(number)}</Figure>
            ))}
          </dl>
        )}
      </Loaded>
      <Loaded of={reloads} what="The reloads">
        {({ items }) => <PhaseTable reloads={items} />}
      </Loaded>
    </Card>
  );
}

function PhaseTable({ reloads }: { reloads: readonly Schemas["ReloadAnswer"][] }): ReactNode {
  const phases = new Map<string, number[]>();
  for (const reload of reloads) for (const it of reload.phases) phases.set(it.phase, [...(phases.get(it.phase) ?? []), it.took_ms]);
  const at = (sorted: readonly number[], q: number): string => duration(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0);
  return (
    <table>
      <caption className="small soft">Phases of the last {reloads.length} reloads</caption>
      <thead>
        <tr>
          <th>Phase</th>
          <th className="num">p50</th>
          <th className="num">p95</th>
          <th className="num">Longest</th>
        </tr>
      </thead>
      <tbody>
        {[...phases].map(([phase, times]) => {
          const sorted = [...times].sort((a, b) => a - b);
          return (
            <tr key={phase}>
              <td>{phase}</td>
              <td className="num">{at(sorted, 0.5)}</td>
              <td className="num">{at(sorted, 0.95)}</td>
              <td className="num">{at(sorted, 1)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Lag(): ReactNode {
  const replicas = useReplicas(undefined);
  return (
    <Card title="Lag">
      <Loaded of={replicas} what="The replicas">
        {({ items }) => (
          <table>
            <thead>
              <tr>
                <th>Replica</th>
                <th className="num">Serves</th>
                <th className="num">Lag</th>
              </tr>
            </thead>
            <tbody>
              {items.map((it) => (
                <tr key={it.id}>
                  <td className="mono">{it.id}</td>
                  <td className="num">{it.applied_revision}</td>
                  <td className="num">{it.lag_ms == null ? "–" : duration(it.lag_ms)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Loaded>
    </Card>
  );
}
