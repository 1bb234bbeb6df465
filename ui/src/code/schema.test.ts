import { expect, test } from "vitest";
import { membersAt, sortOf, valuesAt, type Schema } from "./schema";

const SCHEMAS = [
  { kind: "rules", title: "ruleset", names: "{ruleset}", href: "" },
  { kind: "rules", title: "rule", names: "{ruleset}/{rule_id}", href: "" },
  { kind: "rules", title: "condition", names: "conditions/{condition_id}", href: "" },
  { kind: "tools", title: "tool", names: "{tool}", href: "" },
];

test("a document is of the sort whose names fit it best", () => {
  const title = (name: string): string | undefined => sortOf(SCHEMAS, "rules", name)?.title;
  expect(title("loans")).toBe("ruleset");
  expect(title("loans/1")).toBe("rule");
  expect(title("conditions/x")).toBe("condition");
  expect(sortOf(SCHEMAS, "config", "x")).toBeUndefined();
});

const SCHEMA: Schema = {
  $defs: {
    logic: {
      anyOf: [{ properties: { all: { type: "array", items: { $ref: "#/$defs/logic" } } } }, { properties: { not: { $ref: "#/$defs/logic" } } }],
    },
  },
  properties: {
    status: { enum: ["active", "draft"], description: "Whether it executes." },
    conditions: { $ref: "#/$defs/logic" },
    strict: { type: "boolean" },
  },
  required: ["conditions"],
};

test("members and values come from references and alternatives too", () => {
  expect(membersAt(SCHEMA, []).map((it) => it.name)).toEqual(["status", "conditions", "strict"]);
  expect(membersAt(SCHEMA, ["conditions", "all", "*"]).map((it) => it.name)).toEqual(["all", "not"]);
  expect(valuesAt(SCHEMA, ["status"])).toEqual(["active", "draft"]);
  expect(valuesAt(SCHEMA, ["strict"])).toEqual(["true", "false"]);
});
