/** Compiles `kernel.wat` into `kernel-bytes.ts`: run it after a change. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import wabt from "wabt";

export const bytesFile = join(import.meta.dirname, "kernel-bytes.ts");

/** The source of `kernel-bytes.ts`. */
export async function compileKernel(): Promise<string> {
  const source = await readFile(join(import.meta.dirname, "kernel.wat"), "utf8");
  const module = (await wabt()).parseWat("kernel.wat", source);
  const { buffer } = module.toBinary({});
  module.destroy();
  const lines =
    Buffer.from(buffer)
      .toString("base64")
      .match(/.{1,88}/g) ?? [];
  return `/** Made of \`kernel.wat\` by \`kernel-compile.ts\`. */\nexport const kernelBytes =\n  ${lines
    .map((line) => `"${line}"`)
    .join(" +\n  ")};\n`;
}

if (import.meta.main) await writeFile(bytesFile, await compileKernel());
