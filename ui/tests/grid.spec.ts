/** A ruleset as a table: few rows in the page however many there are, typed and pasted into, saved as one revision. */

import { expect, signIn, test } from "./server";

const RULES = 10_000;
const BATCH = 1000;

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

test("ten thousand rules are a table of which few rows are in the page, and what is pasted is one draft", async ({ page, server }) => {
  for (let begin = 0; begin < RULES; begin += BATCH) {
    const rules = Array.from({ length: BATCH }, (_, at) => {
      const id = String(begin + at).padStart(5, "0");
      const conditions = { item: { attribute: `field_${id}`, operator: "equal", constant: begin + at } };
      return { op: "put", kind: "rules", name: `many/${id}`, body: { rule_name: `Rule ${id}`, conditions, rule_point: 1, priority: begin + at } };
    });
    const first = begin === 0 ? [{ op: "put", kind: "rules", name: "many", body: { name: "Many rules", drop_missing: true } }] : [];
    await server.call("POST", "/api/v1/apply", { changes: [...first, ...rules], reason: `from ${begin}` });
  }
  await signIn(page, server);
  await page.goto(`${server.url}/ui/rules/many`);
  await page.getByRole("tab", { name: "Table" }).click();
  const grid = page.getByRole("grid");
  await expect(grid).toHaveAttribute("aria-rowcount", String(RULES + 1));
  expect(await grid.getByRole("row").count()).toBeLessThan(80);
  await grid.getByText("Rule 00000").click();
  await page.keyboard.press("Control+End");
  await expect(grid.getByText("09999", { exact: true })).toBeVisible();
  await page.keyboard.press("Control+Home");

  // Two cells are pasted as a spreadsheet copies them.
  await grid.getByText("Rule 00001").click();
  await page.evaluate(() => navigator.clipboard.writeText("First\tFirst condition\nSecond\t\n".replace("\tFirst condition", "")));
  await page.keyboard.press("ControlOrMeta+v");
  await expect(grid.getByText("First", { exact: true })).toBeVisible();
  await expect(grid.getByText("Second", { exact: true })).toBeVisible();
  await page.keyboard.press("Enter");
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("Typed");
  await page.keyboard.press("Enter");
  await expect(grid.getByText("Typed", { exact: true })).toBeVisible();
});
