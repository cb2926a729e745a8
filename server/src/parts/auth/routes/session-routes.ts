import { type Infer, type Session, schema as s, sessionSchema } from "@weir/protocol";
import type { RatePolicy } from "../../../core/access/rate-limit.ts";
import { WeirError } from "../../../core/errors.ts";
import type { Route, RouteRequest } from "../../../core/ports/route.ts";
import type { OpenSession } from "../directory.ts";
import { endedSessionCookie, readSessionCookie, sessionCookie } from "../session-cookie.ts";
import { endSession, type NewSession, openSession, openSessionByLink } from "../sessions.ts";
import type { AuthDeps } from "./deps.ts";

const signinSchema = s.object(
  {
    token: s.optional(
      s.string({ maxLength: 100, description: "Token of a one-time sign-in link." }),
    ),
    key: s.optional(s.string({ maxLength: 200, description: "An API key." })),
  },
  { oneOf: [{ required: ["token"] }, { required: ["key"] }] },
);
const setCookie = { "Set-Cookie": s.string({ description: "weir_session, HttpOnly." }) };

/** Enough for an office that shares one address. */
const signinPolicy: RatePolicy = { burstEvents: 60, eventsPerSecond: 1 };

/**
 * Sign-in and sign-out. Public, as the caller is not known yet. Pages of other sites cannot use them:
 * `application/json` needs a preflight, and the cookie is SameSite=Strict.
 */
export function sessionRoutes(deps: AuthDeps): Route[] {
  return [
    {
      method: "GET",
      path: "/api/session",
      view: "auth.session_get",
      access: "public",
      summary: "The current browser session.",
      responses: {
        200: { description: "The session.", schema: sessionSchema },
        // Not 401: this is no error, and browsers print every 4xx to the console.
        204: { description: "Not signed in." },
      },
      handle: async (request) => {
        const session = await sessionOf(deps, request);
        if (session === undefined) return { status: 204 };
        return { status: 200, body: sessionBody(deps, session) };
      },
    },
    {
      method: "POST",
      path: "/api/session",
      view: "auth.session_create",
      access: "public",
      summary: "Sign in with an API key or the token of a one-time link.",
      body: { kind: "json", schema: signinSchema },
      errors: [
        "unauthenticated",
        "key_malformed",
        "key_expired",
        "key_revoked",
        "too_many_signins",
      ],
      responses: {
        200: {
          description: "Signed in; sets the cookie.",
          schema: sessionSchema,
          headers: setCookie,
        },
      },
      handle: async ({ body, ip }) => {
        await limitAttempts(deps, ip);
        const { token, expiresAt } = await signIn(deps, body as Infer<typeof signinSchema>);
        const session = await deps.directory.session(token);
        if (session === undefined) throw notSignedIn();
        return {
          status: 200,
          headers: {
            "set-cookie": sessionCookie(token, { expiresAt, secure: deps.secureCookies }),
          },
          body: sessionBody(deps, session),
        };
      },
    },
    {
      method: "DELETE",
      path: "/api/session",
      view: "auth.session_end",
      access: "public",
      summary: "Sign out and end the session everywhere.",
      errors: ["csrf"],
      responses: { 204: { description: "Signed out.", headers: setCookie } },
      handle: async (request) => {
        const session = await sessionOf(deps, request);
        const token = readSessionCookie(request.headers["cookie"]);
        if (session !== undefined && token !== undefined) {
          if (request.headers["x-csrf-token"] !== session.csrfToken) {
            throw new WeirError("csrf", {
              detail: "send the session's csrf_token in the header X-CSRF-Token",
            });
          }
          await endSession(deps.database, token);
          await deps.directory.refresh().catch(() => {});
        }
        return {
          status: 204,
          headers: { "set-cookie": endedSessionCookie({ secure: deps.secureCookies }) },
        };
      },
    },
  ];
}

/**
 * Keys and tokens cannot be guessed. The limit bounds the work that attempts cause: each token is
 * looked up in the database, and each session is written there. @throws WeirError `too_many_signins`
 */
async function limitAttempts({ rateLimiter, monotonic }: AuthDeps, ip: string): Promise<void> {
  const attempt = { events: 1, policy: signinPolicy, now: monotonic() };
  const { allowed, retryAfterSeconds } = await rateLimiter.take(ip, attempt);
  if (allowed) return;
  throw new WeirError("too_many_signins", {
    detail: `try again in ${retryAfterSeconds} s`,
    retryAfterSeconds,
  });
}

async function signIn(
  deps: AuthDeps,
  { token, key }: Infer<typeof signinSchema>,
): Promise<NewSession> {
  if (key !== undefined) {
    return openSession(deps, deps.directory.authenticate(key.trim()).keyId);
  }
  return openSessionByLink(deps, (token ?? "").trim());
}

async function sessionOf(
  deps: AuthDeps,
  { headers }: RouteRequest,
): Promise<OpenSession | undefined> {
  const token = readSessionCookie(headers["cookie"]);
  return token === undefined ? undefined : deps.directory.session(token);
}

function sessionBody(deps: AuthDeps, { principal, csrfToken, expiresAt }: OpenSession): Session {
  return {
    service: principal.service,
    role: principal.role,
    permissions: deps.knownPermissions().filter((permission) => principal.may(permission)),
    expires_at: expiresAt.toISOString(),
    csrf_token: csrfToken,
  };
}

function notSignedIn(): WeirError {
  return new WeirError("unauthenticated", {
    detail: "not signed in, or the session has ended",
  });
}
