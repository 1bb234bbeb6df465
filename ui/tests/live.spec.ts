/** The page follows the server: edits of others, and a server that goes and comes back. */

import { expect, signIn, test } from "./server";

const RULE = { rule_name: "More", conditions: { item: "earns-enough" }, rule_point: 1, priority: 9, action_result: "M" };

test("an edit of another client is on the page without a reload of it", async ({ page, server }) => {
  await page.goto(server.url);
  await expect(page.getByText("Revision 1 is live")).toBeVisible();
  await server.call("PUT", "/api/v1/documents/rules/conditions/more?reason=from+outside", { attribute: "a", operator: "equal", constant: 1 });
  await expect(page.getByText("Revision 2 is live")).toBeVisible();
  await expect(page.getByText("from outside")).toBeVisible();
  await page.goto(`${server.url}/ui/history`);
  await expect(page.getByText("from outside")).toBeVisible();
});

test("a server that is killed and restarted is followed again, and the page says so", async ({ page, server }) => {
  await page.goto(server.url);
  const state = page.getByRole("status").first();
  await expect(state).toContainText("live");
  const listen = server.url.replace("http://", "");
  await server.kill();
  await expect(state).toContainText("reconnecting");
  await server.start(listen);
  await expect(state).toContainText("live");
  await server.call("PUT", "/api/v1/documents/rules/conditions/again", { attribute: "a", operator: "equal", constant: 1 });
  await expect(page.getByText("Revision 2 is live")).toBeVisible();
});

test("a page whose files cannot be loaded says so, and is loaded again", async ({ page, server }) => {
  await page.goto(server.url);
  await expect(page.getByText("Revision 1 is live")).toBeVisible();
  const isRefused = (url: URL): boolean => /\/assets\/History-/.test(url.pathname);
  await page.route(isRefused, (route) => route.abort());
  await page.getByRole("link", { name: "History", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("Its files could not be loaded");
  await page.getByRole("link", { name: "Now", exact: true }).click();
  await expect(page.getByText("Revision 1 is live")).toBeVisible();
  await page.getByRole("link", { name: "History", exact: true }).click();
  await page.unroute(isRefused);
  await page.getByRole("button", { name: "Load again" }).click();
  await expect(page.getByRole("region", { name: "Revisions" })).toBeVisible();
});

test("an edit of another client is in an open editor, and begins no draft there", async ({ page, server }) => {
  await signIn(page, server);
  await page.goto(`${server.url}/ui/edit/rules/conditions/earns-enough`);
  await expect(page.getByText("Version 1 by startup")).toBeVisible();
  await server.call("PUT", "/api/v1/documents/rules/conditions/earns-enough", { attribute: "applicant.income", operator: "greater_than_or_equal", constant: 31000 });
  await expect(page.locator(".cm-content")).toContainText("31000");
  await expect(page.getByText("Version 2 by admin")).toBeVisible();
  await expect(page.getByRole("button", { name: "Discard" })).toBeDisabled();
});

test("a refused change is shown with its reason", async ({ page, server }) => {
  await signIn(page, server);
  await page.goto(server.url);
  await expect(page.getByText("Revision 1 is live")).toBeVisible();
  await expect(
    server.call("PUT", "/api/v1/documents/rules/loans/9-more", { ...RULE, conditions: { item: "nowhere" } }),
  ).rejects.toThrow("422");
  await page.reload();
  await page.getByText("The last refused change").click();
  await expect(page.getByText("nowhere").first()).toBeVisible();
});
