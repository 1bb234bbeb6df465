import { expect, test } from "vitest";
import { ranges, together, undoneOf } from "./undone";

const put = (revision: number, n: number) => ({ revision, op: "put", body: { n } });
const gone = (revision: number) => ({ revision, op: "delete", body: null });

test("a revision with an earlier body undoes what came in between", () => {
  const versions = [put(9, 1), put(7, 3), put(5, 2), put(2, 1)];
  expect(undoneOf(9, versions, true)).toEqual({ to: 2, revisions: [5, 7] });
  expect(undoneOf(7, versions, true)).toBeUndefined();
  expect(undoneOf(4, versions, true)).toBeUndefined();
});

test("a document that is deleted again, or for the first time, was not there before", () => {
  expect(undoneOf(6, [gone(6), put(5, 1), gone(3), put(2, 1)], true)).toEqual({ to: 3, revisions: [5] });
  expect(undoneOf(6, [gone(6), put(5, 1), put(2, 1)], true)).toEqual({ to: 0, revisions: [2, 5] });
  expect(undoneOf(6, [gone(6), put(5, 1)], false)).toBeUndefined();
});

test("several documents undo their revisions together", () => {
  expect(together([{ to: 2, revisions: [5, 7] }, undefined, { to: 0, revisions: [6] }])).toEqual({ to: 2, revisions: [5, 6, 7] });
  expect(together([undefined])).toBeUndefined();
});

test("adjacent revisions are a range", () => {
  expect(ranges([2, 5, 6, 7, 9])).toBe("2, 5–7, 9");
});
