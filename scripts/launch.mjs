#!/usr/bin/env node
/**
 * The one door to every script: `node scripts/launch.mjs <command>`, which is what `npm start`,
 * `npm test` and the others call. It makes the checkout ready (dependencies, Node 24) and then
 * runs the command with that Node. Plain JavaScript without dependencies, because it runs before
 * anything is installed. This file keeps to syntax that old Nodes can still read, so that they
 * get the sentence below instead of a stack.
 */
const oldestNode = 20;

if (Number(process.versions.node.split(".")[0]) < oldestNode) {
  console.error(
    `Weir needs Node ${oldestNode} or newer to set itself up; this is Node ${process.versions.node}.`,
  );
  process.exit(1);
} else {
  void import("./launcher/run-command.mjs").then(({ main }) => main(process.argv.slice(2)));
}
