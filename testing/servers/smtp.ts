import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CleanUp } from "../database.ts";
import { exchange } from "./exchange.ts";
import { aiosmtpdInstall } from "./install/aiosmtpd.ts";
import { extend, type Server, type ServerKind, startServer } from "./server.ts";

export interface ReceivedMail {
  /** Without its angle brackets. */
  readonly messageId: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface SmtpServer extends Server {
  /** `smtp://` */
  readonly url: string;
  /** Everything that it has accepted, oldest first. */
  received(): Promise<readonly ReceivedMail[]>;
}

/** What it does with a recipient whose address begins with `reject-`, `later-`, `silent-` or `drop-`: see its script. */
export async function startSmtpServer(t: CleanUp): Promise<SmtpServer> {
  const server = await startServer(t, smtpKind, {});
  return extend(server, {
    url: `smtp://127.0.0.1:${server.ports["smtp"]}`,
    async received() {
      const lines = await readFile(fileOf(server.dataFolder), "utf8").catch(() => "");
      // the last line may still be written
      const whole = lines.slice(0, lines.lastIndexOf("\n") + 1);
      return whole
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as ReceivedMail);
    },
  });
}

const fileOf = (dataFolder: string): string => join(dataFolder, "received.jsonl");

export const smtpKind: ServerKind<object> = {
  install: aiosmtpdInstall,
  ports: ["smtp"],
  async prepare({ installed, folder, dataFolder, ports }) {
    // where its user can read it
    const script = join(folder, "smtp-server.py");
    await copyFile(fileURLToPath(new URL("./smtp-server.py", import.meta.url)), script);
    return {
      command: installed.path,
      args: [script, String(ports["smtp"]), fileOf(dataFolder)],
    };
  },
  /** Its greeting. */
  async isHealthy({ ports }) {
    const answer = await exchange({
      port: ports["smtp"] ?? 0,
      request: "QUIT\r\n",
      isWhole: (received) => received.includes("\r\n"),
    });
    return answer.toString("latin1").startsWith("220 ");
  },
};
