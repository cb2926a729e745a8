import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import {
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  statfs,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { promisify } from "node:util";
import type { PostgresBinaries } from "./binaries.ts";
import { startLifeline } from "./lifeline.ts";
import { separateGroup } from "./separate-databases.ts";
import { isServerOf, readPidFile } from "./server-process.ts";
import { type ServerFolders, type ServerSettings, serverSettings } from "./settings.ts";
import { reachableBy, type SystemUser, trustedUserNames } from "./system-user.ts";

/** `<dataDir>/cluster` and its contents, all owned by the user that PostgreSQL runs as. */
export interface ClusterFolders extends ServerFolders {
  readonly home: string;
  /** Removes `postmaster.pid` if it still names `pid` and that process is not a server of this folder. */
  removeStalePidFile(pid: number): Promise<void>;
}

/** Where data is kept when root runs Weir below a folder that no other user may enter. */
const systemState = "/var/lib/weir";

/** `sockaddr_un` holds 107 bytes; the file is named `.s.PGSQL.5432.lock`. */
const longestSocketFolder = 107 - "/.s.PGSQL.5432.lock".length;

export async function prepareFolders(options: {
  readonly dataDir: string;
  readonly stateDir?: string;
  readonly user: SystemUser | undefined;
}): Promise<ClusterFolders> {
  const { user } = options;
  const outer = resolve(options.dataDir);
  await mkdir(outer, { recursive: true, mode: user === undefined ? 0o700 : 0o711 });
  if (user !== undefined) await openPassage(outer, resolve(options.stateDir ?? outer));
  const link = join(outer, "cluster");
  const there = await lstat(link).catch(() => undefined);
  if (there === undefined) {
    if (await reachableBy(user, outer, 0o1)) {
      await makeFolder(link, user);
    } else {
      const home = join(systemState, randomUUID());
      // the umask reduces the mode passed to mkdir
      if ((await mkdir(systemState, { recursive: true })) !== undefined)
        await chmod(systemState, 0o711);
      await makeFolder(home, user);
      await symlink(home, link);
    }
  }
  const home = await realpath(link).catch((cause: unknown) => {
    throw new Error(`${link} links to a folder that no longer exists.`, { cause });
  });
  const inside = join(home, "socket");
  const socket =
    Buffer.byteLength(inside) <= longestSocketFolder
      ? inside
      : join(tmpdir(), `weir-${createHash("sha256").update(home).digest("hex").slice(0, 12)}`);
  const folders = { home, data: join(home, "data"), socket, log: join(home, "log") };
  await makeFolder(folders.log, user);
  await makeFolder(folders.socket, user);
  return {
    ...folders,
    async removeStalePidFile(pid) {
      const file = await readPidFile(folders.data);
      if (file?.pid === pid && !(await isServerOf(pid, folders.data))) {
        await rm(join(folders.data, "postmaster.pid"), { force: true });
      }
    },
  };
}

/** Lets other users traverse (not list) the folders from `inner` up to `outer` that this user owns. */
async function openPassage(inner: string, outer: string): Promise<void> {
  for (let at = inner; at === outer || at.startsWith(`${outer}${sep}`); at = dirname(at)) {
    const found = await stat(at);
    if (found.uid === process.getuid?.()) await chmod(at, (found.mode & 0o7777) | 0o011);
  }
}

/** A folder of mode 0700 that belongs to `user`, or an error if another user created it. */
async function makeFolder(path: string, user: SystemUser | undefined): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
    if (user !== undefined) await chown(path, user.uid, user.gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const found = await lstat(path);
    const mine =
      found.uid === (user?.uid ?? process.getuid?.()) || found.uid === process.getuid?.();
    if (!found.isDirectory() || !mine) {
      throw new Error(`${path} belongs to another user.`, { cause: error });
    }
    // also completes what an interrupted first start did not finish
    if (user !== undefined && found.uid !== user.uid) await chown(path, user.uid, user.gid);
    if ((found.mode & 0o777) !== 0o700) await chmod(path, 0o700);
  }
}

/**
 * Creates the cluster if there is none. It is built in a folder of another name, so that an interrupted
 * first start leaves nothing that looks finished. True when a new one was created.
 */
