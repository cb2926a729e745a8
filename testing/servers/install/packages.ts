/** Installs from the system's packages (Debian, Ubuntu), which also set up services of their own that must not start. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { findProgram, InstallError, runCommand } from "./command.ts";
import type { Install } from "./install.ts";

interface PackagedServer {
  readonly name: string;
  readonly packages: readonly string[];
  /** A program of the packages: its name or its path. */
  readonly program: string;
  /** Lets it print its version. */
  readonly versionArgument?: string;
  /** Otherwise how to find the version. */
  readonly findVersion?: () => string;
  readonly elsewhere: string;
}

export function packagedInstall(server: PackagedServer): Install {
  const { name, packages, program, elsewhere } = server;
  return {
    name,
    what: `${packages.join(" ")} from the system's packages`,
    find() {
      const path = findProgram(program);
      if (path === undefined) return undefined;
      const version = server.findVersion?.() ?? versionOf(path, server.versionArgument ?? "");
      return { version, path };
    },
    async install() {
      if (findProgram(program) !== undefined) return;
      if (findProgram("apt-get") === undefined) {
        throw new InstallError(`${name} is missing, and there is no apt-get here: ${elsewhere}`);
      }
      await installPackages(packages);
    },
  };
}

function versionOf(path: string, argument: string): string {
  try {
    // some print it on the error output
    const output = execFileSync("sh", ["-c", `"${path}" ${argument} 2>&1`], {
      encoding: "utf8",
      timeout: 10_000,
    });
    return /\d+\.\d+(\.\d+)?/.exec(output)?.[0] ?? "unknown";
  } catch {
    return "unknown";
  }
}

/** Needs root or sudo; without a terminal sudo must not ask for a password. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  const list = packages.join(" ");
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && findProgram("sudo") === undefined) {
    throw new InstallError(`As root: apt-get install --no-install-recommends ${list}`);
  }
  // /var/tmp: apt's own user cannot write where TMPDIR or a locked-up /tmp points
  const script = `set -e
export DEBIAN_FRONTEND=noninteractive TMPDIR=/var/tmp
${existsSync(policyFile) ? "" : denyStarts}
apt-get -o DPkg::Lock::Timeout=300 update -qq || true
apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends ${list}`;
  const shell = ["sh", "-c", script];
  const asRoot = isRoot ? shell : ["sudo", ...(process.stdin.isTTY ? [] : ["-n"]), ...shell];
  const [command = "sh", ...args] = asRoot;
  await runCommand(command, args);
}

const policyFile = "/usr/sbin/policy-rc.d";

/** The packages' scripts start their servers, on their usual ports, unless this file says no; removed at the end. */
const denyStarts = `printf '#!/bin/sh\\nexit 101\\n' >${policyFile}
chmod 755 ${policyFile}
trap 'rm -f ${policyFile}' EXIT`;
