import { expect, test } from "vitest";
import { FOUND, GUIDES } from "./guides";
import { hrefOf, slugOf } from "./links";

test("every guide of docs/ is listed, and none that is not there", () => {
  expect(GUIDES.map((it) => it.name).sort()).toEqual([...FOUND].sort());
});

test("a link between the files of docs/ leads to the page of its file", () => {
  expect(hrefOf("config.md#secrets", "rules")).toBe("/ui/docs/guides/config#secrets");
  expect(hrefOf("errors/owned.md", "rules")).toBe("/ui/docs/errors/owned");
  expect(hrefOf("../rules.md", "migrate/rules")).toBe("/ui/docs/guides/rules");
  expect(hrefOf("../errors/owned.md", "migrate/rules")).toBe("/ui/docs/errors/owned");
  expect(hrefOf("#contexts", "access")).toBe("#contexts");
  expect(hrefOf("https://example.com/", "access")).toBe("https://example.com/");
});

test("a link to what the page does not have is none", () => {
  expect(hrefOf("../examples/hot-service", "modules")).toBeUndefined();
  expect(hrefOf("../deploy/helm/midflight/README.md", "deploy")).toBeUndefined();
  expect(hrefOf("javascript:alert(1)", "deploy")).toBeUndefined();
});

test("a heading is linked to by its words", () => {
  expect(slugOf("Answers of the rule engine (`compat: original`)")).toBe("answers-of-the-rule-engine-compat-original");
});
