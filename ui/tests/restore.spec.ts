/** A restore says what it undoes, before it is made and in the history. */

import { expect, signIn, test } from "./server";

const CONDITION = "/api/v1/documents/rules/conditions/earns-enough";

test("a restore names the revisions that it undoes", async ({ page, server }) => {
  for (const constant of [31_000, 32_000]) {
    await server.call("PUT", CONDITION, { attribute: "applicant.income", operator: "greater_than_or_equal", constant });
  }
  await signIn(page, server);
  await page.goto(`${server.url}/ui/history/1`);
  await page.getByRole("button", { name: "Restore this state…" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("It undoes what revisions 2–3 changed");
  await dialog.getByLabel("Reason").fill("both were wrong");
  await dialog.getByRole("button", { name: "Restore 1 document" }).click();
  await expect(dialog.getByText("Revision 4 is live on this replica")).toBeVisible();
  await page.goto(`${server.url}/ui/history`);
  await expect(page.getByText("restore · undoes 2–3")).toBeVisible();
  await page.goto(`${server.url}/ui/history/4`);
  await expect(page.getByText("It brings back the state of revision 1 and undoes what revisions 2, 3 changed.")).toBeVisible();
});
