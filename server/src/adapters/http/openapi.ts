import { errorCodes, errorTable, problemSchema } from "@weir/protocol";
import { permissionOf } from "../../core/access/permission-name.ts";
import type { Route, RouteResponse } from "../../core/ports/route.ts";
import { createProblemWriter, errorsOf, type ProblemWriter } from "./openapi-problems.ts";
import { createSchemaWriter, type Json, type SchemaWriter } from "./openapi-schemas.ts";
import { maxParameterLength } from "./path-parameters.ts";

interface Writers {
  readonly schemas: SchemaWriter;
  readonly problems: ProblemWriter;
  /** Of each route; a permission that several routes share is no unique name. */
  readonly names: ReadonlyMap<Route, string>;
}

/**
 * The OpenAPI 3.1 document of the mounted routes. Pure, so that the committed copy can be compared
 * without a server. What it says is tested against a running Weir by schemathesis.
 */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const guarded = routes.filter(({ access }) => access === "permission");
  const schemas = createSchemaWriter([...new Set(guarded.map(permissionOf))].sort());
  const problems = createProblemWriter(schemas);
  const writers = { schemas, problems, names: operationNames(routes) };
  const paths: Record<string, Json> = {};
  for (const route of [...routes].sort(byPath)) {
    const path = resourceOf(route, routes).replace(/:([a-z_]+)/g, "{$1}");
    const operations = paths[path] ?? {};
    paths[path] = operations;
    operations[route.method.toLowerCase()] = operation(route, writers);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Weir",
      version,
      description: `Event platform for commerce. Every error is a problem document (RFC 9457) with a stable \`code\`. HEAD works wherever GET does; other methods are answered 405 with \`Allow\`. Kafka topics and the live feed are described in [/asyncapi.json](/asyncapi.json).\n\n${problemTable()}`,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: [...new Set(routes.map(appOf))].sort().map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.components(),
      responses: problems.components(),
      securitySchemes,
    },
    security: keys,
  };
}

const securitySchemes = {
  apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
  bearer: { type: "http", scheme: "bearer", description: "The key as the token." },
  basic: {
    type: "http",
    scheme: "basic",
    description: "The key as user name, for Segment's older clients.",
  },
  session: { type: "apiKey", in: "cookie", name: "weir_session" },
  csrf: {
    type: "apiKey",
    in: "header",
    name: "X-CSRF-Token",
    description: "With a session, for everything but GET: csrf_token of GET /api/session.",
  },
};
const keys = [{ apiKey: [] }, { bearer: [] }, { basic: [] }];

function securityOf(route: Route): Json {
  if (route.access === "public") return { security: [] };
  const session = route.method === "GET" ? { session: [] } : { session: [], csrf: [] };
  // the key may also be in the body, which no scheme can say
  const inBody = route.keyInBody === undefined ? [] : [{}];
  // an empty requirement says that credentials are optional
  if (route.access === "optional") return { security: [{}, ...keys, session] };
  return {
    "x-permission": permissionOf(route),
    security: [...keys, session, ...inBody],
  };
}

function operation(route: Route, writers: Writers): Json {
  const parameters = parametersOf(route, writers.schemas);
  return {
    operationId: writers.names.get(route),
    tags: [appOf(route)],
    summary: route.summary,
    ...securityOf(route),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: requestBody(route.body, writers.schemas) }),
    responses: responsesOf(route, writers),
  };
}

/** A path parameter without a form of its own. */
const anyParameter = { type: "string", minLength: 1, maxLength: maxParameterLength };

