import { packagedInstall } from "./packages.ts";

export const redisInstall = packagedInstall({
  name: "redis",
  packages: ["redis-server"],
  program: "redis-server",
  versionArgument: "--version",
  elsewhere: "install Redis 7 so that redis-server is on the PATH.",
});
