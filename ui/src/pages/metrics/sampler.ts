/** Readings of the server's metrics while this page of the browser is open, at most those of the last hour. */

import { useSyncExternalStore } from "react";
import { call } from "../../api/client";
import { parse, type Reading } from "../../metrics/prometheus";

const EVERY_MS = 10_000;
const HOUR_MS = 3_600_000;
/** What the charts use; everything else is dropped, so that an hour of it stays small. */
const USED = /^midflight_(http_requests_total|http_request_duration_seconds_bucket|(execution|classification|tool_selection)_time_seconds_bucket|executions_total|classifications_total|tool_selections_total)$/;

let readings: readonly Reading[] = [];
let failed: unknown;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

async function take(): Promise<void> {
  try {
    const response = await call("/metrics", { cache: "no-store" });
    const at = Date.now();
    const samples = parse(await response.text()).filter((it) => USED.test(it.name));
    readings = [...readings.filter((it) => it.at > at - HOUR_MS), { at, samples }];
    failed = undefined;
  } catch (error) {
    failed = error;
  }
  for (const listener of listeners) listener();
}

/** Begins to read, once. It goes on while other pages are shown, so that the charts have what was before they were opened. */
export function begin(): void {
  if (timer !== undefined) return;
  void take();
  timer = setInterval(() => {
    if (document.visibilityState === "visible") void take();
  }, EVERY_MS);
}

function subscribe(listener: () => void): () => void {
  begin();
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useReadings(): { readings: readonly Reading[]; failed: unknown } {
  const shown = useSyncExternalStore(subscribe, () => readings);
  return { readings: shown, failed };
}
