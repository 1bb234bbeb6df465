import { expect, test } from "vitest";
import { fromTsv, toTsv } from "./tsv";

test("cells with tabs, lines and quotes come back as they were", () => {
  const rows = [
    ["a", 'say "x"', "two\nlines"],
    ["", "tab\there", "ü"],
  ];
  expect(fromTsv(toTsv(rows))).toEqual(rows);
});

test("what a spreadsheet copied has a line break at its end, and may have carriage returns", () => {
  expect(fromTsv("a\tb\r\n1\t2\r\n")).toEqual([
    ["a", "b"],
    ["1", "2"],
  ]);
  expect(fromTsv("")).toEqual([[""]]);
});
