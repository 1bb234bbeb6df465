import { expect, test } from "vitest";
import { EventParser } from "./sse";

test("events are given once they are whole, whatever pieces they come in", () => {
  const parser = new EventParser();
  expect(parser.feed("id: 4\nevent: revi")).toEqual([]);
  expect(parser.feed('sion\ndata: {"a":1}\n')).toEqual([]);
  expect(parser.feed("\n: keep-alive\n\ndata: x\ndata: y\n\n")).toEqual([
    { event: "revision", id: "4", data: '{"a":1}' },
    { event: "message", id: undefined, data: "x\ny" },
  ]);
});

test("carriage returns end lines too", () => {
  expect(new EventParser().feed("event: stopping\r\ndata: {}\r\n\r\n")).toEqual([
    { event: "stopping", id: undefined, data: "{}" },
  ]);
});
