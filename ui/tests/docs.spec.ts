/** The documentation in the page: guides with their links, error codes, and the calls of the API. */

import { expect, signIn, test } from "./server";

test("a guide leads to other guides and to error codes, and a call is tried", async ({ page, server }) => {
  await signIn(page, server);
  await page.goto(`${server.url}/ui/docs/guides`);
  await page.getByRole("navigation", { name: "Guides" }).getByRole("link", { name: /^Access/ }).click();
  await expect(page.getByRole("heading", { name: "API tokens" })).toBeVisible();
  await page.getByRole("article").getByRole("link", { name: "Routes and roles" }).click();
  await expect(page.getByRole("table").first()).toContainText("GET /api/v1/audit");

  await page.getByRole("navigation", { name: "Documentation" }).getByRole("link", { name: "Error codes" }).click();
  await page.getByLabel("Filter error codes").fill("412");
  await page.getByRole("link", { name: "precondition_failed" }).click();
  await expect(page.getByRole("heading", { name: "What to do" })).toBeVisible();

  await page.getByRole("navigation", { name: "Documentation" }).getByRole("link", { name: "API", exact: true }).click();
  await page.getByLabel("Filter calls").fill("get whoami");
  await page.getByText("/api/v1/whoami", { exact: true }).click();
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.getByRole("status").filter({ hasText: "permissions" })).toContainText('"role": "admin"');
});

test("the address of an error, opened in a browser, is its page; a program gets the text", async ({ page, server }) => {
  await signIn(page, server);
  await page.goto(`${server.url}/docs/errors/owned`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("owned");
  await expect(page.getByRole("heading", { name: "What to do" })).toBeVisible();
  const text = await fetch(`${server.url}/docs/errors/owned`);
  expect(text.headers.get("content-type")).toContain("text/markdown");
});
