/** The samples of the last hour as the server keeps them, and what is added to them while the page is open. */

import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { api, body, type Schemas } from "../../api/client";
import { FIXED } from "../../api/query";
import { Problem } from "../../api/problem";

export type History = Schemas["MetricsHistoryAnswer"];

const KEY = [FIXED, "metrics", "history"];

export async function read(since?: string): Promise<History> {
  return body(api.GET("/api/v1/metrics/history", { params: { query: since === undefined ? {} : { since } } }));
}

/** Reads the hour once, and then what is new as often as the server takes samples. */
export function useHistory(): UseQueryResult<History> {
  const client = useQueryClient();
  return useQuery({
    queryKey: KEY,
    queryFn: async () => {
      const known = client.getQueryData<History>(KEY);
      const last = known?.times.at(-1);
      return known === undefined || last === undefined ? read() : joined(known, await read(last));
    },
    staleTime: 0,
    refetchInterval: ({ state }) => (state.error instanceof Problem && state.error.status === 404 ? false : (state.data?.interval_ms ?? 10_000)),
  });
}

/** One history after another, as long as the server keeps them. A series that only one of them has is unknown in the other. */
export function joined(before: History, after: History): History {
  const drop = Math.max(0, before.times.length + after.times.length - after.samples_max);
  const id = (it: Schemas["SampledSeries"]): string => [it.name, it.label ?? "", it.statistic].join("\n");
  const old = new Map(before.series.map((it) => [id(it), it.values]));
  return {
    ...after,
    times: [...before.times, ...after.times].slice(drop),
    series: after.series.map((it) => ({
      ...it,
      values: [...(old.get(id(it)) ?? before.times.map(() => null)), ...it.values].slice(drop),
    })),
  };
}

/** The values of a series; none for one that the server does not have. */
export function valuesOf(history: History, name: string, statistic: string, label?: string): readonly (number | null)[] {
  const found = history.series.find((it) => it.name === name && it.statistic === statistic && (it.label ?? undefined) === label);
  return found?.values.map((it) => it ?? null) ?? history.times.map(() => null);
}

/** The values of the label that distinguishes the series of a metric, in the order of the server. */
export function labelsOf(history: History, name: string): string[] {
  return history.series.filter((it) => it.name === name).flatMap((it) => (it.label == null ? [] : [it.label]));
}
