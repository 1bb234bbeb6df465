/** Calls of the API, typed by the committed OpenAPI document. */

import createClient, { type Middleware } from "openapi-fetch";
import { Problem } from "./problem";
import type { components, paths } from "./schema";
import { session } from "./session";

export type Schemas = components["schemas"];

const withToken: Middleware = {
  onRequest({ request }) {
    const token = session.token();
    if (token !== null) request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
};

export const api = createClient<paths>();
api.use(withToken);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of an answer, or a thrown {@link Problem}. */
export async function body<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw new Problem(response.status, problemOf(error));
  return data as T;
}

function problemOf(error: unknown): Partial<Schemas["ProblemBody"]> {
  return typeof error === "object" && error !== null ? error : {};
}

/** Calls a path that the OpenAPI document does not have yet, or whose answer is no JSON. */
export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const token = session.token();
  if (token !== null) headers.set("Authorization", `Bearer ${token}`);
  const response = await fetch(path, { ...init, headers });
  if (response.ok) return response;
  const text = await response.text();
  throw new Problem(response.status, parsed(text));
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
