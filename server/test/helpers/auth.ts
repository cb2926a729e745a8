import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { type CleanUp, createTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import type { Administration } from "../../src/parts/auth/administration.ts";
import { localActor } from "../../src/parts/auth/bounds.ts";
import { Directory, type DirectoryOptions } from "../../src/parts/auth/directory.ts";
import { createKey } from "../../src/parts/auth/keys.ts";
import { type RolePolicy, readPolicies } from "../../src/parts/auth/policies.ts";
import { applyPolicies } from "../../src/parts/auth/roles.ts";
import type { NewKey } from "../../src/parts/auth/schemas.ts";
import { createService } from "../../src/parts/auth/services.ts";

export const policiesFolder = fileURLToPath(new URL("../../../policies", import.meta.url));

export interface TestAuth extends TestDatabase {
  readonly policies: readonly RolePolicy[];
  /** As the machine's owner, over the role that the server has. */
  readonly administration: Administration;
  /** A service with one key. */
  service(name: string, role: string): Promise<NewKey>;
  /** A directory that was read once; it follows changes only by `refresh` or `run`. */
  directory(options?: Partial<DirectoryOptions>): Promise<Directory>;
}

/** A database with the shipped roles. */
export async function createTestAuth(t: CleanUp): Promise<TestAuth> {
  const database = await createTestDatabase(t);
  const administration: Administration = {
    database: database.app,
    actor: localActor("test"),
    env: "test",
    random: randomBytes,
  };
  const policies = await readPolicies(policiesFolder);
  await applyPolicies(administration, policies);
  return {
    ...database,
    policies,
    administration,
    async service(name, role) {
      await createService(administration, { name, role });
      return createKey(administration, { service: name });
    },
    async directory(options = {}) {
      const directory = new Directory({ database: database.app, env: "test", ...options });
      await directory.refresh();
      return directory;
    },
  };
}

/** The rejection or exception of `work` as a WeirError's code; fails when there is none. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return "nothing was thrown";
}
