import { type ErrorCode, errorCodes, errorTable, problemSchema } from "@weir/protocol";
import { permissionOf } from "../../core/access/permission-name.ts";
import type { Route } from "../../core/ports/route.ts";

type Json = Record<string, unknown>;

/**
 * The OpenAPI 3.1 document of the mounted routes. Pure, so that the committed copy can be compared
 * without a server. Schemas with an `$id` become components.
 */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const components = new Map<string, Json>();
  const paths: Record<string, Json> = {};
  for (const route of [...routes].sort(byPath)) {
    const path = route.path.replace(/:([a-z_]+)/g, "{$1}");
    const operations = paths[path] ?? {};
    paths[path] = operations;
    operations[route.method.toLowerCase()] = operation(route, components);
  }
  const problem = reference(problemSchema as Json, components);
  return {
    openapi: "3.1.0",
    info: {
      title: "Weir",
      version,
      description:
        "Event platform for commerce. Every error is a problem document (RFC 9457) with a stable `code`. HEAD works wherever GET does.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: [...new Set(routes.map((route) => appOf(route)))].sort().map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
      responses: {
        Problem: {
          description: problemTable(),
          content: { "application/problem+json": { schema: problem } },
        },
      },
      securitySchemes: {
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
        bearer: { type: "http", scheme: "bearer" },
        basic: {
          type: "http",
          scheme: "basic",
          description: "The key as user name, for Segment's older clients.",
        },
        session: { type: "apiKey", in: "cookie", name: "weir_session" },
      },
    },
    security: [{ apiKey: [] }, { bearer: [] }, { basic: [] }, { session: [] }],
  };
}

function operation(route: Route, components: Map<string, Json>): Json {
  const parameters = [
    ...[...route.path.matchAll(/:([a-z_]+)/g)].map(([, name]) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string" },
    })),
    ...Object.entries(route.query ?? {}).map(([name, schema]) => ({
      name,
      in: "query",
      required: false,
      schema: reference(schema as Json, components),
    })),
  ];
  const responses: Json = {};
  for (const [status, response] of Object.entries(route.responses)) {
    const content = contentOf(response, components);
    const { description } = response;
    responses[status] = content === undefined ? { description } : { description, content };
  }
  responses["default"] = { $ref: "#/components/responses/Problem" };
  return {
    operationId: permissionOf(route),
    tags: [appOf(route)],
    summary: route.summary,
    ...(route.access === "public" ? { security: [] } : { "x-permission": permissionOf(route) }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: requestBody(route.body, components) }),
    responses,
  };
}

/** By content type: problem documents have their own, also where a status has other bodies as well. */
function contentOf(
  { schema, contentType, alternatives = {} }: Route["responses"][number],
  components: Map<string, Json>,
): Json | undefined {
  if (schema === undefined) return undefined;
  const entry = (one: unknown) => ({ schema: reference(one as Json, components) });
  const others = Object.entries(alternatives).map(([type, other]) => [type, entry(other)] as const);
  const choices = (schema as Json)["anyOf"];
  const parts = Array.isArray(choices) && choices.includes(problemSchema) ? choices : [schema];
  const content = Object.fromEntries([
    ...parts.map((part) => [contentType ?? contentTypeOf(part), entry(part)] as const),
    ...others,
  ]);
  return content;
}

function contentTypeOf(schema: unknown): string {
  return schema === problemSchema ? "application/problem+json" : "application/json";
}

function requestBody(body: NonNullable<Route["body"]>, components: Map<string, Json>): Json {
  if (body.kind === "json") {
    return {
      required: true,
      content: { "application/json": { schema: reference(body.schema as Json, components) } },
    };
  }
  const schema = body.schema === undefined ? {} : reference(body.schema as Json, components);
  return {
    required: true,
    description: body.description,
    content: Object.fromEntries(body.contentTypes.map((type) => [type, { schema }])),
  };
}

/** Replaces every schema with an `$id` by a reference to `components`, however deep it lies. */
function reference(schema: Json, components: Map<string, Json>): Json {
  const { $id, ...rest } = schema;
  const resolved = Object.fromEntries(
    Object.entries(rest).map(([keyword, value]) => [keyword, referenceIn(value, components)]),
  );
  if (typeof $id !== "string") return resolved;
  components.set($id, resolved);
  return { $ref: `#/components/schemas/${$id}` };
}

function referenceIn(value: unknown, components: Map<string, Json>): unknown {
  if (Array.isArray(value)) return value.map((item) => referenceIn(item, components));
  if (typeof value === "object" && value !== null) return reference(value as Json, components);
  return value;
}

function problemTable(): string {
  const row = (code: ErrorCode) => {
    const { status, retryable, title } = errorTable[code];
    return `| \`${code}\` | ${status} | ${retryable ? "yes" : "no"} | ${title} |`;
  };
  return `| code | status | retry | title |\n|---|---|---|---|\n${errorCodes.map(row).join("\n")}`;
}

function appOf(route: Route): string {
  return route.view.split(".")[0] ?? "";
}

function byPath(a: Route, b: Route): number {
  return a.path === b.path ? (a.method < b.method ? -1 : 1) : a.path < b.path ? -1 : 1;
}
