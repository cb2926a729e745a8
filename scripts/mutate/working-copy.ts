/**
 * A copy of the repository in which mutants are made and the tests run: the tree itself stays as it is.
 */
import { execFileSync } from "node:child_process";
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { applied, type Edit } from "./mutant.ts";
import { type Ended, runProcess } from "./run-process.ts";

export interface WorkingCopy {
  readonly folder: string;
  /** Runs Node in the copy, with `seconds` at the most. */
  node(
    args: readonly string[],
    options: {
      readonly seconds: number;
      readonly env?: Readonly<Record<string, string>>;
      readonly stopAt?: RegExp;
    },
  ): Promise<Ended>;
  /** Runs `work` while the change is made. */
  with<T>(file: string, edit: Edit, work: () => Promise<T>): Promise<T>;
  remove(): Promise<void>;
}

/** Of everything that git knows or would add. */
export async function makeWorkingCopy(root: string): Promise<WorkingCopy> {
  const outer = await mkdtemp(join(await realpath(tmpdir()), "weir-mutate-"));
  await chmod(outer, 0o711); // PostgreSQL, which runs as another user, keeps its data below it
  const folder = join(outer, "weir");
  const scratch = join(outer, "tmp");
  await mkdir(scratch, { mode: 0o711 });
  const files = execFileSync("git", ["ls-files", "-z", "-co", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  for (const file of new Set(files.split("\0").filter((name) => name !== ""))) {
    await mkdir(join(folder, dirname(file)), { recursive: true });
    // a file deleted and not yet committed is still in the list
    await cp(join(root, file), join(folder, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  return {
    folder,
    node: (args, { env, ...limits }) =>
      runProcess(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
        ...limits,
        cwd: folder,
        // A temporary folder of its own also means a PostgreSQL of its own for the tests.
        env: { ...process.env, TMPDIR: scratch, ...env },
      }),
    async with(file, edit, work) {
      const path = join(folder, file);
      const text = await readFile(path, "utf8");
      await writeFile(path, applied(text, edit));
      try {
        return await work();
      } finally {
        await writeFile(path, text);
      }
    },
    remove: () => rm(outer, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 }),
  };
}
