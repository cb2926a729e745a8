#!/usr/bin/env node
import { runCommandLine } from "./commands/program.ts";

process.exitCode = await runCommandLine(process.argv.slice(2));
// The channel to a supervisor would keep this process alive although all its work is done.
if (process.connected) process.disconnect();
