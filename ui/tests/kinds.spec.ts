/** The pages of patterns, tools and config on the examples. */

import { expect, signIn, test } from "./server";

test("two versions of a tool are compared by what a change means", async ({ page, server }) => {
  const { body } = (await server.call("GET", "/api/v1/documents/tools/log-search")) as { body: { capabilities: { log_search: { patterns: Record<string, object> } } } };
  const patterns = body.capabilities.log_search.patterns;
  const last = { ...patterns["last_hour"], time_estimate_ms: 60 };
  const next = { ...body, version: "1.1", capabilities: { log_search: { ...body.capabilities.log_search, patterns: { ...patterns, last_hour: last } } } };
  await server.call("PUT", "/api/v1/documents/tools/log-search", next);
  await signIn(page, server);
  await page.goto(`${server.url}/ui/tools`);
  await page.getByLabel("Search tools").fill("lines of the logs");
  await page.getByRole("link", { name: "log-search" }).click();
  await page.getByRole("button", { name: "Compare with the latest" }).click();
  await expect(page.getByText("0 breaking")).toBeVisible();
  await expect(page.getByText(/time_estimate_ms/).first()).toBeVisible();
});

test("a query is classified, and the pattern that matched is named", async ({ page, server }) => {
  await page.goto(`${server.url}/ui/patterns`);
  await page.getByLabel("Query").fill("Where is my order?");
  await page.keyboard.press("Enter");
  await expect(page.getByText("ORDER_STATUS")).toBeVisible();
  await expect(page.getByRole("link", { name: "order-status" })).toBeVisible();
  await page.getByRole("tab", { name: "All patterns" }).click();
  await page.getByLabel("Words").fill("refund");
  await expect(page.getByRole("row")).toHaveCount(2);
});

test("a value of the config says where it comes from", async ({ page, server }) => {
  await page.goto(`${server.url}/ui/config`);
  const row = page.getByRole("row").filter({ hasText: "/server/port" });
  await expect(row.getByRole("cell").nth(2)).toHaveText("flag --listen");
  await expect(row.getByRole("cell").nth(3)).toHaveText("a restart");
});
