/** Three replicas on PostgreSQL: each acknowledges an edit; a revision that none can serve is found, with its reason, and cured. */

import { Postgres } from "./postgres";
import { expect, EXAMPLES, Server, signIn, test, writeEditor } from "./server";

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

test("three replicas acknowledge an edit, and a revision that they quarantine is found and cured", async ({ page }) => {
  const postgres = await Postgres.start();
  const fleet = ["a", "b", "c"].map((id) => {
    const flags = ["--store", postgres.url, "--bus", "postgres", "--replica-id", id];
    return new Server(id === "a" ? [...flags, ...EXAMPLES] : flags);
  });
  const [first] = fleet;
  if (first === undefined) throw new Error("there is no server");
  try {
    for (const server of fleet) {
      if (server !== first) server.adopt(first.token);
      await server.start();
    }
    await signIn(page, first);
    await page.goto(first.url);
    await expect(page.getByText("on 3 of 3 replicas")).toBeVisible();

    await page.goto(`${first.url}/ui/edit/rules/conditions/earns-enough`);
    await writeEditor(page, "attribute: applicant.income\nconstant: 40000\noperator: greater_than_or_equal\n");
    await page.getByRole("button", { name: /^Save/ }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Reason").fill("for all three");
    await dialog.getByRole("button", { name: "Save", exact: true }).click();
    await expect(dialog.getByText("acknowledged")).toHaveCount(3);
    await dialog.getByRole("button", { name: "Close" }).click();

    // A row that was written by hand, past every check of the server.
    const wrong = JSON.stringify({ attribute: "age", operator: "older", constant: 21 });
    postgres.run(`SELECT midflight_put('rules', 'conditions/old', '${wrong}', 'anna', 'by hand')`);
    await page.goto(first.url);
    await expect(page.getByText("1 revision is quarantined on this replica")).toBeVisible();
    await expect(page.getByText('unknown operator "older"').first()).toBeVisible();
    const rows = page.getByRole("table").first().getByRole("row");
    for (const id of ["a", "b", "c"]) await expect(rows.filter({ hasText: new RegExp(`^${id}http`) }).getByText("quarantines 3")).toBeVisible();

    await page.getByRole("link", { name: "rules/conditions/old" }).first().click();
    await writeEditor(page, "attribute: age\noperator: greater_than_or_equal\nconstant: 21\n");
    await page.getByRole("button", { name: /^Save/ }).click();
    await dialog.getByLabel("Reason").fill("cured");
    await dialog.getByRole("button", { name: "Save", exact: true }).click();
    await expect(dialog.getByText("acknowledged")).toHaveCount(3);
    await page.goto(first.url);
    await expect(page.getByText("on 3 of 3 replicas")).toBeVisible();
    await expect(page.getByText("is quarantined on this replica")).toBeHidden();
  } finally {
    for (const server of fleet) await server.remove();
    await postgres.stop();
  }
});
