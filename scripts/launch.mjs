#!/usr/bin/env node
/**
 * The entry point of every script: `npm start`, `npm test` and the others call `node
 * scripts/launch.mjs <command>`. It prepares the checkout (dependencies, Node 24) and runs the command
 * with that Node. It is plain JavaScript without dependencies, because it runs before anything is
 * installed, and its syntax works in old versions of Node, so that they print the message below.
 */
const oldestNode = 20;

if (Number(process.versions.node.split(".")[0]) < oldestNode) {
  console.error(
    `Weir needs Node ${oldestNode} or newer to install itself; this is Node ${process.versions.node}.`,
  );
  process.exit(1);
} else {
  void import("./launcher/run-command.mjs").then(({ main }) => main(process.argv.slice(2)));
}
