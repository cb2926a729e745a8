#!/usr/bin/env node
// `npx weir <command>` in a checkout: the command line, with the launcher's set-up before it.
process.argv.splice(2, 0, "weir");
void import("./launch.mjs");
