/**
 * The closed table of errors that Weir answers with. A code is stable: clients decide on it, and
 * titles may be reworded. Every body is `application/problem+json` (RFC 9457) with these members.
 */
import { array, boolean, type Infer, integer, object, optional, string } from "./schema.ts";

interface ErrorKind {
  readonly status: number;
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
  readonly title: string;
}

const table = {
  malformed_json: { status: 400, retryable: false, title: "The body is not valid JSON" },
  malformed_request: { status: 400, retryable: false, title: "The request is not well-formed" },
  invalid_query: { status: 400, retryable: false, title: "A query parameter is not valid" },
  unauthenticated: { status: 401, retryable: false, title: "No valid API key or session was sent" },
  key_malformed: { status: 401, retryable: false, title: "The API key is mistyped or cut off" },
  key_expired: { status: 401, retryable: false, title: "The API key has expired" },
  key_revoked: { status: 401, retryable: false, title: "The API key has been revoked" },
  forbidden: { status: 403, retryable: false, title: "The permission is missing" },
  csrf: {
    status: 403,
    retryable: false,
    title: "The request does not come from this site's pages",
  },
  not_found: { status: 404, retryable: false, title: "There is nothing at this address" },
  method_not_allowed: {
    status: 405,
    retryable: false,
    title: "The address does not take this method",
  },
  request_timeout: { status: 408, retryable: true, title: "The body did not arrive in time" },
  conflict: {
    status: 409,
    retryable: false,
    title: "An event with this id but other content stands",
  },
  already_exists: { status: 409, retryable: false, title: "Something of this name exists already" },
  too_large: { status: 413, retryable: false, title: "The body or the event is too large" },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    title: "The content type or encoding is not taken here",
  },
  invalid_event: { status: 422, retryable: false, title: "The event breaks the contract" },
  invalid_request: { status: 422, retryable: false, title: "The request body breaks the contract" },
  rate_limited: { status: 429, retryable: true, title: "The key has used up its events for now" },
  too_many_signins: {
    status: 429,
    retryable: true,
    title: "Too many have tried to sign in from this address",
  },
  internal: { status: 500, retryable: true, title: "Something failed inside Weir" },
  unavailable: { status: 503, retryable: true, title: "The event cannot be kept right now" },
  overloaded: { status: 503, retryable: true, title: "More is waiting than Weir takes on" },
  search_unavailable: {
    status: 503,
    retryable: true,
    title: "Products cannot be compared right now",
  },
  query_timeout: { status: 503, retryable: true, title: "The query took longer than it may" },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof table;

export const errorTable: Readonly<Record<ErrorCode, ErrorKind>> = table;
export const errorCodes = Object.keys(table) as ErrorCode[];

/** An RFC 9457 problem document. `type` is a URL path of the running server's documentation. */
export const problemSchema = object(
  {
    type: string({ examples: ["/docs/errors#rate_limited"] }),
    title: string(),
    status: integer(),
    code: string({ enum: errorCodes }),
    detail: optional(string({ description: "What, where and how to mend it, for a person." })),
    retryable: boolean(),
    permission: optional(string({ description: "The missing permission of a 403." })),
    errors: optional(
      array(
        object({
          pointer: string({
            description: "JSON Pointer (RFC 6901) into the body, or a parameter's name.",
          }),
          detail: string(),
        }),
      ),
    ),
    request_id: optional(string()),
  },
  { $id: "Problem" },
);
export type Problem = Infer<typeof problemSchema>;
