import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);

export type Encoding = "br" | "gzip";

/** The best encoding that the browser accepts. */
export function acceptedEncoding(header: string | undefined): Encoding | undefined {
  const accepted = (header ?? "")
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => !/;\s*q=0(\.0*)?$/.test(entry))
    .map((entry) => entry.split(";")[0]);
  if (accepted.includes("br")) return "br";
  return accepted.includes("gzip") ? "gzip" : undefined;
}

/** Below it, headers are larger than what is saved. */
const compressFromBytes = 1_000;

/** For pages: fast levels. */
export async function compressPage(
  page: Buffer,
  encoding: Encoding | undefined,
): Promise<{ readonly body: Buffer; readonly encoding?: Encoding }> {
  if (encoding === undefined || page.length < compressFromBytes) return { body: page };
  const body =
    encoding === "br"
      ? await compressBrotli(page, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })
      : await compressGzip(page, { level: 5 });
  return { body, encoding };
}
