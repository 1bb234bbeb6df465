import { expect, test } from "vitest";
import { differences } from "./meaning";

test("a changed value is named by its place, with both values", () => {
  expect(differences({ a: { b: 600 }, c: 1 }, { a: { b: 650 }, c: 1 })).toEqual([{ path: "a.b", from: 600, to: 650 }]);
});

test("what is new has no old value, and what is gone no new one", () => {
  expect(differences({ old: 1 }, { fresh: null })).toEqual([
    { path: "old", from: 1 },
    { path: "fresh", to: null },
  ]);
});

test("an item put into a list is one difference, wherever it is put", () => {
  expect(differences({ l: [1, 2, 3] }, { l: [1, 9, 2, 3] })).toEqual([{ path: "l[1]", to: 9 }]);
  expect(differences({ l: [1, 2, 3] }, { l: [1, 3] })).toEqual([{ path: "l[1]", from: 2 }]);
  expect(differences([{ id: "a", n: 1 }], [{ id: "a", n: 2 }])).toEqual([{ path: "[0].n", from: 1, to: 2 }]);
});

test("the order of members says nothing", () => {
  expect(differences({ a: 1, b: [{ x: 1, y: 2 }] }, { b: [{ y: 2, x: 1 }], a: 1 })).toEqual([]);
});

test("a document that is new or gone is one difference", () => {
  expect(differences(undefined, { a: 1 })).toEqual([{ path: "", to: { a: 1 } }]);
  expect(differences({ a: 1 }, undefined)).toEqual([{ path: "", from: { a: 1 } }]);
});
