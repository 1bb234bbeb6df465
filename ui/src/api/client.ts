/** Calls of the API, typed by the committed OpenAPI document. */

import createClient from "openapi-fetch";
import { Problem } from "./problem";
import type { components, paths } from "./schema";
import { session } from "./session";

export type Schemas = components["schemas"];

/** The browser sends the cookie of the session with each call. */
export const api = createClient<paths>();

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of an answer, or a thrown {@link Problem}. */
export async function body<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw refused(response.status, problemOf(error));
  return data as T;
}

function refused(status: number, problem: Partial<Schemas["ProblemBody"]>): Problem {
  if (status === 401) session.sawNobody();
  return new Problem(status, problem);
}

function problemOf(error: unknown): Partial<Schemas["ProblemBody"]> {
  return typeof error === "object" && error !== null ? error : {};
}

/** Calls a path that the OpenAPI document does not have yet, or whose answer is no JSON. */
export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(path, init);
  if (response.ok) return response;
  const text = await response.text();
  throw refused(response.status, parsed(text));
}

function parsed(text: string): Partial<Schemas["ProblemBody"]> {
  try {
    return problemOf(JSON.parse(text));
  } catch {
    return { detail: text.slice(0, 300) };
  }
}

/** The JSON of a path that the OpenAPI document does not have yet. */
export async function callJson<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await call(path, init);
  return (await response.json()) as T;
}
