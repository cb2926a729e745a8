import type { Area } from "../mutant.ts";

const directory = "server/src/parts/auth/directory.ts";
const sessions = "server/src/parts/auth/sessions.ts";
const cookie = "server/src/parts/auth/session-cookie.ts";
const routes = "server/src/parts/auth/routes/session-routes.ts";

/** Sessions of the dashboard: who is signed in, how, and until when. */
export const signIn: Area = {
  name: "sign-in",
  sources: [directory, sessions, cookie, routes],
  tests: [
    "server/src/parts/auth/sessions.test.ts",
    "server/src/parts/auth/routes.test.ts",
    "server/src/parts/auth/directory.test.ts",
  ],
  skip: "while PostgreSQL is",
  mutations: [
    {
      in: directory,
      from: "left > 0 && left <= longestSessionMs ? session",
      to: "left <= longestSessionMs ? session",
    },
    {
      in: directory,
      from: "left > 0 && left <= longestSessionMs ? session",
      to: "left > 0 ? session",
    },
    {
      in: directory,
      from: "for (const { expiresAt } of [...keys.values(), ...sessions.values()])",
      to: "for (const { expiresAt } of [...keys.values(), ...[...sessions.values()].slice(0, 0)])",
    },
    {
      in: directory,
      from: "current: () => (this.#openSession(id) === undefined ? undefined : this.#key(key.id)),",
      to: "current: () => this.#key(key.id),",
    },
    {
      in: directory,
      from: "if (this.#openSession(id) === undefined) await this.#refreshOrUnavailable();",
      to: "",
    },
    {
      in: directory,
      from: "if (session === undefined || key === undefined || !this.#mayBeUsed(key)) return undefined;",
      to: "if (session === undefined || key === undefined) return undefined;",
    },
    {
      in: sessions,
      from: "used_at is null and expires_at > clock.latest()",
      to: "used_at is null",
    },
    {
      in: sessions,
      from: "used_at is null and expires_at > clock.latest()",
      to: "expires_at > clock.latest()",
    },
    { in: sessions, from: "if (key.revoked || key.disabled)", to: "if (key.disabled)" },
    {
      in: sessions,
      from: "least(expires_at, $4::timestamptz)",
      to: "$4::timestamptz",
    },
    { in: sessions, from: "where token_hash = $1 and used_at", to: "where used_at" },
    { in: cookie, from: "HttpOnly; SameSite=Strict;", to: "SameSite=Strict;" },
    { in: cookie, from: "HttpOnly; SameSite=Strict;", to: "HttpOnly;" },
    {
      in: routes,
      from: 'if (request.headers["x-csrf-token"] !== session.csrfToken) {',
      to: "if (session.csrfToken === null) {",
    },
    { in: routes, from: "await limitAttempts(deps, ip);", to: "" },
  ],
  equivalent: [],
};
