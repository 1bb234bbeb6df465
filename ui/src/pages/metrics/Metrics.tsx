/** What the server did in the last hour: requests, latencies, reloads and their phases, the lag, from its own metrics. */

import { useQuery } from "@tanstack/react-query";
import { useMemo, type ReactNode } from "react";
import { api, body, type Schemas } from "../../api/client";
import { Problem } from "../../api/problem";
import { useReloads, useReplicas } from "../../api/queries";
import { Card, Empty, Failure, Figure, Loaded, PageHead } from "../../parts/basic";
import { count, duration } from "../../parts/format";
import { words } from "../../parts/tone";
import { Chart, type Line } from "./Chart";
import { labelsOf, useHistory, valuesOf, type History } from "./history";

const RATES: readonly (readonly [line: string, metric: string])[] = [
  ["requests", "midflight_http_request_duration_seconds"],
  ["executions", "midflight_execution_time_seconds"],
  ["classifications", "midflight_classifications_total"],
  ["selections", "midflight_tool_selection_time_seconds"],
];

const LATENCIES: readonly (readonly [title: string, metric: string, empty: string])[] = [
  ["Execute, latency", "midflight_execution_time_seconds", "No rules were executed in the last hour."],
  ["Classify, latency", "midflight_classification_time_seconds", "No query was classified in the last hour."],
  ["Select, latency", "midflight_tool_selection_time_seconds", "No tool was selected in the last hour."],
  ["HTTP requests, latency", "midflight_http_request_duration_seconds", "No request was answered in the last hour."],
  ["Reloads, time", "midflight_reload_duration_seconds", "No reload changed what is served in the last hour."],
];

const PHASES = "midflight_reload_phase_duration_seconds";
/** So many phases are drawn, the longest ones: more lines cannot be told apart. */
const PHASES_MAX = 6;
const QUANTILES = ["p50", "p95", "p99"];

function seconds(value: number): string {
  return duration(value * 1000);
}

function perMinute(value: number): string {
  return `${value >= 10 ? count(Math.round(value)) : value.toFixed(1)}/min`;
}

function perMinuteOf(rates: readonly (number | null)[]): (number | null)[] {
  return rates.map((rate) => (rate === null ? null : rate * 60));
}

function perSecond(value: number): string {
  return `${value >= 10 ? count(Math.round(value)) : value.toFixed(1)}/s`;
}

export default function Metrics(): ReactNode {
  const history = useHistory();
  const isDisabled = history.error instanceof Problem && history.error.status === 404;
  return (
    <>
      <PageHead title="Metrics">
        The last hour of this replica, as it measured itself: a sample every ten seconds, in memory, so it begins with the start of the server.
      </PageHead>
      <div className="stack">
        {isDisabled ? (
          <Empty title="Metrics are disabled">
            <p>
              The config says <code>metrics.enabled: false</code>. Set it to true in <code>config/midflight</code>; it takes effect at once.
            </p>
          </Empty>
        ) : (
          <Charts history={history.data} />
        )}
        {!isDisabled && history.error !== null && <Failure error={history.error} what={history.data === undefined ? "The metrics could not be read" : "Newer samples could not be read"} />}
        <div className="card-grid">
          <Reloads />
          <Lag />
        </div>
      </div>
    </>
  );
}

/** What is drawn until the history is read, in the places that it will have. */
const NONE: History = { interval_ms: 10_000, samples_max: 0, times: [], series: [] };

function Charts({ history: read }: { history: History | undefined }): ReactNode {
  const history = read ?? NONE;
  const isRead = read !== undefined;
  const times = useMemo(() => history.times.map((it) => Date.parse(it) / 1000), [history]);
  const rates = useMemo(() => RATES.map(([name, metric]): Line => ({ name, values: valuesOf(history, metric, "rate") })), [history]);
  const latencies = useMemo(
    () => LATENCIES.map(([, metric]) => QUANTILES.map((name): Line => ({ name, values: valuesOf(history, metric, name) }))),
    [history],
  );
  const phases = useMemo(() => longest(labelsOf(history, PHASES).map((name) => ({ name, values: valuesOf(history, PHASES, "mean", name) }))), [history]);
  const reloads = useMemo(
    () => [
      { name: "live", values: perMinuteOf(valuesOf(history, "midflight_reload_duration_seconds", "rate")) },
      { name: "refused or failed", values: perMinuteOf(valuesOf(history, "midflight_reloads_failed_total", "rate")) },
    ],
    [history],
  );
  const lag = useMemo((): Line[] => [{ name: "furthest behind", values: valuesOf(history, "midflight_lag_seconds", "value") }], [history]);
  return (
    <div className="stack" aria-busy={isRead ? undefined : true}>
      <Chart title="Rates" times={times} lines={rates} format={perSecond} empty={isRead && "The first sample is taken ten seconds after the start of the server."} />
      <div className="card-grid charts">
        {LATENCIES.map(([title, , empty], at) => (
          <Chart key={title} title={title} times={times} lines={latencies[at] ?? []} format={seconds} empty={isRead && empty} />
        ))}
        <Chart title="Reloads and edits" times={times} lines={reloads} format={perMinute} empty={isRead && "The first sample is taken ten seconds after the start of the server."} />
        <Chart title="Reloads, longest phases" times={times} lines={phases} format={seconds} empty={isRead && "No reload changed what is served in the last hour."} />
        <Chart title="Lag of the replicas" times={times} lines={lag} format={seconds} empty={isRead && "The lag is not known while the log is unavailable."} />
      </div>
    </div>
  );
}

/** The lines with the largest values, in the order that they had. */
function longest(lines: readonly Line[]): Line[] {
  const top = (line: Line): number => line.values.reduce<number>((max, value) => Math.max(max, value ?? 0), 0);
  const least = lines.map(top).sort((a, b) => b - a)[PHASES_MAX - 1] ?? 0;
  return lines.filter((line) => top(line) >= least).slice(0, PHASES_MAX);
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
