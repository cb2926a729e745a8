import { statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { checkoutFolder } from "./paths.ts";

export interface InstallationPlace {
  /** The folder of weir.yaml, and of `.weir` unless a setting names another data folder. */
  readonly home: string;
  /** Why that one, for `weir status`. */
  readonly because: string;
}

/**
 * The installation that a command in `cwd` means: the nearest folder upwards that holds `.weir` or
 * `weir.yaml`; else the checkout that Weir runs from, when Weir was started there before; else `cwd`.
 *
 * Above `cwd`, only what belongs to this user or to root counts: a file of another user, in /tmp say, could
 * name an address to which commands would send their key.
 */
export function findInstallation(cwd: string, checkout = checkoutFolder): InstallationPlace {
  for (let at = resolve(cwd), above = false; ; above = true) {
    if (holdsInstallation(at, above)) {
      return { home: at, because: above ? `nearest above ${cwd}` : "current folder" };
    }
    const next = dirname(at);
    if (next === at) break;
    at = next;
  }
  if (isFolder(join(checkout, ".weir"))) {
    return { home: checkout, because: "checkout of Weir" };
  }
  return { home: resolve(cwd), because: "current folder" };
}

function holdsInstallation(folder: string, mustBeTrusted: boolean): boolean {
  return [".weir", "weir.yaml"].some((name) => {
    const found = statSync(join(folder, name), { throwIfNoEntry: false });
    if (found === undefined) return false;
    if (name === ".weir" && !found.isDirectory()) return false;
    return !mustBeTrusted || found.uid === 0 || found.uid === process.getuid?.();
  });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
