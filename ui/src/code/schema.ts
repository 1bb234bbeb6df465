/** What a JSON schema says of a place of a document: its members, their values, what they are for. */

import type { Schemas } from "../api/client";

export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string | string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  description?: string;
  required?: string[];
}

/** The sort of document that a name is of: that whose pattern of names has most words in common with it. */
export function sortOf(schemas: readonly Schemas["SchemaInfo"][], kind: string, name: string): Schemas["SchemaInfo"] | undefined {
  const parts = name.split("/");
  const fitting = schemas.filter((it) => {
    if (it.kind !== kind) return false;
    const pattern = it.names.split("/");
    const isLong = pattern.length <= parts.length && pattern.at(-1)?.startsWith("{") === true;
    if (pattern.length !== parts.length && !isLong) return false;
    return pattern.every((part, at) => part.startsWith("{") || part === parts[at]);
  });
  const literals = (it: Schemas["SchemaInfo"]): number => it.names.split("/").filter((part) => !part.startsWith("{")).length;
  const length = (it: Schemas["SchemaInfo"]): number => it.names.split("/").length;
  return fitting.sort((a, b) => literals(b) - literals(a) || length(b) - length(a))[0];
}

/** Every schema that may apply at a path, with references followed and alternatives side by side. */
export function at(root: Schema, path: readonly string[]): Schema[] {
  let here = alternatives(root, root, 0);
  for (const key of path) {
    here = here.flatMap((schema) => {
      if (key === "*") return schema.items === undefined ? [] : alternatives(root, schema.items, 0);
      const member = schema.properties?.[key] ?? (typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined);
      return member === undefined ? [] : alternatives(root, member, 0);
    });
  }
  return here;
}

/** So deep are references followed; a schema may refer to itself. */
const DEPTH_MAX = 8;

function alternatives(root: Schema, schema: Schema, depth: number): Schema[] {
  if (depth > DEPTH_MAX) return [];
  const parts = [...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(schema.allOf ?? [])];
  const referred = schema.$ref === undefined ? undefined : root.$defs?.[schema.$ref.split("/").pop() ?? ""];
  const more = referred === undefined ? parts : [...parts, referred];
  return [schema, ...more.flatMap((part) => alternatives(root, part, depth + 1))];
}

export interface Member {
  name: string;
  description: string;
  isRequired: boolean;
}

export function membersAt(root: Schema, path: readonly string[]): Member[] {
  const members = new Map<string, Member>();
  for (const schema of at(root, path)) {
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      if (members.has(name)) continue;
      const described = alternatives(root, member, 0).find((it) => it.description !== undefined);
      members.set(name, { name, description: described?.description ?? "", isRequired: schema.required?.includes(name) === true });
    }
  }
  return [...members.values()];
}

export function valuesAt(root: Schema, path: readonly string[]): string[] {
  const values = at(root, path).flatMap((schema) => [
    ...(schema.enum ?? []),
    ...(schema.const === undefined ? [] : [schema.const]),
    ...(schema.type === "boolean" ? [true, false] : []),
  ]);
  return [...new Set(values.filter((it) => it !== null && typeof it !== "object").map(String))];
}
