/**
 * The cache file of a collection: a header of JSON, the points, a checksum over everything before it.
 * Written beside its place and renamed, so there is a whole file or the one before. Whatever is wrong with
 * it, it is not used.
 */
import { createHash, type Hash } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { IndexCollection } from "./collection.ts";

const magic = Buffer.from("weir vectors 1\n\0");
const entryMark = Buffer.from([1]);
const endMark = Buffer.from([0]);
const checksumBytes = 32;
const blockBytes = 1 << 20;
const draftEnd = ".tmp";

/** Deletes drafts of processes that were killed while they wrote. Never rejects. */
export async function removeDrafts(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const drafts = names.filter((name) => /\.[0-9]+\.tmp$/.test(name) && !isOfLiving(name));
  await Promise.allSettled(drafts.map((name) => rm(join(folder, name), { force: true })));
}

function isOfLiving(draft: string): boolean {
  try {
    process.kill(Number(draft.split(".").at(-2)), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

export interface CacheFile {
  readonly file: string;
  /** Of which collection of which database: must be the same when it is read. */
  readonly identity: string;
}

interface Header {
  readonly identity: string;
  readonly position: string;
}

interface ReadOptions {
  /** For the test that shows what the checksum is for. */
  readonly ignoreChecksum?: boolean;
}

/** Rejects only with errors of the file system. */
export async function writeCache(
  collection: IndexCollection,
  { file, identity, position }: CacheFile & { readonly position: string },
): Promise<{ readonly bytes: number }> {
  // here and not at the start: on a full disk the folder cannot be created either, and may be created later
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}${draftEnd}`;
  const handle = await open(draft, "w", 0o600);
  try {
    const hash = createHash("sha256");
    let bytes = 0;
    for (const block of blocksOf(collection, { identity, position })) {
      hash.update(block);
      bytes += block.length;
      await handle.writeFile(block);
    }
    await handle.writeFile(hash.digest());
    await handle.sync();
    await handle.close();
    await rename(draft, file);
    return { bytes: bytes + checksumBytes };
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(draft, { force: true });
    throw error;
  }
}

/**
 * The collection changes between the blocks. That does no harm: a reader of the file continues from
 * the position, and takes over each later state once more.
 */
function* blocksOf(collection: IndexCollection, header: Header): Generator<Buffer> {
  let parts: Buffer[] = [magic, sized(Buffer.from(JSON.stringify(header)))];
  let length = 0;
  for (const { id, vector, payload } of collection.entries()) {
    const entry = Buffer.concat([
      entryMark,
      Buffer.from(id, "latin1"),
      Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength),
      sized(Buffer.from(payload)),
    ]);
    parts.push(entry);
    length += entry.length;
    if (length < blockBytes) continue;
    yield Buffer.concat(parts);
    parts = [];
    length = 0;
  }
  yield Buffer.concat([...parts, endMark]);
}

function sized(bytes: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  return Buffer.concat([size, bytes]);
}

export interface CacheRead {
  readonly collection?: IndexCollection;
  readonly position: string | undefined;
  /** Why not; undefined when there is none, or it was used. */
  readonly refused: string | undefined;
}

/** Fills a collection made by `make`. Never rejects. */
export async function readCache(
  cache: CacheFile,
  make: () => IndexCollection,
  options: ReadOptions = {},
): Promise<CacheRead> {
  try {
    return await read(cache, make, options);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { position: undefined, refused: isMissing ? undefined : reasonOf(error) };
  }
}

class Refused extends Error {}

function reasonOf(error: unknown): string {
  return error instanceof Refused ? error.message : `it cannot be read: ${String(error)}`;
}

async function read(
  { file, identity }: CacheFile,
  make: () => IndexCollection,
  { ignoreChecksum = false }: ReadOptions,
): Promise<CacheRead> {
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    const body = size - checksumBytes;
    if (body < magic.length + 4) throw new Refused("it is truncated");
    if (!ignoreChecksum) await verify(handle, body);
    const reader = new Reader(handle, body);
    if (!(await reader.take(magic.length)).equals(magic)) {
      throw new Refused("it is of another version");
    }
    const header = JSON.parse((await reader.sized()).toString()) as Header;
    if (header.identity !== identity) throw new Refused("it is of another collection");
    const collection = make();
    while ((await reader.take(1)).equals(entryMark)) {
      const id = (await reader.take(36)).toString("latin1");
      const bytes = await reader.take(4 * collection.dimension);
      const vector = new Float32Array(Uint8Array.from(bytes).buffer);
      collection.put(id, vector, (await reader.sized()).toString());
    }
    return { collection, position: header.position, refused: undefined };
  } finally {
    await handle.close();
  }
}

type Handle = Awaited<ReturnType<typeof open>>;

async function verify(handle: Handle, body: number): Promise<void> {
  const hash: Hash = createHash("sha256");
  const block = Buffer.alloc(blockBytes);
  for (let at = 0; at < body; ) {
    const { bytesRead } = await handle.read(block, 0, Math.min(block.length, body - at), at);
    if (bytesRead === 0) throw new Refused("it is truncated");
    hash.update(block.subarray(0, bytesRead));
    at += bytesRead;
  }
  const sum = Buffer.alloc(checksumBytes);
  await handle.read(sum, 0, checksumBytes, body);
  if (!hash.digest().equals(sum)) throw new Refused("its checksum is wrong");
}

class Reader {
  readonly #handle: Handle;
  readonly #end: number;
  #at = 0;
  #block = Buffer.alloc(0);

  constructor(handle: Handle, end: number) {
    this.#handle = handle;
    this.#end = end;
  }

  /** Valid until the next call. */
  async take(length: number): Promise<Buffer> {
    if (this.#block.length < length) await this.#fill(length);
    const taken = this.#block.subarray(0, length);
    this.#block = this.#block.subarray(length);
    return taken;
  }

  async sized(): Promise<Buffer> {
    const length = (await this.take(4)).readUInt32LE();
    return this.take(length);
  }

  async #fill(length: number): Promise<void> {
    const wanted = Math.min(Math.max(blockBytes, length), this.#end - this.#at);
    if (this.#block.length + wanted < length) throw new Refused("it is truncated");
    const more = Buffer.alloc(wanted);
    const { bytesRead } = await this.#handle.read(more, 0, wanted, this.#at);
    this.#at += bytesRead;
    this.#block = Buffer.concat([this.#block, more.subarray(0, bytesRead)]);
    if (this.#block.length < length) throw new Refused("it is truncated");
  }
}
