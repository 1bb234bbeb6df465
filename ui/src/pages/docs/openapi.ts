/** The part of an OpenAPI document that the viewer reads. */

export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  enum?: unknown[];
  oneOf?: JsonSchema[];
  anyOf?: JsonSchema[];
  allOf?: JsonSchema[];
  description?: string;
  required?: string[];
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
}

export interface Operation {
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema?: JsonSchema }> };
  responses?: Record<string, { description?: string; content?: Record<string, { schema?: JsonSchema }> }>;
  security?: unknown[];
}

export interface OpenApi {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, JsonSchema> };
}

export interface Named {
  path: string;
  method: string;
  tag: string;
  operation: Operation;
}

export function operationsOf(document: OpenApi): Named[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation, tag: operation.tags?.[0] ?? "other" })),
  );
}

export function nameOf(schema: JsonSchema | undefined): string {
  if (schema === undefined) return "";
  if (schema.$ref !== undefined) return schema.$ref.split("/").pop() ?? "";
  if (schema.items !== undefined) return `${nameOf(schema.items)}[]`;
  const parts = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (parts !== undefined) return parts.map(nameOf).filter((it) => it !== "null").join(" | ");
  return Array.isArray(schema.type) ? schema.type.join(" | ") : (schema.type ?? "any");
}

export function resolve(document: OpenApi, schema: JsonSchema | undefined): JsonSchema {
  if (schema?.$ref === undefined) return schema ?? {};
  return document.components.schemas[schema.$ref.split("/").pop() ?? ""] ?? {};
}

/** So deep does an example go; a schema may refer to itself. */
const DEPTH_MAX = 5;

/** A value of a schema, to begin a body from. */
export function example(document: OpenApi, schema: JsonSchema | undefined, depth = 0): unknown {
  const it = resolve(document, schema);
  if (depth > DEPTH_MAX) return null;
  if (it.enum !== undefined) return it.enum[0];
  const parts = it.oneOf ?? it.allOf ?? it.anyOf;
  if (parts !== undefined) return example(document, parts.find((part) => part.type !== "null") ?? parts[0], depth + 1);
  const type = Array.isArray(it.type) ? it.type.find((name) => name !== "null") : it.type;
  switch (type) {
    case "object":
      return Object.fromEntries(
        Object.entries(it.properties ?? {})
          .filter(([name]) => it.required?.includes(name) === true)
          .map(([name, part]) => [name, example(document, part, depth + 1)]),
      );
    case "array":
      return [example(document, it.items, depth + 1)];
    case "integer":
    case "number":
      return 0;
    case "boolean":
      return false;
    case "string":
      return "";
    default:
      return {};
  }
}
