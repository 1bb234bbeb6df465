/** axe finds nothing on any page, light or dark; no page is wider than a narrow window; everything is from this server. */

import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, signIn, test } from "./server";

const PAGES = [
  "/",
  "/ui/history",
  "/ui/history/1",
  "/ui/history/compare/0/1",
  "/ui/edit",
  "/ui/edit/rules/conditions/earns-enough",
  "/ui/rules",
  "/ui/patterns",
  "/ui/tools",
  "/ui/tools/log-search",
  "/ui/config",
  "/ui/modules",
  "/ui/modules/counter",
  "/ui/metrics",
  "/ui/access",
  "/ui/docs",
  "/ui/docs/guides",
  "/ui/docs/guides/modules",
  "/ui/docs/errors",
  "/ui/docs/errors/precondition_failed",
  "/ui/tour",
];

/** What axe finds on a page, each with its place. */
async function violations(page: Page): Promise<string[]> {
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const found = await new AxeBuilder({ page }).withTags(tags).analyze();
  return found.violations.map((it) => `${page.url()}: ${it.id}: ${it.nodes.map((node) => node.html).join(" ")}`);
}

/** axe looks at every element of every page: it takes minutes on a busy machine. */
const AXE_MS_MAX = 400_000;

for (const colorScheme of ["light", "dark"] as const) {
  test(`axe finds nothing on any page, ${colorScheme}`, async ({ page, server }) => {
    test.setTimeout(AXE_MS_MAX);
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await signIn(page, server);
    server.run("module", "load", "examples/modules/counter.wat");
    for (const path of PAGES) {
      await page.goto(server.url + path);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.locator("[aria-busy]")).toHaveCount(0);
      expect(await violations(page)).toEqual([]);
    }
  });

  test(`axe finds nothing in what is opened on pages, ${colorScheme}`, async ({ page, server }) => {
    test.setTimeout(AXE_MS_MAX);
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await signIn(page, server);
    await page.goto(`${server.url}/ui/rules`);
    await page.getByRole("tab", { name: "Table" }).click();
    await expect(page.getByRole("grid")).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("ControlOrMeta+k");
    await expect(page.getByRole("dialog").getByRole("option").first()).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await server.call("PUT", "/api/v1/documents/rules/conditions/more", { attribute: "a", operator: "equal", constant: 1 });
    await page.goto(`${server.url}/ui/history/2`);
    await page.getByRole("button", { name: "Restore the state before it…" }).click();
    await expect(page.getByText("It touches 1 document")).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await page.goto(`${server.url}/ui/patterns`);
    await page.getByLabel("Query").fill("where is my order");
    await page.getByRole("button", { name: "Classify" }).click();
    await expect(page.getByText("ORDER_STATUS")).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await page.goto(`${server.url}/ui/tools`);
    await page.getByRole("tab", { name: "Selection" }).click();
    await page.getByLabel("What is to be done").fill("find an error in the logs");
    await page.getByRole("button", { name: "Select" }).click();
    await expect(page.getByText("Candidates")).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await page.getByRole("tab", { name: "Agents" }).click();
    await expect(page.getByText("Callers and what they see")).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await page.goto(`${server.url}/ui/access`);
    await page.getByRole("tab", { name: "Audit" }).click();
    await expect(page.getByRole("region", { name: "Audit entries" })).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await page.getByRole("tab", { name: "Tokens" }).click();
    await page.getByRole("button", { name: "Create a token…" }).click();
    expect(await violations(page)).toEqual([]);
  });
}

test("no page is wider than a window of 360 or 2560 px, and nothing is loaded from elsewhere", async ({ page, server }) => {
  await signIn(page, server);
  server.run("module", "load", "examples/modules/counter.wat");
  // The last revisions have columns of their own.
  for (let at = 0; at < 20; at += 1) await server.call("PUT", "/api/v1/documents/rules/conditions/more", { attribute: "a", operator: "equal", constant: at });
  const foreign: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(server.url)) foreign.push(request.url());
  });
  for (const width of [360, 2560]) {
    await page.setViewportSize({ width, height: 800 });
    for (const path of PAGES) {
      await page.goto(server.url + path);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.locator("[aria-busy]")).toHaveCount(0);
      const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(beyond, `${path} at ${width} px`).toBeLessThanOrEqual(0);
    }
  }
  expect(foreign).toEqual([]);
});
