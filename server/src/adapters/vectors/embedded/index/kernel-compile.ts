/**
 * Compiles the `kernel.wat` of a room into its `kernel-bytes.ts`: run it after a change.
 *
 *     node server/src/adapters/vectors/embedded/index/kernel-compile.ts [server/src/adapters/embeddings/lsa]
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import wabt from "wabt";

export const bytesFile = (room: string): string => join(room, "kernel-bytes.ts");

/** The source of `kernel-bytes.ts`. */
export async function compileKernel(room: string): Promise<string> {
  const source = await readFile(join(room, "kernel.wat"), "utf8");
  const module = (await wabt()).parseWat("kernel.wat", source);
  const { buffer } = module.toBinary({});
  module.destroy();
  const lines =
    Buffer.from(buffer)
      .toString("base64")
      .match(/.{1,88}/g) ?? [];
  return `/** Generated from \`kernel.wat\` by \`kernel-compile.ts\`. */\nexport const kernelBytes =\n  ${lines
    .map((line) => `"${line}"`)
    .join(" +\n  ")};\n`;
}

if (import.meta.main) {
  const room = process.argv[2] ?? import.meta.dirname;
  await writeFile(bytesFile(room), await compileKernel(room));
}
