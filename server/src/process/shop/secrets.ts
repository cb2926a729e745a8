/** Passwords and tokens of the shop: made once, each in a file that only its owner can read. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { readSecretFile, writeSecretFile } from "../run-file.ts";
import { busDatabase, type ShopSender, shopCallers, shopDatabases } from "./services.ts";

export interface ShopSecrets {
  /** By role of the database. */
  readonly passwords: Readonly<Record<string, string>>;
  /** By caller. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Signs the storefront's cookies. */
  readonly storefront: string;
}

/** Reads the secrets of a data folder; makes those that are missing. */
export function shopSecrets(dataDir: string): ShopSecrets {
  const secret = (name: string) => {
    const file = join(dataDir, "shop", `${name}.secret`);
    const known = readSecretFile(file);
    if (known !== undefined && known !== "") return known;
    const made = randomBytes(24).toString("base64url");
    writeSecretFile(file, made);
    return made;
  };
  const each = (names: readonly string[], prefix: string) =>
    Object.fromEntries(names.map((name) => [name, secret(`${prefix}-${name}`)]));
  return {
    passwords: each([...shopDatabases, busDatabase], "password"),
    tokens: each(shopCallers, "token"),
    storefront: secret("storefront"),
  };
}

/** The file of a sender's Weir key. */
export function shopKeyFile(dataDir: string, sender: ShopSender): string {
  return join(dataDir, "keys", `${sender}.key`);
}
