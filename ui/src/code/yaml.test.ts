import { expect, test } from "vitest";
import { pathAt, placeOf, read, write } from "./yaml";

const TEXT = `rule_name: Heavy
conditions:
  all:
    - attribute: a
      constant: 1
    - not: is-heavy
weight: 0.5
`;

test("what is written is read back the same, texts that look like something else too", () => {
  const body = { "-YY": "yes", a: "12", b: "null", c: [1, { d: "x: y" }], e: "two\nlines\n", f: "" };
  expect(read(write(body)).body).toEqual(body);
});

test("a problem of the server is shown at the value it names", () => {
  const { document } = read(TEXT);
  const text = (pointer: string): string => {
    const { from, to } = placeOf(document, pointer);
    return TEXT.slice(from, to);
  };
  expect(text("/weight")).toBe("0.5");
  expect(text("/conditions/all/0/constant")).toBe("1");
  expect(text("/conditions/all")).toBe("all");
  expect(text("/conditions/none/x")).toBe("conditions");
  expect(placeOf(document, "")).toEqual({ from: 0, to: 0 });
});

test("a text that cannot be read has its problems at their places", () => {
  const parsed = read("a: [1, 2\nb: }");
  expect(parsed.body).toBeUndefined();
  expect(parsed.problems.length).toBeGreaterThan(0);
});

test("the keys that lead to a line are found by its indentation", () => {
  const at = (needle: string): string[] => pathAt(TEXT, TEXT.indexOf(needle) + needle.length);
  expect(at("rule_name")).toEqual([]);
  expect(at("weight")).toEqual([]);
  expect(at("  all")).toEqual(["conditions"]);
  expect(at("- attribute")).toEqual(["conditions", "all", "*"]);
  expect(at("      constant")).toEqual(["conditions", "all", "*"]);
});
