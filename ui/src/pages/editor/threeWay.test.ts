import { expect, test } from "vitest";
import { threeWay, withValue } from "./threeWay";

test("what only one of them changed is taken from them", () => {
  const merged = threeWay({ a: 1, b: 1, c: { d: 1, e: 1 } }, { a: 2, b: 1, c: { d: 2, e: 1 } }, { a: 1, b: 3, c: { d: 1, e: 3 } });
  expect(merged).toEqual({ body: { a: 2, b: 3, c: { d: 2, e: 3 } }, conflicts: [] });
});

test("what both changed otherwise is a conflict, and mine until it is decided", () => {
  const { body, conflicts } = threeWay({ a: 600 }, { a: 650 }, { a: 700 });
  expect(body).toEqual({ a: 650 });
  expect(conflicts).toEqual([{ path: ["a"], base: 600, mine: 650, theirs: 700 }]);
  expect(withValue(body, ["a"], 700)).toEqual({ a: 700 });
});

test("both made the same change: there is nothing to decide", () => {
  expect(threeWay({ a: 1 }, { a: 2, n: 1 }, { a: 2, n: 1 })).toEqual({ body: { a: 2, n: 1 }, conflicts: [] });
});

test("a member that one removed and the other left is gone; one that the other changed is a conflict", () => {
  expect(threeWay({ a: 1, b: 1 }, { b: 1 }, { a: 1, b: 2 })).toEqual({ body: { b: 2 }, conflicts: [] });
  expect(threeWay({ a: 1 }, {}, { a: 2 }).conflicts).toEqual([{ path: ["a"], base: 1, mine: undefined, theirs: 2 }]);
});

test("lists are one value: both changed it is a conflict", () => {
  expect(threeWay({ l: [1] }, { l: [1, 2] }, { l: [1, 3] }).conflicts).toHaveLength(1);
});

test("a value is put deep into a body, or taken out of it", () => {
  expect(withValue({ a: { b: 1, c: 2 } }, ["a", "b"], undefined)).toEqual({ a: { c: 2 } });
  expect(withValue({}, ["a", "b"], 1)).toEqual({ a: { b: 1 } });
});
