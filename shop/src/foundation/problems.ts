/** Errors of the shop's HTTP interfaces: problem+json (RFC 9457) with a stable `code`. */

export interface ProblemKind {
  readonly code: string;
  readonly status: number;
  readonly title: string;
}

/** The kinds that every service may answer; a service declares its own kinds beside the code that uses them. */
export const problemKinds = {
  invalid_request: { code: "invalid_request", status: 400, title: "Invalid request" },
  unauthenticated: { code: "unauthenticated", status: 401, title: "No valid token" },
  forbidden: { code: "forbidden", status: 403, title: "Not allowed for this caller" },
  not_found: { code: "not_found", status: 404, title: "Not found" },
  too_large: { code: "too_large", status: 413, title: "Request too large" },
  unsupported_media_type: {
    code: "unsupported_media_type",
    status: 415,
    title: "Unsupported media type",
  },
  internal_error: { code: "internal_error", status: 500, title: "Internal error" },
  database_unavailable: {
    code: "database_unavailable",
    status: 503,
    title: "Database unavailable",
  },
  service_unavailable: { code: "service_unavailable", status: 503, title: "Service unavailable" },
  time_limit: { code: "time_limit", status: 503, title: "Time limit exceeded" },
} as const satisfies Record<string, ProblemKind>;

/** Thrown by a handler; the HTTP app turns it into the answer. `members` are added to the body. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly kind: ProblemKind;
  readonly members: Readonly<Record<string, unknown>>;

  constructor(kind: ProblemKind, detail: string, members: Readonly<Record<string, unknown>> = {}) {
    super(detail);
    this.kind = kind;
    this.members = members;
  }
}
