/**
 * The closed table of errors. A code is stable: clients decide by it. Titles may be reworded. Every
 * error body is `application/problem+json` (RFC 9457) with the members of `problemSchema`.
 */
import { array, boolean, type Infer, integer, object, optional, string } from "./schema.ts";

interface ErrorKind {
  readonly status: number;
  /** Whether the same request, unchanged, may succeed later. */
  readonly retryable: boolean;
  readonly title: string;
}

const table = {
  malformed_json: { status: 400, retryable: false, title: "The body is not valid JSON" },
  malformed_request: { status: 400, retryable: false, title: "The request is malformed" },
  invalid_query: { status: 400, retryable: false, title: "A query parameter is invalid" },
  unauthenticated: { status: 401, retryable: false, title: "No valid API key or session" },
  key_malformed: { status: 401, retryable: false, title: "The API key is mistyped or truncated" },
  key_expired: { status: 401, retryable: false, title: "The API key has expired" },
  key_revoked: { status: 401, retryable: false, title: "The API key has been revoked" },
  forbidden: { status: 403, retryable: false, title: "Permission denied" },
  csrf: { status: 403, retryable: false, title: "The CSRF token is missing or wrong" },
  not_found: { status: 404, retryable: false, title: "Not found" },
  method_not_allowed: {
    status: 405,
    retryable: false,
    title: "Method not allowed for this path",
  },
  request_timeout: { status: 408, retryable: true, title: "The request did not arrive in time" },
  conflict: {
    status: 409,
    retryable: false,
    title: "An event with this id and different content already exists",
  },
  already_exists: { status: 409, retryable: false, title: "This name is already in use" },
  too_large: { status: 413, retryable: false, title: "The body or the event is too large" },
  uri_too_long: { status: 414, retryable: false, title: "The URL is too long" },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    title: "Unsupported content type or encoding",
  },
  expectation_failed: { status: 417, retryable: false, title: "Unsupported Expect header" },
  invalid_event: { status: 422, retryable: false, title: "The event is invalid" },
  unanswerable_query: {
    status: 422,
    retryable: false,
    title: "The query cannot be answered as asked",
  },
  user_erased: { status: 422, retryable: false, title: "The user was erased and is blocked" },
  invalid_request: { status: 422, retryable: false, title: "The request body is invalid" },
  destination_refused: {
    status: 422,
    retryable: false,
    title: "Deliveries to this destination are not allowed",
  },
  upgrade_required: { status: 426, retryable: false, title: "This path requires a WebSocket" },
  rate_limited: { status: 429, retryable: true, title: "Rate limit exceeded for this key" },
  too_many_signins: {
    status: 429,
    retryable: true,
    title: "Too many sign-in attempts from this address",
  },
  headers_too_large: { status: 431, retryable: false, title: "The request headers are too large" },
  internal: { status: 500, retryable: true, title: "Internal error" },
  not_implemented: {
    status: 501,
    retryable: false,
    title: "Method or transfer coding not supported",
  },
  unavailable: { status: 503, retryable: true, title: "Service temporarily unavailable" },
  overloaded: { status: 503, retryable: true, title: "Too much work is queued" },
  storage_full: {
    status: 503,
    retryable: true,
    title: "The server has no disk space for more events",
  },
  search_unavailable: {
    status: 503,
    retryable: true,
    title: "Search is temporarily unavailable",
  },
  query_timeout: { status: 503, retryable: true, title: "The query exceeded its time limit" },
  http_version_not_supported: {
    status: 505,
    retryable: false,
    title: "HTTP version not supported",
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof table;

export const errorTable: Readonly<Record<ErrorCode, ErrorKind>> = table;
export const errorCodes = Object.keys(table) as ErrorCode[];

/** An RFC 9457 problem document. `type` is a path on the running server: the error's documentation. */
export const problemSchema = object(
  {
    type: string({ examples: ["/docs/errors#rate_limited"] }),
    title: string({ description: "Short, the same for every occurrence of the code." }),
    status: integer({ description: "The HTTP status." }),
    code: string({ enum: errorCodes, description: "Stable; clients should decide by it." }),
    detail: optional(
      string({ description: "What is wrong, where, and how to fix it; written for people." }),
    ),
    retryable: boolean({
      description: "Whether the same request, unchanged, may succeed later.",
    }),
    permission: optional(string({ description: "The permission that a 403 is missing." })),
    errors: optional(
      array(
        object({
          pointer: string({
            description: "JSON Pointer (RFC 6901) into the body, or the name of a query parameter.",
          }),
          detail: string(),
        }),
      ),
    ),
    unavailable_since: optional(
      string({
        format: "date-time",
        description: "With `unavailable`: since when the server cannot reach its database.",
      }),
    ),
    request_id: optional(string({ description: "Also in the server's log." })),
  },
  { $id: "Problem" },
);
export type Problem = Infer<typeof problemSchema>;
