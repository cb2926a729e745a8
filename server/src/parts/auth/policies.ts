import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Infer, namePattern, schema as s } from "@weir/protocol";
import { Ajv, type ErrorObject } from "ajv";
import { patternMistake } from "../../core/access/permission.ts";

/** Content of a file `policies/<role>.json`. */
const roleFileSchema = s.object({
  $schema: s.optional(s.string()),
  description: s.string({ minLength: 1, maxLength: 500 }),
  permissions: s.array(s.string(), { uniqueItems: true, maxItems: 1_000 }),
});
type RoleFile = Infer<typeof roleFileSchema>;

export interface RolePolicy {
  /** Name of the file without `.json`. */
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly string[];
}

const roleName = new RegExp(namePattern, "u");

const validate = new Ajv({ allErrors: true, strict: false }).compile<RoleFile>(roleFileSchema);

/**
 * Reads every `*.json` of a folder as a role. @throws Error that lists every mistake in every file, with
 * file and JSON Pointer: a partial set of roles must not be loaded.
 */
export async function readPolicies(folder: string): Promise<RolePolicy[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  const roles: RolePolicy[] = [];
  const mistakes: string[] = [];
  for (const file of files) {
    const name = file.slice(0, -".json".length);
    const text = await readFile(join(folder, file), "utf8");
    const found = mistakesOf(name, text);
    mistakes.push(...found.mistakes.map((mistake) => `${join(folder, file)}${mistake}`));
    if (found.role !== undefined) {
      const { description, permissions } = found.role;
      roles.push({ name, description, permissions });
    }
  }
  // Without this check, a start with a mistyped folder would remove all roles.
  if (!files.includes("admin.json")) mistakes.push(`${join(folder, "admin.json")}: is missing`);
  if (mistakes.length > 0) {
    throw new Error(`The role policies are invalid:\n  ${mistakes.join("\n  ")}`);
  }
  return roles;
}

function mistakesOf(name: string, text: string): { role?: RoleFile; mistakes: string[] } {
  if (!roleName.test(name)) {
    return { mistakes: [": a role's name is a-z, 0-9 and -, and starts with a letter"] };
  }
  let role: unknown;
  try {
    role = JSON.parse(text);
  } catch (error) {
    return { mistakes: [`: is not JSON: ${(error as Error).message}`] };
  }
  if (!validate(role)) return { mistakes: (validate.errors ?? []).map(schemaMistake) };
  const mistakes = role.permissions.flatMap((pattern, index) => {
    const mistake = patternMistake(pattern);
    return mistake === undefined ? [] : [`: /permissions/${index} "${pattern}" ${mistake}`];
  });
  return { role, mistakes };
}

function schemaMistake({ instancePath, message, params }: ErrorObject): string {
  const extra = params["additionalProperty"];
  if (typeof extra === "string") {
    return `: ${instancePath}/${extra} is not a member of a role; members are description and permissions`;
  }
  return `: ${instancePath === "" ? "the file" : instancePath} ${message ?? "is not valid"}`;
}
