import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate, zstdDecompress } from "node:zlib";
import { WeirError } from "../../core/errors.ts";

const decoders = {
  gzip: promisify(gunzip),
  "x-gzip": promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
} as const;

function isDecoder(name: string): name is keyof typeof decoders {
  return Object.hasOwn(decoders, name);
}

/**
 * Reads a whole request body of at most `limit` bytes, before and after decoding: 329 bytes of
 * brotli can decode to 200 MiB. The server's `requestTimeout` ends slow senders.
 *
 * @throws WeirError `too_large`, `unsupported_media_type` (unknown encoding), `malformed_request`
 *   (the compressed bytes are invalid or the client disconnected).
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  const raw = collect(request, limit);
  return encoding === "identity" || encoding === ""
    ? raw
    : raw.then((bytes) => decode(bytes, encoding, limit));
}

function collect(request: IncomingMessage, limit: number): Promise<Buffer> {
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > limit) return Promise.reject(tooLarge(limit));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let settled = false;
    const fail = (error: WeirError) => {
      settled = true;
      reject(error);
    };
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      // Beyond the limit the rest is read and discarded, so that the client can read the answer.
      if (size > limit) {
        chunks.length = 0;
        if (!settled) fail(tooLarge(limit));
        return;
      }
      chunks.push(chunk);
    });
    request.on("end", () => {
      if (settled) return;
      const [first] = chunks;
      resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size));
    });
    request.on("error", () => fail(cutOff()));
    request.on("close", () => {
      if (!request.complete && !settled) fail(cutOff());
    });
  });
}

async function decode(bytes: Buffer, encoding: string, limit: number): Promise<Buffer> {
  if (!isDecoder(encoding)) {
    throw new WeirError("unsupported_media_type", {
      detail: `content-encoding "${encoding.slice(0, 40)}" is not supported; send gzip, br, zstd, deflate or none`,
    });
  }
  try {
    return await decoders[encoding](bytes, { maxOutputLength: limit });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(limit);
    throw new WeirError("malformed_request", {
      detail: `the body is not valid ${encoding}`,
      cause,
    });
  }
}

function tooLarge(limit: number): WeirError {
  return new WeirError("too_large", {
    detail: `the body may have at most ${limit} bytes after decoding; send smaller batches`,
  });
}

function cutOff(): WeirError {
  return new WeirError("malformed_request", { detail: "the body ended before it was complete" });
}