function parametersOf(route: Route, { write }: SchemaWriter): Json[] {
  const inPath = [...route.path.matchAll(/:([a-z_]+)/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: write(route.params?.[name] ?? anyParameter, "request"),
  }));
  const inQuery = Object.entries(route.query ?? {}).map(([name, schema]) => {
    const required = route.required?.includes(name) === true;
    if (!name.endsWith(".*")) {
      return { name, in: "query", required, schema: write(schema, "request") };
    }
    // names of one prefix: the members of an object, each a parameter of its own
    const prefix = name.slice(0, -2);
    const pattern = `^${prefix}(?:\\.[^.\\u0000]+){1,10}$`;
    const { maxProperties, ...value } = schema as Json;
    return {
      name: prefix,
      in: "query",
      required,
      style: "form",
      explode: true,
      schema: {
        type: "object",
        patternProperties: { [pattern]: write(value, "request") },
        additionalProperties: false,
        ...(maxProperties === undefined ? {} : { maxProperties }),
      },
    };
  });
  const inHeaders = Object.entries(route.headers ?? {}).map(([name, schema]) => ({
    name,
    in: "header",
    required: false,
    schema: write(schema, "response"),
  }));
  return [...inPath, ...inQuery, ...inHeaders];
}

function responsesOf(route: Route, { schemas, problems, names }: Writers): Json {
  const codes = errorsOf(route);
  const responses: Record<string, unknown> = Object.fromEntries(problems.write(codes));
  for (const [status, response] of Object.entries(route.responses)) {
    const { description, headers, links } = response;
    const content = {
      ...contentOf(response, schemas),
      ...problems.contentOf(codes, Number(status)),
    };
    responses[status] = {
      description,
      ...(headers === undefined ? {} : { headers: headersOf(headers, schemas) }),
      ...(Object.keys(content).length === 0 ? {} : { content }),
      ...(links === undefined ? {} : { links: linksOf(links, names) }),
    };
  }
  return responses;
}

function contentOf(
  { schema, contentType = "application/json", alternatives = {} }: RouteResponse,
  { write }: SchemaWriter,
): Json {
  if (schema === undefined || schema === problemSchema) return {};
  return Object.fromEntries(
    Object.entries({ [contentType]: schema, ...alternatives }).map(([type, one]) => [
      type,
      { schema: write(one, "response") },
    ]),
  );
}

function headersOf(headers: NonNullable<RouteResponse["headers"]>, { write }: SchemaWriter): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, schema]) => {
      const { description, ...rest } = schema as Json;
      return [
        name,
        { ...(description === undefined ? {} : { description }), schema: write(rest, "response") },
      ];
    }),
  );
}

function linksOf(links: NonNullable<RouteResponse["links"]>, names: Writers["names"]): Json {
  const operations = new Map([...names].map(([route, name]) => [permissionOf(route), name]));
  return Object.fromEntries(
    Object.entries(links).map(([name, { to, ...rest }]) => [
      name,
      { operationId: operations.get(to), ...rest },
    ]),
  );
}

function requestBody(body: NonNullable<Route["body"]>, { write }: SchemaWriter): Json {
  if (body.kind === "json") {
    const schema = write(body.schema, "request");
    return { required: true, content: { "application/json": { schema } } };
  }
  const content = Object.entries(body.schemas ?? {}).map(([type, schema]) => [
    type,
    { schema: write(schema, "request") },
  ]);
  return { required: true, description: body.description, content: Object.fromEntries(content) };
}

/** The path; of two that differ in a slash at the end, which the router ignores, the one that has it. */
function resourceOf({ path }: Route, routes: readonly Route[]): string {
  return routes.some((other) => other.path === `${path}/`) ? `${path}/` : path;
}

/** The permission, with the end of the path where several routes share it. */
function operationNames(routes: readonly Route[]): Map<Route, string> {
  const permissions = routes.map(permissionOf);
  const isShared = (name: string) => permissions.indexOf(name) !== permissions.lastIndexOf(name);
  return new Map(
    routes.map((route) => {
      const name = permissionOf(route);
      return [route, isShared(name) ? `${name}_${route.path.split("/").at(-1)}` : name];
    }),
  );
}

function problemTable(): string {
  const rows = errorCodes.map((code) => {
    const { status, retryable, title } = errorTable[code];
    return `| \`${code}\` | ${status} | ${retryable ? "yes" : "no"} | ${title} |`;
  });
  return `| code | status | retry | title |\n|---|---|---|---|\n${rows.join("\n")}`;
}

function appOf(route: Route): string {
  return route.view.split(".")[0] ?? "";
}

function byPath(a: Route, b: Route): number {
  return a.path === b.path ? (a.method < b.method ? -1 : 1) : a.path < b.path ? -1 : 1;
}
