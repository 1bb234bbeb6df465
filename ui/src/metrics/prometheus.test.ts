import { expect, test } from "vitest";
import { parse, quantile, rate, type Reading } from "./prometheus";

const reading = (at: number, text: string): Reading => ({ at, samples: parse(text) });

test("names, labels and values are read; comments are not", () => {
  expect(parse('# HELP a b\na_total{route="/x\\"y",method="GET"} 3\nb 0.5\nc_bucket{le="+Inf"} 7\n')).toEqual([
    { name: "a_total", labels: { route: '/x"y', method: "GET" }, value: 3 },
    { name: "b", labels: {}, value: 0.5 },
    { name: "c_bucket", labels: { le: "+Inf" }, value: 7 },
  ]);
});

test("a rate is of all series of a name, and none over a restart", () => {
  const [first, second, restarted] = [reading(0, 'a{x="1"} 10\na{x="2"} 5'), reading(10_000, 'a{x="1"} 30\na{x="2"} 5'), reading(20_000, 'a{x="1"} 1')];
  expect(rate(first, second, "a")).toBe(2);
  expect(rate(first, second, "a", { x: "2" })).toBe(0);
  expect(rate(second, restarted, "a")).toBeNull();
});

test("a quantile is of what came in between, within its bucket", () => {
  const before = reading(0, 'h_bucket{le="1"} 5\nh_bucket{le="2"} 5\nh_bucket{le="+Inf"} 5');
  const after = reading(1, 'h_bucket{le="1"} 5\nh_bucket{le="2"} 15\nh_bucket{le="+Inf"} 15');
  expect(quantile(before, after, "h", 0.5)).toBe(1.5);
  expect(quantile(before, before, "h", 0.5)).toBeNull();
});