export async function initialise(options: {
  readonly binaries: PostgresBinaries;
  readonly folders: ClusterFolders;
  readonly user: SystemUser | undefined;
  readonly durable: boolean;
  readonly signal: AbortSignal | undefined;
}): Promise<boolean> {
  const { binaries, folders, user, signal } = options;
  const major = await readFile(join(folders.data, "PG_VERSION"), "utf8").catch(() => undefined);
  if (major !== undefined) {
    if (major.trim() === binaries.major) return false;
    throw new Error(
      `The data in ${folders.data} was written by PostgreSQL ${major.trim()}, and this is ${binaries.major}. ` +
        "Back up with the version that wrote it and restore here.",
    );
  }
  await removeUnfinished(folders.home);
  const fresh = join(folders.home, `data.new-${process.pid}-${randomUUID().slice(0, 8)}`);
  const arguments_ = [
    `--pgdata=${fresh}`,
    "--username=weir",
    "--encoding=UTF8",
    // the builtin provider needs neither the system's locales nor ICU, and sorts the same everywhere
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--auth=reject",
    // all commits wait while a segment is filled with zeros and synced: 5 ms instead of 80 (decision 0022)
    "--wal-segsize=1",
    "--no-instructions",
    ...(options.durable ? [] : ["--no-sync"]),
  ];
  const lifeline = startLifeline(folders.home);
  const running = promisify(execFile)(binaries.initdb, arguments_, {
    cwd: folders.home,
    timeout: 300_000,
    env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C", TZ: "UTC" },
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (running.child.pid !== undefined) lifeline.guard(running.child.pid);
  await running
    .catch((error: Error & { stderr?: string }) => {
      signal?.throwIfAborted();
      throw new Error(`initdb failed: ${(error.stderr || error.message).trim().slice(0, 2_000)}`);
    })
    .finally(() => lifeline.release());
  try {
    await rename(fresh, folders.data);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    await rm(fresh, { recursive: true, force: true });
    // another supervisor was faster
    if (code === "ENOTEMPTY" || code === "EEXIST") return false;
    throw error;
  }
  const handle = await open(folders.home);
  await handle.sync();
  await handle.close();
  return true;
}

async function removeUnfinished(home: string): Promise<void> {
  for (const entry of await readdir(home)) {
    const pid = /^data\.new-(\d+)-/.exec(entry)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    // an initdb whose supervisor was killed may still be writing
    await rm(join(home, entry), { recursive: true, force: true, maxRetries: 20 });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Who may connect: only over the socket, and only the system users that run Weir, identified by the
 * kernel (`peer`). There is no password to read or guess. The roles of the shop's services are an exception: each needs
 * its own password. The socket's folder lets no other user in.
 */
export async function writeConfiguration(
  folders: ClusterFolders,
  user: SystemUser | undefined,
  settings: ServerSettings,
): Promise<void> {
  const write = async (name: string, text: string): Promise<void> => {
    const path = join(folders.data, name);
    const before = await readFile(path, "utf8").catch(() => undefined);
    if (before === text) return;
    // never half a file, also on a full disk; another supervisor may be writing the same file
    const draft = `${path}.${process.pid}-${randomUUID().slice(0, 8)}.new`;
    try {
      await writeFile(draft, text, { mode: 0o600, flush: true });
      if (user !== undefined) await chown(draft, user.uid, user.gid);
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  };
  const names = trustedUserNames(user);
  await write(
    "pg_hba.conf",
    `local all +${separateGroup} scram-sha-256\nlocal all all peer map=weir\n`,
  );
  await write("pg_ident.conf", names.map((name) => `weir "${name}" all\n`).join(""));
  const { blocks, bsize } = await statfs(join(folders.data, "pg_wal"));
  const walDiskBytes = blocks * bsize;
  await write("weir.conf", serverSettings(settings, { ...folders, walDiskBytes }));
  await write("postgresql.conf", "include 'weir.conf'\ninclude 'local.conf'\n");
  if (!(await readFile(join(folders.data, "local.conf")).catch(() => undefined))) {
    await write("local.conf", "# Your own settings: they win over those that Weir writes.\n");
  }
}
