/** The API document of all routes of Weir. That the server does what it says is schemathesis' test. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { listRoutes } from "../../compose/route-list.ts";
import { loadConfig } from "../../config/load.ts";
import { openApiDocument } from "./openapi.ts";

interface Operation {
  readonly operationId: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly schema: object }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: object }>>;
  };
  readonly responses: Readonly<Record<string, Response>>;
}
interface Response {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, unknown>>;
}

const { routes } = await listRoutes(loadConfig({ env: {}, cwd: "/nowhere" }));
const document = openApiDocument(routes, "0.0.0") as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly responses: Readonly<Record<string, Response>>;
  };
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    ...operation,
  })),
);

// one schema that holds all, so that references are found
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: "weir:document", ...document });

function validatorOf(schema: object) {
  const text = JSON.stringify(schema).replaceAll('"#/components/', '"weir:document#/components/');
  return ajv.compile(JSON.parse(text) as object);
}

test("operations have unique names", () => {
  const names = operations.map(({ operationId }) => operationId);
  assert.deepEqual(names, [...new Set(names)]);
  assert.ok(names.includes("events.post.segment_ingest_track"));
});

test("every status is documented by name, problem documents under their own content type", () => {
  for (const { name, responses, security } of operations) {
    const statuses = Object.keys(responses);
    assert.ok(!statuses.includes("default"), name);
    const expected = ["400", "408", "414", "417", "431", "500", "501", "503", "505"];
    if (security?.length !== 0) expected.push("401");
    // health takes a key and does not need it
    if (security?.length !== 0 && !name.includes("/health")) expected.push("403");
    assert.deepEqual(
      expected.filter((status) => !statuses.includes(status)),
      [],
      name,
    );
    for (const [status, response] of Object.entries(responses)) {
      const { content = {} } = resolved(response);
      if (Number(status) >= 400)
        assert.ok("application/problem+json" in content, `${name} ${status}`);
      else assert.ok(!("application/problem+json" in content), `${name} ${status}`);
    }
  }
});

function resolved(response: Response): Response {
  if (response.$ref === undefined) return response;
  const found = document.components.responses[response.$ref.split("/").at(-1) ?? ""];
  assert.ok(found, response.$ref);
  return found;
}

test("CSV is documented wherever it is answered", () => {
  const withCsv = operations.filter(
    ({ responses }) => "text/csv" in (responses["200"]?.content ?? {}),
  );
  const withFormat = operations.filter(({ parameters = [] }) =>
    parameters.some(({ name }) => name === "format"),
  );
  assert.equal(withCsv.length, 9);
  assert.deepEqual(withCsv, withFormat);
});

test("null, a number and an empty text satisfy no body of a request", () => {
  for (const { name, requestBody } of operations) {
    for (const [type, { schema }] of Object.entries(requestBody?.content ?? {})) {
      // the content of a dead letter may be anything
      if (name.endsWith("/edition")) continue;
      const validate = validatorOf(schema);
      for (const body of [null, 7, ""]) {
        assert.equal(validate(body), false, `${name} ${type} ${JSON.stringify(body)}`);
      }
    }
  }
});

test("every example and default fits its schema", () => {
  let count = 0;
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null) return;
    const { examples, default: normal } = value as { examples?: unknown; default?: unknown };
    const given = [
      ...(Array.isArray(examples) ? examples : []),
      ...(normal === undefined ? [] : [normal]),
    ];
    const isSchema = !path.endsWith("/properties");
    if (isSchema && given.length > 0) {
      const validate = validatorOf(value);
      for (const example of given) {
        count++;
        assert.ok(
          validate(example),
          `${path}: ${JSON.stringify(example)}: ${ajv.errorsText(validate.errors)}`,
        );
      }
    }
    for (const [name, member] of Object.entries(value)) {
      if (name !== "examples" && name !== "default") visit(member, `${path}/${name}`);
    }
  };
  visit(document, "");
  assert.ok(count > 60, `${count} examples`);
});

test("all patterns are ECMA-262 with the flag u", () => {
  let count = 0;
  JSON.stringify(document, (name, value: unknown) => {
    if (name === "pattern" && typeof value === "string") {
      new RegExp(value, "u");
      count++;
    }
    return value;
  });
  assert.ok(count > 100, `${count} patterns`);
});

test("the forms of times are those that exist", () => {
  const parameter = (path: string, name: string) =>
    validatorOf(
      document.paths[path]?.["get"]?.parameters?.find((one) => one.name === name)?.schema ?? {},
    );
  const cases: readonly (readonly [path: string, name: string, good: string[], bad: string[]])[] = [
    [
      "/api/events/",
      "from",
      [
        "2026-11-21",
        "2028-02-29",
        "2000-02-29",
        "2026-11-21T09:30Z",
        "2026-11-21t09:30:15.5+03:00",
      ],
      [
        "2027-02-29",
        "2100-02-29",
        "2026-04-31",
        "1999-12-31",
        "2200-01-01",
        "2026-11-21T24:00Z",
        "x",
        "",
      ],
    ],
    [
      "/api/analytics/overview",
      "to",
      ["2026-11-21T09:30:00Z", "2026-11-21T09:30:00.000Z"],
      ["2026-11-21T09:30:01Z", "2026-11-21T09:30:00", "2026-11-21T09:30:00.5Z"],
    ],
    [
      "/api/analytics/funnel",
      "within",
      ["30d", "720h", "43200m", "2592000s", "1s"],
      ["31d", "721h", "0d", "2592001s", "43201m"],
    ],
    [
      "/api/analytics/breakdown",
      "by",
      ["user", "properties.a.b"],
      ["properties", "properties.", "nothing", "a.b"],
    ],
  ];
  for (const [path, name, good, bad] of cases) {
    const validate = parameter(path, name);
    assert.deepEqual(
      good.filter((text) => !validate(text)),
      [],
      name,
    );
    assert.deepEqual(
      bad.filter((text) => validate(text)),
      [],
      name,
    );
  }
});
