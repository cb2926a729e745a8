/** Which errors a route answers, and their responses in the API document. */
import { type ErrorCode, errorTable, problemSchema } from "@weir/protocol";
import type { Route } from "../../core/ports/route.ts";
import type { Json, SchemaWriter } from "./openapi-schemas.ts";

/** From the connection, the request line, the headers and the process: every route has them. */
const everywhere: readonly ErrorCode[] = [
  "malformed_request",
  "invalid_query",
  "request_timeout",
  "uri_too_long",
  "expectation_failed",
  "headers_too_large",
  "internal",
  "not_implemented",
  "unavailable",
  "overloaded",
  "query_timeout",
  "http_version_not_supported",
];
const withKey: readonly ErrorCode[] = [
  "unauthenticated",
  "key_malformed",
  "key_expired",
  "key_revoked",
  "forbidden",
];

/** All codes that a route can answer, in the order of the error table. */
export function errorsOf(route: Route): ErrorCode[] {
  const { body, method, access, errors = [] } = route;
  const codes = new Set<ErrorCode>([...everywhere, ...errors]);
  const add = (condition: boolean, more: readonly ErrorCode[]) => {
    if (condition) for (const code of more) codes.add(code);
  };
  add(access === "permission", withKey);
  add(
    access === "optional",
    withKey.filter((code) => code !== "forbidden"),
  );
  add(access === "permission" && method !== "GET", ["csrf"]);
  add(body !== undefined, ["too_large", "unsupported_media_type"]);
  add(body?.kind === "json", ["malformed_json", "invalid_request"]);
  return (Object.keys(errorTable) as ErrorCode[]).filter((code) => codes.has(code));
}

export interface ProblemWriter {
  /** References to the responses of these codes, by status. */
  write(codes: readonly ErrorCode[]): Map<number, { readonly $ref: string }>;
  /** The content of the codes of one status, for a response that has other content too. */
  contentOf(codes: readonly ErrorCode[], status: number): Json | undefined;
  components(): Json;
}

export function createProblemWriter(schemas: SchemaWriter): ProblemWriter {
  const problem = schemas.write(problemSchema, "response");
  const components = new Map<string, Json>();

  const byStatus = (codes: readonly ErrorCode[]) => {
    const found = new Map<number, ErrorCode[]>();
    for (const code of codes) {
      const { status } = errorTable[code];
      found.set(status, [...(found.get(status) ?? []), code]);
    }
    return found;
  };
  const contentOf = (codes: readonly ErrorCode[], status: number): Json => ({
    "application/problem+json": {
      schema: {
        allOf: [
          problem,
          { type: "object", properties: { status: { const: status }, code: { enum: codes } } },
        ],
      },
    },
  });
  return {
    write(codes) {
      const references = new Map<number, { readonly $ref: string }>();
      for (const [status, own] of byStatus(codes)) {
        const name = nameOf(own);
        components.set(name, {
          description: own.map((code) => `\`${code}\`: ${errorTable[code].title}.`).join(" "),
          ...headersOf(own, status),
          content: contentOf(own, status),
        });
        references.set(status, { $ref: `#/components/responses/${name}` });
      }
      return references;
    },
    contentOf(codes, status) {
      const own = byStatus(codes).get(status);
      return own === undefined ? undefined : contentOf(own, status);
    },
    components: () => Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

const retryAfter = {
  description: "Seconds until another attempt makes sense.",
  schema: { type: "integer", minimum: 0 },
};

function headersOf(codes: readonly ErrorCode[], status: number): Json {
  const retryable = codes.map((code) => errorTable[code].retryable);
  const headers: Json = {};
  if (retryable.includes(true)) {
    headers["Retry-After"] = { ...retryAfter, required: !retryable.includes(false) };
  }
  if (status === 401) {
    headers["WWW-Authenticate"] = { required: true, schema: { type: "string" } };
  }
  return Object.keys(headers).length === 0 ? {} : { headers };
}

/** `not_found` and `csrf` become `NotFoundOrCsrf`. */
function nameOf(codes: readonly ErrorCode[]): string {
  const pascal = (code: string) =>
    code.replace(/(?:^|_)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
  return codes.map(pascal).join("Or");
}
