import { expect, test } from "vitest";
import { blocks } from "./markdown";

test("headings, paragraphs, lists and code are told apart", () => {
  expect(blocks("# `busy`\n\nToo many\nclients.\n\n- one\n  more\n- two\n\n```sh\na b\n\nc\n```\nEnd.\n")).toEqual([
    { is: "heading", text: "`busy`" },
    { is: "text", text: "Too many clients." },
    { is: "list", items: ["one more", "two"] },
    { is: "code", text: "a b\n\nc" },
    { is: "text", text: "End." },
  ]);
});
