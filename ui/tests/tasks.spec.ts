/** Ten tasks of a person who sees the pages for the first time: each is done with four clicks at most, and the table of them is printed. */

import type { Locator, Page } from "@playwright/test";
import { Postgres } from "./postgres";
import { expect, EXAMPLES, Server, signIn, test } from "./server";

const CLICKS_MAX = 4;

/** A person at the page, whose clicks and typed fields are counted. */
class Newcomer {
  clicks = 0;
  typed = 0;

  constructor(readonly page: Page) {}

  async click(target: Locator): Promise<void> {
    this.clicks += 1;
    await target.click();
  }

  async type(target: Locator, text: string): Promise<void> {
    this.typed += 1;
    await target.fill(text);
  }

  /** Opens a page by its name in the navigation. */
  async open(name: string): Promise<void> {
    await this.click(this.page.getByRole("link", { name, exact: true }));
  }

  /** Goes to a document by the palette. */
  async goTo(words: string): Promise<void> {
    await this.click(this.page.getByRole("button", { name: "Go to… page, document or revision" }));
    await this.type(this.page.getByRole("combobox"), words);
    await expect(this.page.getByRole("option")).toHaveCount(1);
    await this.page.keyboard.press("Enter");
  }
}

type Task = readonly [name: string, how: (person: Newcomer) => Promise<void>];

const dialogOf = (page: Page): Locator => page.getByRole("dialog");

/** In an order in which each finds what it is about. */
const TASKS: readonly Task[] = [
  [
    "Why is replica b behind?",
    async ({ page }) => {
      const row = page.getByRole("row").filter({ hasText: /^bhttp/ });
      await expect(row.getByText("silent, last seen")).toBeVisible();
    },
  ],
  [
    "Who changed rules/conditions/earns-enough, and why?",
    async (person) => {
      await person.goTo("earns");
      await expect(person.page.getByText("Version 2 by admin")).toBeVisible();
      await expect(person.page.getByText("ask for more")).toBeVisible();
    },
  ],
  [
    "What would another value do, without changing it?",
    async (person) => {
      await person.goTo("earns");
      await person.click(person.page.locator(".cm-line").filter({ hasText: "constant" }));
      await person.page.keyboard.press("End");
      await person.page.keyboard.type("0");
      person.typed += 1;
      await expect(person.page.getByRole("region", { name: "Problems" }).getByText("check failed").first()).toBeVisible();
    },
  ],
  [
    "Undo the last change of one document",
    async (person) => {
      await person.goTo("earns");
      await person.click(person.page.getByRole("button", { name: "Undo the last change…" }));
      await person.type(dialogOf(person.page).getByLabel("Reason"), "too strict");
      await person.click(dialogOf(person.page).getByRole("button", { name: "Restore 1 document" }));
      await expect(dialogOf(person.page).getByText(/Revision \d+ is live on this replica/)).toBeVisible();
    },
  ],
  [
    "Take back what was made live last",
    async (person) => {
      await person.click(person.page.getByRole("button", { name: /^Take revision/ }));
      await person.type(dialogOf(person.page).getByLabel("Reason"), "by mistake");
      await person.click(dialogOf(person.page).getByRole("button", { name: /^Restore \d+ document/ }));
      await expect(dialogOf(person.page).getByText(/Revision \d+ is live on this replica/)).toBeVisible();
    },
  ],
  [
    "What differs between revisions 1 and 2?",
    async (person) => {
      await person.open("History");
      await person.click(person.page.getByLabel("Compare revision 1", { exact: true }));
      await person.click(person.page.getByLabel("Compare revision 2", { exact: true }));
      await person.click(person.page.getByRole("button", { name: "Compare 1 and 2" }));
      await expect(person.page.getByText("35000").first()).toBeVisible();
    },
  ],
  [
    "Which rule turns a loan down, and why?",
    async (person) => {
      await person.open("Rules");
      await person.type(person.page.getByLabel("Data, YAML or JSON"), "amount: 20000\napplicant: {income: 20000, years_employed: 6, defaults: 0}");
      const row = person.page.getByRole("row").filter({ hasText: "1-income" });
      await expect(row.getByText("not matched")).toBeVisible();
    },
  ],
  [
    "Which tool would an agent get, and why?",
    async (person) => {
      await person.open("Tools");
      await person.click(person.page.getByRole("tab", { name: "Selection" }));
      await person.type(person.page.getByLabel("What is to be done"), "find an error in the logs");
      await person.page.keyboard.press("Enter");
      await expect(person.page.getByText("Candidates")).toBeVisible();
    },
  ],
  [
    "Where does a value of the config come from?",
    async (person) => {
      await person.open("Config");
      await person.type(person.page.getByLabel("Filter values"), "server/port");
      await expect(person.page.getByRole("row").filter({ hasText: "/server/port" }).getByText("flag --listen")).toBeVisible();
    },
  ],
  [
    "Give a program a token of its own",
    async (person) => {
      await person.open("Access");
      await person.click(person.page.getByRole("button", { name: "Create a token…" }));
      await person.type(dialogOf(person.page).getByLabel("Name, the author of what it changes"), "ci");
      await person.click(dialogOf(person.page).getByRole("button", { name: "Create", exact: true }));
      await expect(dialogOf(person.page).getByLabel("Token")).toHaveValue(/^mf_/);
    },
  ],
];

test("ten tasks of a newcomer take four clicks at most", async ({ page }) => {
  const postgres = await Postgres.start();
  const fleet = ["a", "b", "c"].map((id) => {
    const flags = ["--store", postgres.url, "--bus", "postgres", "--replica-id", id];
    return new Server(id === "a" ? [...flags, ...EXAMPLES] : flags);
  });
  const [first, second] = fleet;
  if (first === undefined || second === undefined) throw new Error("there is no server");
  try {
    for (const server of fleet) {
      if (server !== first) server.adopt(first.token);
      await server.start();
    }
    const condition = { condition_name: "Earns enough", attribute: "applicant.income", operator: "greater_than_or_equal", constant: 35000 };
    await first.call("PUT", "/api/v1/documents/rules/conditions/earns-enough?reason=ask%20for%20more", condition);
    await second.kill();
    await first.call("PUT", "/api/v1/documents/rules/conditions/more", { attribute: "a", operator: "equal", constant: 1 });
    await signIn(page, first);
    const lines: string[] = [];
    for (const [name, how] of TASKS) {
      await page.goto(first.url);
      await page.evaluate(() => sessionStorage.removeItem("midflight-draft"));
      await page.goto(first.url);
      await expect(page.getByText(/Revision \d+ is live/).first()).toBeVisible();
      const person = new Newcomer(page);
      await test.step(name, () => how(person));
      lines.push(`${name.padEnd(54)} ${person.clicks} clicks, ${person.typed} typed`);
      expect(person.clicks, name).toBeLessThanOrEqual(CLICKS_MAX);
    }
    console.log(lines.join("\n"));
  } finally {
    for (const server of fleet) await server.remove();
    await postgres.stop();
  }
});
