import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

const name = `weir-test-postgres-${userInfo().uid}`;

export const keeperFolder = join(tmpdir(), name);

/** On Linux a name without a file: it disappears with the process that listens on it. */
export const keeperSocket =
  process.platform === "linux" ? `\0${keeperFolder}` : join(tmpdir(), `${name}.sock`);
