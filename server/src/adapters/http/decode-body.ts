/** Content codings of request bodies (RFC 9110, 8.4). */
import type { Transform } from "node:stream";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from "node:zlib";
import { limits } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { Share } from "./byte-budget.ts";

type Engine = Transform & { readonly bytesWritten: number };

interface Coding {
  readonly name: string;
  readonly open: () => Engine;
  /** Whether one stream may follow another: they decode to the texts one after the other. */
  readonly concatenates: boolean;
}

// 64 KiB a turn: with Node's 16 KiB a body of 10 MiB takes four times as many turns of the thread pool
const chunkSize = 65_536;
const gzip: Coding = { name: "gzip", open: () => createGunzip({ chunkSize }), concatenates: false };
const zstd: Coding = {
  name: "zstd",
  // RFC 9659, 3: a window of more than 8 MiB is not used over HTTP
  open: () =>
    createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: 23 } }) as Engine,
  concatenates: true,
};
const codings: Readonly<Record<string, Coding>> = {
  // Node's gunzip itself continues with the next member (RFC 1952, 2.2)
  gzip,
  "x-gzip": gzip,
  deflate: { name: "deflate", open: () => createInflate({ chunkSize }), concatenates: false },
  br: { name: "br", open: () => createBrotliDecompress({ chunkSize }), concatenates: false },
  zstd,
};
/** As the `Accept-Encoding` of an answer (RFC 9110, 12.5.3) and in messages. */
const accepted = "gzip, br, zstd, deflate";
/** As many as a batch has events: a sender may compress each line by itself. */
const mostFrames = limits.batchEvents;

/**
 * The coding that a `Content-Encoding` header names; undefined for none. @throws WeirError
 * `unsupported_media_type` for an unknown coding and for several, one inside the other
 */
export function codingOf(header: string | undefined): Coding | undefined {
  if (header === undefined) return undefined;
  const names = header
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity");
  const [name] = names;
  if (name === undefined) return undefined;
  const coding = Object.hasOwn(codings, name) ? codings[name] : undefined;
  if (names.length === 1 && coding !== undefined) return coding;
  throw new WeirError("unsupported_media_type", {
    detail:
      names.length === 1
        ? `content-encoding "${name.slice(0, 40)}" is not supported; send gzip, br, zstd, deflate or none`
        : "several content codings, one inside the other, are not supported; use one of gzip, br, zstd and deflate",
    headers: { "accept-encoding": accepted },
  });
}

/**
 * Decodes all of `bytes`: what one stream leaves over is a further stream or an error, never dropped.
 * 329 bytes of brotli can decode to 200 MiB, so the output is counted while it grows.
 *
 * @throws WeirError `too_large`, `overloaded` (the share cannot grow), `malformed_request`
 */
export async function decodeBody(
  bytes: Buffer,
  coding: Coding,
  { limit, share }: { readonly limit: number; readonly share: Share },
): Promise<Buffer> {
  const output: Buffer[] = [];
  let size = 0;
  const onChunk = (chunk: Buffer) => {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit);
    if (!share.grow(chunk.length)) throw bodiesOverloaded();
    output.push(chunk);
  };
  let rest = bytes;
  for (let frames = 1; ; frames++) {
    const consumed = await decodeOne(rest, coding, onChunk);
    rest = rest.subarray(consumed);
    if (rest.length === 0) return Buffer.concat(output, size);
    if (!coding.concatenates || consumed === 0) {
      throw malformed(
        `${rest.length} bytes follow the end of the ${coding.name} stream; send one complete stream`,
      );
    }
    if (frames === mostFrames) {
      throw malformed(`the body has more than ${mostFrames} ${coding.name} frames; send fewer`);
    }
  }
}

/** Resolves with the number of bytes that belong to the stream at the start of `bytes`. */
function decodeOne(
  bytes: Buffer,
  coding: Coding,
  onChunk: (chunk: Buffer) => void,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const engine = coding.open();
  engine.on("data", (chunk: Buffer) => {
    try {
      onChunk(chunk);
    } catch (error) {
      engine.destroy();
      reject(error);
    }
  });
  engine.on("end", () => resolve(engine.bytesWritten));
  engine.on("error", (cause) => reject(malformed(`the body is not valid ${coding.name}`, cause)));
  engine.end(bytes);
  return promise;
}

function malformed(detail: string, cause?: unknown): WeirError {
  return new WeirError("malformed_request", { detail, cause });
}

export function tooLarge(limit: number): WeirError {
  return new WeirError("too_large", {
    detail: `the body may have at most ${limit} bytes after decoding; send smaller batches`,
  });
}

/** All request bodies together have reached their limit. */
export function bodiesOverloaded(): WeirError {
  return new WeirError("overloaded", {
    detail: "too many request bodies are arriving at once; send this one again later",
    retryAfterSeconds: 1,
  });
}
