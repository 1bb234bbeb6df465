import { expect, test } from "vitest";
import { applyPatch } from "./jsonPatch";

test("members and items are added, removed and replaced, by their escaped names", () => {
  const before = { a: 1, "x/y": { "~": [1, 2] } };
  const after = applyPatch(before, [
    { op: "replace", path: "/a", value: 2 },
    { op: "add", path: "/x~1y/~0/1", value: 9 },
    { op: "remove", path: "/x~1y/~0/0" },
    { op: "add", path: "/b", value: null },
  ]);
  expect(after).toEqual({ a: 2, "x/y": { "~": [9, 2] }, b: null });
  expect(before).toEqual({ a: 1, "x/y": { "~": [1, 2] } });
});

test("the empty path is the whole document", () => {
  expect(applyPatch(undefined, [{ op: "replace", path: "", value: { a: 1 } }])).toEqual({ a: 1 });
  expect(applyPatch({ a: 1 }, [{ op: "remove", path: "" }])).toBeUndefined();
});
