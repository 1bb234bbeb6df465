import { expect, test } from "vitest";
import { answerOf } from "./probe";

const said = (path: string, answer: string): { path: string; message: string } => ({
  path: `/expect/${path}`,
  message: `the check expects "\\u0001", the answer is ${answer}`,
});

test("the answer of a draft is what the check did not expect", () => {
  const problems = [
    said("pattern_result", '"-Y, the answer is Z"'),
    said("total_points", "10"),
    said("action_recommendation", "null"),
    said("matched", '["2-security"]'),
  ];
  expect(answerOf(problems)).toEqual({
    pattern_result: "-Y, the answer is Z",
    total_points: 10,
    action_recommendation: null,
    matched: ["2-security"],
  });
});

test("a check that got no answer, or one that was cut short, is none", () => {
  expect(answerOf([{ path: "/input", message: "the check got no answer: there is no ruleset" }])).toBeUndefined();
  expect(answerOf([said("pattern_result", '"Y"'), said("total_points", "1"), said("matched", '["a", ...')])).toBeUndefined();
});
