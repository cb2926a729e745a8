import { execFileSync } from "node:child_process";
import { realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { unprivilegedUser } from "../unprivileged-user.ts";
import { findProgram, InstallError, runCommand } from "./command.ts";
import { installPackages } from "./packages.ts";

/** Creates a virtual environment whose Python the servers' user can run, with these packages. */
export async function createEnvironment(
  folder: string,
  packages: readonly string[],
): Promise<void> {
  const python = findPython();
  const hasVenv = await runCommand(python, ["-c", "import ensurepip"]).catch(() => undefined);
  if (hasVenv === undefined) await installPackages(["python3-venv"]);
  await runCommand(python, ["-m", "venv", folder]);
  await runCommand(join(folder, "bin", "python"), [
    ...["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages],
  ]);
}

/** A Python below root's home (pyenv, uv) is out of reach for the user that the servers run as. */
function findPython(): string {
  const candidates = [
    process.env["WEIR_SERVICES_PYTHON"],
    interpreterOf(findProgram("python3")),
    "/usr/bin/python3",
  ];
  const python = candidates.find((path) => path !== undefined && isReachable(path));
  if (python === undefined) {
    throw new InstallError("Python is missing: install python3 (3.11 or newer) and python3-venv.");
  }
  return python;
}

/** Behind the shims of a version manager. */
function interpreterOf(program: string | undefined): string | undefined {
  if (program === undefined) return undefined;
  try {
    return execFileSync(program, ["-c", "import sys; print(sys.executable)"], {
      encoding: "utf8",
      timeout: 20_000,
    }).trim();
  } catch {
    return undefined;
  }
}

/** Whether others may pass all folders above the file; as a user, its own rights decide. */
function isReachable(path: string): boolean {
  try {
    if (unprivilegedUser() === undefined) return statSync(path).isFile();
    for (let at = realpathSync(path); at !== "/"; at = dirname(at)) {
      if ((statSync(at).mode & 0o1) === 0) return false;
    }
    return true;
  } catch {
    return false;
  }
}
