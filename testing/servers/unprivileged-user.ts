import { execFileSync } from "node:child_process";
import { chown, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

export interface UnprivilegedUser {
  readonly uid: number;
  readonly gid: number;
}

let found: UnprivilegedUser | undefined;

/** As root, the servers run as `nobody`; undefined: as the user of this process. */
export function unprivilegedUser(): UnprivilegedUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  found ??= { uid: idOf("-u"), gid: idOf("-g") };
  return found;
}

function idOf(flag: string): number {
  return Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8", timeout: 5_000 }));
}

/** Gives a folder and all that is in it to the user that the servers run as. */
export async function giveAway(path: string): Promise<void> {
  const user = unprivilegedUser();
  if (user === undefined) return;
  await chown(path, user.uid, user.gid);
  if (!(await lstat(path)).isDirectory()) return;
  for (const name of await readdir(path)) await giveAway(join(path, name));
}
