import { expect, test } from "vitest";
import { Problem } from "../../api/problem";
import { resultsOf } from "./Checks";
import type { DryRun } from "./useDryRun";

const check = (name: string) => ({ kind: "rules", name, body: { input: { a: 1 }, expect: { b: 2 } } });
const failing = (code: string): DryRun => ({
  state: "refused",
  problem: new Problem(422, { errors: [{ code, document: "rules/checks/one", path: "/expect", message: "the check expects 2" }] as never }),
});
const draft = {
  "rules/checks/new": { kind: "rules", name: "checks/new", text: "input: 1\nexpect: 2\n", isDeleted: false },
  "rules/checks/two": { kind: "rules", name: "checks/two", text: "", isDeleted: true, base: { body: {}, version: 1 } },
  "rules/a": { kind: "rules", name: "a", text: "x: 1\n", isDeleted: false },
};

test("a valid draft passes each live check and its own, and not those it deletes", () => {
  const valid = { state: "valid", answer: {} } as DryRun;
  const results = resultsOf(draft, [check("checks/one"), check("checks/two")], valid);
  expect(results?.map((it) => [it.name, it.isPassed, it.isNew])).toEqual([
    ["checks/one", true, false],
    ["checks/new", true, true],
  ]);
});

test("a draft that fails a check passes the others; one that is invalid was asked none", () => {
  const results = resultsOf(draft, [check("checks/one")], failing("check_failed"));
  expect(results?.map((it) => it.isPassed)).toEqual([false, true]);
  expect(resultsOf(draft, [], failing("unknown_field"))).toBeUndefined();
});
