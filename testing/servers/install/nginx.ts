import { packagedInstall } from "./packages.ts";

export const nginxInstall = packagedInstall({
  name: "nginx",
  packages: ["nginx-light"],
  program: "nginx",
  versionArgument: "-v",
  elsewhere: "install nginx 1.22 or newer so that nginx is on the PATH.",
});
