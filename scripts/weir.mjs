#!/usr/bin/env node
// `npx weir <command>` in a checkout: prepares the checkout, then runs the command.
process.argv.splice(2, 0, "weir");
void import("./launch.mjs");
