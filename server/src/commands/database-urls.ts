/** Which URLs of the database a process must be given. */
import {
  type DatabaseUrls,
  type Login,
  unreachableUrls,
  urlSettings,
} from "../process/databases.ts";
import { UserError } from "./context.ts";

export const allLogins: readonly Login[] = ["owner", "app", "ingest"];

/**
 * The URLs of the named logins; of the others an address where nothing is.
 * @throws UserError that names the settings that are missing
 */
export function demandUrls(
  configured: Partial<DatabaseUrls> | undefined,
  logins: readonly Login[],
): DatabaseUrls {
  if (configured === undefined && logins.length > 0) {
    throw new UserError("no database is configured", {
      hint: 'set WEIR_DATABASE_URL, or use "weir up", which runs its own PostgreSQL',
    });
  }
  const missing = logins.filter((login) => configured?.[login] === undefined);
  if (missing.length > 0) {
    const names = missing.map((login) => urlSettings[login]).join(" and ");
    throw new UserError(`${names} ${missing.length === 1 ? "is" : "are"} not set`, {
      hint: "each part needs its own logins of the database: docs/guides/production.md lists them",
    });
  }
  return { ...unreachableUrls, ...configured };
}
