/**
 * A route as a part declares it, independent of any HTTP framework. `adapters/http/` mounts it: it
 * authenticates, decides the permission by the route's name (never by the raw URL), validates, and
 * turns thrown `WeirError`s into problem documents. The API document is made of the same declarations.
 */
import type { ErrorCode, Schema } from "@weir/protocol";
import type { Principal } from "../access/principal.ts";

export interface RouteRequest {
  readonly params: Readonly<Record<string, string>>;
  /** Validated against `query`; repeated parameters are arrays only where the schema says so. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** `json`: the parsed and validated body. `bytes`: a Buffer, decoded from its content-encoding. */
  readonly body: unknown;
  readonly principal: Principal;
  readonly ip: string;
  readonly requestId: string;
  /** Given by a trusted proxy that may send the request more than once: the same each time. */
  readonly repeatId?: string | undefined;
  /** Aborts when the client disconnects. */
  readonly signal: AbortSignal;
}

export interface RouteReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A plain object is sent as JSON; strings, Buffers and async iterables of strings unchanged. */
  readonly body?: unknown;
}

type Schemas = Readonly<Record<string, Schema<unknown>>>;

/** A request that continues from an answer (OpenAPI's Link Object); for the API document only. */
export interface RouteLink {
  /** The permission of the route that continues. */
  readonly to: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly requestBody?: unknown;
}

export interface RouteResponse {
  readonly description: string;
  readonly schema?: Schema<unknown>;
  readonly contentType?: string;
  /** Other representations of the same answer, by content type. */
  readonly alternatives?: Schemas;
  /** Headers of its own. */
  readonly headers?: Schemas;
  readonly links?: Readonly<Record<string, RouteLink>>;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** `/api/users/:id/events` */
  readonly path: string;
  /**
   * `<app>.<view_name>`; the permission needed is `<app>.<method>.<view_name>`. The few routes that
   * must answer unauthenticated callers have the access `public` (sign-in), or `optional` (health): then
   * the principal is that of the credentials, if there are any, and may do nothing otherwise.
   */
  readonly view: `${string}.${string}`;
  /**
   * Answers also while keys cannot be checked because the database is down, to a key that was valid when
   * they last could be: for what operators need then.
   */
  readonly duringOutage?: true;
  readonly access: "permission" | "optional" | "public";
  /**
   * For clients that send their key in the body (Segment's `writeKey`): called only if no header has
   * a key, with the whole body or with its start. Must be cheap and safe on hostile bytes.
   */
  readonly keyInBody?: (body: Buffer) => string | undefined;
  readonly summary: string;
  readonly body?:
    | { readonly kind: "json"; readonly schema: Schema<unknown> }
    | {
        readonly kind: "bytes";
        readonly contentTypes: readonly string[];
        readonly description: string;
        /**
         * By content type, for the API document only; the part itself validates the bytes. Content types
         * without a schema are described in words.
         */
        readonly schemas?: Schemas;
        /** Maximum bytes after decoding; default: the batch limit of the contract. */
        readonly limit?: number;
      };
  /** The forms of path parameters, for the API document: no other text is there to be found. */
  readonly params?: Schemas;
  readonly query?: Schemas;
  /** Names in `query` that must be sent. */
  readonly required?: readonly string[];
  /** Request headers with a meaning of their own, for the API document. */
  readonly headers?: Schemas;
  /** Errors besides those that every route of its kind has. */
  readonly errors?: readonly ErrorCode[];
  readonly responses: Readonly<Record<number, RouteResponse>>;
  handle(request: RouteRequest): Promise<RouteReply>;
}
