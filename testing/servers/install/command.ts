import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** An install that cannot work here; the message says what to do. */
export class InstallError extends Error {
  override readonly name = "InstallError";
}

interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** What apt, Maven, pip and Go say. */
const noNetwork =
  /UnknownHost|Unknown host|Temporary failure (in|resolving)|Network is unreachable|no such host|Connection refused/;

/** Runs a command to its end and returns its output; a failure carries the last lines that it wrote. */
export function runCommand(
  command: string,
  args: readonly string[],
  { cwd, env, timeoutMs = 600_000 }: CommandOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...env },
      timeout: timeoutMs,
      maxBuffer: 64 * 1024 * 1024,
    };
    execFile(command, [...args], options, (error, stdout, stderr) => {
      if (error === null) return resolve(`${stdout}${stderr}`);
      const said = `${stdout}${stderr}`.trim().split("\n").slice(-15).join("\n");
      const reason = noNetwork.test(said) ? "found no network" : "failed";
      const why = error.killed === true ? `took more than ${timeoutMs / 1000} s` : reason;
      reject(new InstallError(`${command} ${args.join(" ")} ${why}:\n${said || error.message}`));
    });
  });
}

/** The path of a program; the system folders count too, which a user's PATH often lacks. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  const paths = isAbsolute(name)
    ? [name]
    : folders.filter((folder) => folder !== "").map((folder) => join(folder, name));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The path of a program that an install needs. */
export function requireProgram(name: string, howToGet: string): string {
  const found = findProgram(name);
  if (found === undefined) throw new InstallError(`${name} is missing: ${howToGet}`);
  return found;
}
