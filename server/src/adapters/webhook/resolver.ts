/** Looks host names up without the threads that `dns.lookup` shares with the file system: a server that hangs costs none. */
import { lookup, Resolver } from "node:dns/promises";
import { withDeadline } from "../../timing/deadline.ts";

/** All addresses of a name, IPv4 first. Rejects when there is none or the look-up takes too long. */
export type Resolve = (host: string) => Promise<readonly string[]>;

const tries = 2;
const notFound = new Set(["ENOTFOUND", "ENODATA"]);

/** The name servers have answered that there is no such name; other errors say nothing about it. */
export function isUnknownName(error: unknown): boolean {
  return notFound.has((error as NodeJS.ErrnoException).code ?? "");
}

export function createResolver(timeoutMs: number): Resolve {
  const resolver = new Resolver({ timeout: Math.ceil(timeoutMs / tries), tries });
  return async (host) => {
    const results = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const found = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    if (found.length > 0) return found;
    const [error] = results.flatMap((result) =>
      result.status === "rejected" ? [result.reason as NodeJS.ErrnoException] : [],
    );
    if (error !== undefined && !isUnknownName(error)) throw error;
    // names of the hosts file, and of search domains
    const local = await withDeadline(() => lookup(host, { all: true }), {
      ms: timeoutMs,
      late: undefined,
    });
    if (local === undefined) throw new Error(`${host} was not resolved within ${timeoutMs} ms`);
    return local.map(({ address }) => address);
  };
}
