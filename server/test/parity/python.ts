import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";

/** The Python of tests that compare Weir with third-party libraries. */
export const python = process.env["WEIR_TEST_PYTHON"] ?? "python3";

/** @throws naming what to install when a module of requirements.txt is missing. */
export async function needPythonModule(name: string): Promise<void> {
  try {
    await promisify(execFile)(python, ["-c", `import ${name}`]);
  } catch (cause) {
    throw new Error(
      `${python} cannot import ${name}: install server/test/parity/requirements.txt into a virtual ` +
        "environment and set WEIR_TEST_PYTHON to its python",
      { cause },
    );
  }
}

/** Runs a script of this folder; returns its output. */
export async function runPython(
  script: string,
  options: { readonly args: readonly string[]; readonly input?: string | Uint8Array },
): Promise<Buffer> {
  const child = spawn(python, [join(import.meta.dirname, script), ...options.args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  child.stdin.end(options.input ?? "");
  const [code, output] = await Promise.all([ended, buffer(child.stdout)]);
  if (code !== 0) throw new Error(`${script} ended with ${code}`);
  return output;
}
