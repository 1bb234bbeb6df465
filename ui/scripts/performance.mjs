// Measures the pages in Chromium on a running server: how long a key takes to its painted frame in the table of a
// ruleset, and the longest tasks of the main thread while each page is opened and used.
//
//   MIDFLIGHT_URL=http://127.0.0.1:8080 MIDFLIGHT_TOKEN=mf_... npm run performance [RULESET]
import { chromium } from "@playwright/test";
import { browserPath, signIn } from "./browser.mjs";

const url = process.env.MIDFLIGHT_URL ?? "http://127.0.0.1:8080";
const token = process.env.MIDFLIGHT_TOKEN ?? "";
const ruleset = process.argv[2] ?? "loans";
/** How many keys are measured for each figure. */
const KEYS = 60;
/** Longer than a server that was built without optimisation takes to try a thousand rules among ten thousand. */
const DRY_RUN_MS_MAX = 300_000;

const browser = await chromium.launch({ executablePath: browserPath() });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions: ["clipboard-read", "clipboard-write"] });
if (token !== "") await signIn(context, url, token);
await context.addInitScript(() => {
  window.tasks = [];
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((it) => it.duration))).observe({ type: "longtask", buffered: true });
  window.keys = [];
  window.scripts = [];
  const channel = new MessageChannel();
  let waiting = [];
  // A message that is sent in a frame is read after that frame was painted.
  channel.port1.onmessage = () => {
    for (const at of waiting.splice(0)) window.keys.push(performance.now() - at);
  };
  window.addEventListener(
    "keydown",
    (event) => {
      const { timeStamp } = event;
      const begun = performance.now();
      // What React draws for a key is drawn before the next task.
      setTimeout(() => window.scripts.push(performance.now() - begun));
      requestAnimationFrame(() => {
        waiting.push(timeStamp);
        channel.port2.postMessage(null);
      });
    },
    true,
  );
});
const page = await context.newPage();

/** Every key by itself, as a person types: the next one comes when the last one is painted. */
async function keys(name, list) {
  await page.evaluate(() => {
    window.keys = [];
    window.scripts = [];
  });
  for (const [at, key] of list.entries()) {
    await page.keyboard.press(key);
    await page.waitForFunction((count) => window.keys.length >= count, at + 1);
  }
  const painted = quantiles(await page.evaluate(() => window.keys));
  const script = quantiles(await page.evaluate(() => window.scripts));
  console.log(`${name}: to the painted frame p50 ${painted(0.5)} ms, p95 ${painted(0.95)} ms; script p50 ${script(0.5)} ms, p95 ${script(0.95)} ms`);
}

function quantiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))].toFixed(1);
}

async function tasks(name, done) {
  await page.evaluate(() => (window.tasks = []));
  await done();
  const found = await page.evaluate(() => window.tasks);
  const longest = found.length === 0 ? "none of 50 ms or more" : `${Math.max(...found).toFixed(0)} ms, ${found.length} of 50 ms or more`;
  console.log(`${name}: longest task ${longest}`);
}

async function idle() {
  await page.waitForFunction(() => document.querySelector("[aria-busy]") === null);
  await page.evaluate(() => new Promise((done) => requestIdleCallback(done)));
}

await page.goto(url);
await idle();
await tasks("history, opened", async () => {
  await page.getByRole("link", { name: "History", exact: true }).click();
  await page.getByRole("region", { name: "Revisions" }).waitFor();
  await idle();
});
await tasks("history, scrolled to the end and filtered", async () => {
  const list = page.getByRole("region", { name: "Revisions" });
  for (let at = 0; at < 30; at += 1) {
    await list.evaluate((it) => it.scrollBy(0, it.clientHeight * 3));
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
  }
  await page.getByLabel("Name, author or reason").pressSequentially("number 123");
  await idle();
});
await tasks("rules, opened", async () => {
  await page.goto(`${url}/ui/rules/${ruleset}`);
  await page.getByRole("tab", { name: "Table" }).waitFor();
  await idle();
});
const grid = page.getByRole("grid");
await tasks("table, opened", async () => {
  await page.getByRole("tab", { name: "Table" }).click();
  await grid.waitFor();
  await idle();
});
await grid.getByRole("gridcell").nth(1).click();
await tasks("table, keys", async () => {
  await keys("table, arrows", Array.from({ length: KEYS }, (_, at) => (at % 3 === 2 ? "ArrowRight" : "ArrowDown")));
  await keys("table, page down", Array.from({ length: KEYS }, () => "PageDown"));
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await keys("table, letters in a cell", Array.from({ length: KEYS }, (_, at) => "abcdefghij"[at % 10]));
  await page.keyboard.press("Enter");
  await keys("table, cells typed and entered", Array.from({ length: KEYS }, (_, at) => (at % 2 === 0 ? "x" : "Enter")));
});
await tasks("table, filtered", async () => {
  await page.getByLabel("Filter rules").pressSequentially("rule 0123");
  await idle();
  await page.getByLabel("Filter rules").fill("");
  await idle();
});
await tasks("table, a thousand cells pasted", async () => {
  await page.keyboard.press("Tab");
  await grid.getByRole("gridcell").nth(1).click();
  await page.evaluate(() => navigator.clipboard.writeText(Array.from({ length: 1000 }, (_, at) => `Pasted ${at}`).join("\n")));
  await page.keyboard.press("ControlOrMeta+v");
  await grid.getByText("Pasted 1", { exact: true }).waitFor();
  await page.getByText("valid (dry run)").waitFor({ timeout: DRY_RUN_MS_MAX });
  await idle();
});
await tasks("palette, opened and typed in", async () => {
  await page.goto(url);
  await idle();
  await page.keyboard.press("ControlOrMeta+k");
  await page.getByRole("combobox").pressSequentially("many/0123");
  await page.getByRole("option").first().waitFor();
  await idle();
});
await browser.close();
