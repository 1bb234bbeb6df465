import { expect, test } from "vitest";
import { COLUMNS, textOf, withText } from "./cells";

const RULE = {
  rule_name: "Heavy",
  conditions: { item: "is-heavy" },
  rule_point: 10,
  weight: 0.5,
  tags: ["a", "b"],
  metadata: { owner: "ops" },
};

test("writing a cell as it is shown changes nothing", () => {
  for (const { key } of COLUMNS.filter((it) => it.isReadOnly !== true && textOf(RULE, it.key) !== "")) {
    expect(withText(RULE, key, textOf(RULE, key)), key).toEqual(RULE);
  }
});

test("numbers, names of conditions and conditions as JSON are read", () => {
  expect(withText(RULE, "rule_point", "12,5")["rule_point"]).toBe(12.5);
  expect(withText(RULE, "conditions", "other")["conditions"]).toEqual({ item: "other" });
  expect(withText(RULE, "conditions", '{"not":"x"}')["conditions"]).toEqual({ not: "x" });
  expect(textOf({ conditions: { not: "x" } }, "conditions")).toBe('{"not":"x"}');
});

test("an empty cell is a member that is not there, and nonsense is left to the server", () => {
  expect("weight" in withText(RULE, "weight", " ")).toBe(false);
  expect(withText(RULE, "priority", "first")["priority"]).toBe("first");
});
