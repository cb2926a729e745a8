/** A log file of limited size: `weir.log` is the newest, `weir.log.1` the one before, and so on. */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  write as writeCallback,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { type LineTarget, PartialWrite } from "./line-queue.ts";

const write = promisify(writeCallback);

export interface RotatingFileOptions {
  readonly path: string;
  /** A file that would grow beyond it is renamed. */
  readonly maxBytes: number;
  /** Number of files with the newest; the oldest is deleted. */
  readonly files: number;
}

/** How often a file that was renamed or deleted from outside is noticed. */
const checkMs = 1_000;
const lineEnd = 0x0a;
const copyBytes = 1024 * 1024;

/** The file is opened at the first write, and again after a failure. One writer per path. */
export class RotatingFile implements LineTarget {
  readonly #options: RotatingFileOptions;
  #fd: number | undefined;
  #inode = 0;
  #size = 0;
  #checkedAt = 0;
  /** Of files from before this start, once. */
  #isTidy = false;
  /** Half a line is at the end, because it could not be removed. */
  #isCut = false;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  async write(lines: Buffer): Promise<void> {
    const { maxBytes } = this.#options;
    const fd = this.#prepared(lines.length, maxBytes);
    const bytes = this.#isCut ? Buffer.concat([Buffer.from("\n"), lines]) : lines;
    let done = 0;
    try {
      while (done < bytes.length) {
        const { bytesWritten } = await write(fd, bytes, done, bytes.length - done);
        if (bytesWritten === 0) throw new Error("nothing could be written");
        done += bytesWritten;
      }
      this.#size += done;
      this.#isCut = false;
    } catch (error) {
      const whole = done === 0 ? 0 : bytes.lastIndexOf(lineEnd, done - 1) + 1;
      if (done > whole) this.#isCut = !removeEnd(fd, done - whole);
      this.close();
      throw new PartialWrite(Math.max(0, whole - (bytes.length - lines.length)), error);
    }
  }

  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** The open file with room for `bytes` more. */
  #prepared(bytes: number, maxBytes: number): number {
    this.#tidy();
    if (this.#fd !== undefined && performance.now() - this.#checkedAt > checkMs) this.#check();
    this.#fd ??= this.#open();
    if (this.#size > 0 && this.#size + bytes > maxBytes) {
      this.close();
      this.#rotate();
      this.#fd = this.#open();
    }
    return this.#fd;
  }

  #open(): number {
    const { path } = this.#options;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(path, "a", 0o600);
    const { size, ino } = fstatSync(fd);
    this.#size = size;
    this.#inode = ino;
    this.#checkedAt = performance.now();
    return fd;
  }

  /** Deleting or renaming the file frees its space or its name: a new one is opened. */
  #check(): void {
    this.#checkedAt = performance.now();
    const found = statSync(this.#options.path, { throwIfNoEntry: false });
    if (found?.ino === this.#inode) this.#size = found.size;
    else this.close();
  }

  /** A rename that fails leaves the file as it is: a log that is too long is better than none. */
  #rotate(): void {
    const { path, files } = this.#options;
    try {
      if (files === 1) rmSync(path, { force: true });
      for (let number = files - 1; number > 1; number--) {
        renameIfThere(`${path}.${number - 1}`, `${path}.${number}`);
      }
      renameIfThere(path, `${path}.1`);
    } catch {}
  }

  /**
   * Applies the limits to files that an earlier version or other settings left: of a file that is far too
   * long its end is kept, and files beyond the number are deleted.
   */
  #tidy(): void {
    if (this.#isTidy) return;
    this.#isTidy = true;
    const { path, files, maxBytes } = this.#options;
    try {
      for (const name of readdirSync(dirname(path))) {
        const [, number] = /^\.([0-9]+)$/.exec(name.slice(basename(path).length)) ?? [];
        if (!name.startsWith(basename(path))) continue;
        const found = join(dirname(path), name);
        if (name.endsWith(".part") || Number(number) >= files) rmSync(found, { force: true });
        else if (number !== undefined || name === basename(path)) keepEnd(found, maxBytes);
      }
    } catch {}
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Removes half a line, so that the file has whole lines only. */
function removeEnd(fd: number, bytes: number): boolean {
  try {
    ftruncateSync(fd, fstatSync(fd).size - bytes);
    return true;
  } catch {
    return false;
  }
}

/** Shortens a file of more than twice `maxBytes` to its last lines; deletes it when there is no room for a copy. */
function keepEnd(path: string, maxBytes: number): void {
  const { size } = statSync(path);
  if (size <= 2 * maxBytes) return;
  const part = `${path}.part`;
  const from = openSync(path, "r");
  try {
    const to = openSync(part, "w", 0o600);
    try {
      copyLines({ from, to, at: size - maxBytes });
    } finally {
      closeSync(to);
    }
    renameSync(part, path);
  } catch {
    rmSync(part, { force: true });
    rmSync(path, { force: true });
  } finally {
    closeSync(from);
  }
}

/** Copies from the first whole line behind `at`. */
function copyLines({ from, to, at }: { from: number; to: number; at: number }): void {
  const block = Buffer.alloc(copyBytes);
  let isFirst = true;
  for (let position = at; ; ) {
    const length = readSync(from, block, 0, block.length, position);
    if (length === 0) return;
    position += length;
    let start = 0;
    if (isFirst) {
      const end = block.subarray(0, length).indexOf(lineEnd);
      if (end === -1) continue;
      start = end + 1;
      isFirst = false;
    }
    for (let done = start; done < length; ) done += writeSync(to, block, done, length - done);
  }
}
