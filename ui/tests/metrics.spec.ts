/** The last hour of metrics is there when the page is opened, whoever looked before. */

import type { Locator } from "@playwright/test";
import { expect, test } from "./server";

test("what the server did before the page was opened is drawn, and what it does now is added", async ({ page, server }) => {
  // Counted, and sampled, before any page is open.
  await server.call("POST", "/api/v1/rules/execute", { ruleset: "loans", data: { amount: 20000, applicant: { income: 35000 } } });
  const executions = async (): Promise<number> => {
    const { series } = (await server.call("GET", "/api/v1/metrics/history")) as { series: { name: string; statistic: string; values: (number | null)[] }[] };
    const rate = series.find((it) => it.name === "midflight_execution_time_seconds" && it.statistic === "rate");
    return rate?.values.filter((it) => (it ?? 0) > 0).length ?? 0;
  };
  await expect.poll(executions, { timeout: 60_000 }).toBe(1);
  await page.goto(`${server.url}/ui/metrics`);
  const card = (title: string): Locator => page.locator("section").filter({ has: page.getByRole("heading", { name: title }) });
  const execute = card("Execute, latency");
  await expect(execute.locator("canvas")).toBeVisible();
  await expect(execute.getByRole("listitem").filter({ hasText: "p99" })).toContainText(/s$/);
  await expect(card("Classify, latency")).toContainText("No query was classified in the last hour");
  await server.call("POST", "/api/v1/patterns/classify", { query: "hello" });
  await expect(card("Classify, latency").locator("canvas")).toBeVisible({ timeout: 60_000 });
});
