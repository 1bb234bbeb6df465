import { expect, test } from "vitest";
import { parse, total, type Reading } from "./prometheus";

const reading = (at: number, text: string): Reading => ({ at, samples: parse(text) });

test("names, labels and values are read; comments are not", () => {
  expect(parse('# HELP a b\na_total{route="/x\\"y",method="GET"} 3\nb 0.5\nc_bucket{le="+Inf"} 7\n')).toEqual([
    { name: "a_total", labels: { route: '/x"y', method: "GET" }, value: 3 },
    { name: "b", labels: {}, value: 0.5 },
    { name: "c_bucket", labels: { le: "+Inf" }, value: 7 },
  ]);
});

test("a total is of all series of a name, or of those with a label", () => {
  const one = reading(0, 'a{x="1"} 10\na{x="2"} 5');
  expect(total(one, "a")).toBe(15);
  expect(total(one, "a", { x: "2" })).toBe(5);
});
