import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { promisify } from "node:util";

export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

const run = promisify(execFile);

/**
 * PostgreSQL refuses to run as root. As root, it runs as the owner of an existing cluster, else as
 * `postgres`, else as `nobody`. Undefined: as the user of this process.
 */
export async function postgresUser(clusterFolder: string): Promise<SystemUser | undefined> {
  const own = process.getuid?.();
  const existing = await stat(clusterFolder).catch(() => undefined);
  if (own !== 0) {
    if (existing !== undefined && own !== undefined && existing.uid !== own) {
      throw new Error(
        `${clusterFolder} belongs to user ${existing.uid} and this process runs as ${own}. ` +
          "Run Weir as the user that started it first, or choose another data folder.",
      );
    }
    return undefined;
  }
  if (existing !== undefined && existing.uid !== 0) {
    return lookUp(String(existing.uid), existing.uid, existing.gid);
  }
  for (const name of ["postgres", "nobody"]) {
    const user = await lookUp(name);
    if (user !== undefined) return user;
  }
  throw new Error(
    "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`.",
  );
}

async function lookUp(name: string, uid?: number, gid?: number): Promise<SystemUser | undefined> {
  const ask = async (flag: string): Promise<string> => {
    const { stdout } = await run("id", [flag, "--", name], { timeout: 5_000 });
    return stdout.trim();
  };
  try {
    return { uid: Number(await ask("-u")), gid: Number(await ask("-g")), name: await ask("-un") };
  } catch {
    if (uid === undefined || gid === undefined) return undefined;
    throw new Error(`The data folder belongs to user ${uid}, which does not exist on this system.`);
  }
}

/** The system users that may connect as Weir over the socket: this process's and the server's. */
export function trustedUserNames(user: SystemUser | undefined): string[] {
  return [...new Set([userInfo().username, ...(user === undefined ? [] : [user.name])])];
}

/**
 * Whether `user` may traverse all folders above `path`, and has the rights `rights` (4 read, 1 execute or
 * traverse) on `path` itself; access control lists are not checked.
 */
export async function reachableBy(
  user: SystemUser | undefined,
  path: string,
  rights = 0o5,
): Promise<boolean> {
  if (user === undefined) return true;
  for (let at = path, need = rights; ; need = 0o1) {
    const found = await stat(at).catch(() => undefined);
    if (found === undefined) return false;
    const shift = found.uid === user.uid ? 6 : found.gid === user.gid ? 3 : 0;
    if (((found.mode >> shift) & need) !== need) return false;
    const above = dirname(at);
    if (above === at) return true;
    at = above;
  }
}
