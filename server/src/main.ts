#!/usr/bin/env node
import { endWithParent } from "./process/signals.ts";
import { startHeartbeat } from "./process/supervisor-channel.ts";

// Before the commands are loaded: a start can be cut short or freeze too.
endWithParent();
startHeartbeat();
const { runCommandLine } = await import("./commands/program.ts");
// An interrupted command may leave connections and look-ups open, which nothing can cancel.
process.exit(await runCommandLine(process.argv.slice(2)));
