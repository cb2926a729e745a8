/** Disks of a few megabytes that a test can fill: tmpfs mounts. They need root. */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";

const run = (command: string, ...parameters: string[]) =>
  execFileSync(command, parameters, { stdio: ["ignore", "ignore", "pipe"] });

/**
 * Why no disk can be mounted here, for a test to skip itself; undefined when one can.
 * @throws Error in CI, where the test must run
 */
export function mountProblem(): string | undefined {
  try {
    run("unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt");
    return undefined;
  } catch (error) {
    const problem = `SKIPPED: a full disk cannot be tested here, because nothing can be mounted (root is needed): ${error}`;
    if (process.env["CI"] === "true") throw new Error(problem);
    process.stderr.write(`${problem}\n`);
    return problem;
  }
}

export interface SmallDisk {
  readonly folder: string;
  freeBytes(): number;
  /** Writes a file until `left` bytes are free; default: none. */
  fill(left?: number): void;
  /** Deletes that file. */
  empty(): void;
}

const filler = "filler";
const block = Buffer.alloc(64 * 1024);

/** Puts a folder, with what is in it, on a disk of its own. Unmounted at the end of the test. */
export function putOnSmallDisk(t: TestContext, folder: string, mib: number): SmallDisk {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, gid, mode } = statSync(folder);
  const before = `${folder}.before`;
  renameSync(folder, before);
  mkdirSync(folder);
  const options = `size=${mib}m,uid=${uid},gid=${gid},mode=${(mode & 0o777).toString(8)}`;
  run("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder);
  t.after(() => {
    // with a disk around it, this one is gone already
    if (existsSync(mark)) run("umount", "--lazy", folder);
  });
  run("cp", "-a", `${before}/.`, folder);
  const mark = join(folder, ".small-disk");
  writeFileSync(mark, "");
  rmSync(before, { recursive: true });
  const path = join(folder, filler);
  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  };
  return {
    folder,
    freeBytes,
    fill(left = 0) {
      const fd = openSync(path, "a", 0o600);
      try {
        while (freeBytes() > left) {
          const length = Math.min(block.length, Math.max(1, freeBytes() - left));
          writeSync(fd, block, 0, length);
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      } finally {
        closeSync(fd);
      }
    },
    empty: () => rmSync(path, { force: true }),
  };
}
