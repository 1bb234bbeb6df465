import { expect, test } from "vitest";
import { Problem } from "../../api/problem";
import { resultsOf } from "./checkResults";
import type { DryRun } from "./useDryRun";

const check = (name: string) => ({ kind: "rules", name, body: { input: { a: 1 }, expect: { b: 2 } } });
const failing = (code: string): DryRun => ({
  state: "refused",
  problem: new Problem(422, { errors: [{ code, document: "rules/checks/one", path: "/expect", message: "the check expects 2" }] as never }),
});
const edits = [
  { kind: "rules", name: "checks/new", isDeleted: false, body: { input: 1, expect: 2 } },
  { kind: "rules", name: "checks/two", isDeleted: true, body: undefined },
  { kind: "rules", name: "a", isDeleted: false, body: { x: 1 } },
];

test("a valid draft passes each live check and its own, and not those it deletes", () => {
  const valid = { state: "valid", answer: {} } as DryRun;
  const results = resultsOf(edits, [check("checks/one"), check("checks/two")], valid);
  expect(results?.map((it) => [it.name, it.isPassed, it.isNew])).toEqual([
    ["checks/one", true, false],
    ["checks/new", true, true],
  ]);
});

test("a draft that fails a check passes the others; one that is invalid was asked none", () => {
  const results = resultsOf(edits, [check("checks/one")], failing("check_failed"));
  expect(results?.map((it) => it.isPassed)).toEqual([false, true]);
  expect(resultsOf(edits, [], failing("unknown_field"))).toBeUndefined();
});
