import { expect, test } from "vitest";
import { joined, labelsOf, valuesOf, type History } from "./history";

function history(times: string[], series: [name: string, label: string | null, values: (number | null)[]][]): History {
  return { interval_ms: 10_000, samples_max: 4, times, series: series.map(([name, label, values]) => ({ name, label, statistic: "rate", values })) };
}

test("what is new is added, and the oldest is dropped", () => {
  const before = history(["1", "2", "3"], [["a", null, [1, 2, 3]]]);
  const after = history(["4", "5"], [["a", null, [4, null]], ["b", "x", [7, 8]]]);
  const both = joined(before, after);
  expect(both.times).toEqual(["2", "3", "4", "5"]);
  expect(valuesOf(both, "a", "rate")).toEqual([2, 3, 4, null]);
  expect(valuesOf(both, "b", "rate", "x")).toEqual([null, null, 7, 8]);
});

test("a series that the server does not have has no values, and labels are in the order of the server", () => {
  const one = history(["1"], [["p", "load", [1]], ["p", "check", [2]], ["q", null, [3]]]);
  expect(valuesOf(one, "p", "rate")).toEqual([null]);
  expect(labelsOf(one, "p")).toEqual(["load", "check"]);
});
