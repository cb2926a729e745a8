import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { createFile } from "../adapters/files/create-file.ts";
import { secretFiles } from "../process/compose-secrets.ts";
import { contextOf, table, UserError } from "./context.ts";
import { withHelp } from "./help.ts";

/** The user of the image, for the files of root: no container runs as root. */
const imageUser = 10_001;

interface InitFlags {
  readonly dir: string;
}

export function registerSecrets(program: Command): void {
  const secrets = withHelp(
    program.command("secrets").description("create the secrets of compose.yaml"),
    { examples: ["weir secrets init"] },
  );
  withHelp(
    secrets
      .command("init")
      .description("create the secret files that compose.yaml needs and that are missing")
      .option("--dir <folder>", "folder of the files; .env is written beside it", "secrets"),
    {
      examples: ["weir secrets init", "weir secrets init --dir /etc/weir/secrets"],
      notes:
        "A file that exists is never changed. Files have mode 0600; the containers run as their owner, who is\n" +
        "recorded in .env (as root: user 10001 of the image).",
    },
  ).action((flags: InitFlags, command: Command) => {
    const { show } = contextOf(command);
    show(initSecrets(resolve(flags.dir)), ({ folder, files, environment }) =>
      [
        table(
          ["file", "", "holds"],
          files.map(({ name, state, holds }) => [name, state, holds]),
        ),
        "",
        `Folder: ${folder}`,
        environment.added.length === 0
          ? `${environment.file} is unchanged.`
          : `Added to ${environment.file}: ${environment.added.join(", ")}`,
      ].join("\n"),
    );
  });
}

interface Initialised {
  readonly folder: string;
  readonly files: readonly {
    readonly name: string;
    readonly state: "created" | "kept";
    readonly holds: string;
  }[];
  readonly environment: { readonly file: string; readonly added: readonly string[] };
}

function initSecrets(folder: string): Initialised {
  const owner = ownerOfFiles();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (owner.isOther) chownSync(folder, owner.uid, owner.gid);
  const read = (name: string) => {
    const content = readFileSync(join(folder, name), "utf8").trim();
    if (content === "") throw new UserError(`${join(folder, name)} is empty`);
    return content;
  };
  const files = secretFiles.map(({ name, holds, create }) => {
    const path = join(folder, name);
    const isNew = !existsSync(path) && createFile(path, `${create(randomBytes, read)}\n`, 0o600);
    if (isNew && owner.isOther) chownSync(path, owner.uid, owner.gid);
    // an empty file would become an empty password
    read(name);
    return { name, state: isNew ? ("created" as const) : ("kept" as const), holds };
  });
  const variables = { WEIR_UID: owner.uid, WEIR_GID: owner.gid, WEIR_SECRETS: folder };
  return { folder, files, environment: addVariables(join(dirname(folder), ".env"), variables) };
}

/** Who owns the files, and so runs the containers. */
function ownerOfFiles() {
  const [uid, gid] = [process.getuid?.() ?? imageUser, process.getgid?.() ?? imageUser];
  return uid === 0
    ? { uid: imageUser, gid: imageUser, isOther: true }
    : { uid, gid, isOther: false };
}

/** Appends the variables that the file does not set. */
function addVariables(
  file: string,
  variables: Readonly<Record<string, string | number>>,
): Initialised["environment"] {
  const present = existsSync(file) ? readFileSync(file, "utf8") : "";
  const missing = Object.entries(variables).filter(
    ([name]) => !new RegExp(`^\\s*${name}=`, "m").test(present),
  );
  if (missing.length === 0) return { file, added: [] };
  const lines = missing.map(([name, value]) => `${name}=${value}\n`).join("");
  if (present === "") writeFileSync(file, lines, { mode: 0o644 });
  else appendFileSync(file, present.endsWith("\n") ? lines : `\n${lines}`);
  return { file, added: missing.map(([name]) => name) };
}
