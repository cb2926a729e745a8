import { fileURLToPath } from "node:url";

/** The folder of this copy of Weir. */
export const checkoutFolder = fileURLToPath(new URL("../../..", import.meta.url)).replace(
  /\/$/,
  "",
);

/** The role files of this installation. */
export const policiesFolder = fileURLToPath(new URL("../../../policies", import.meta.url));

/** Tells child processes the data folder of the embedded PostgreSQL; not set when PostgreSQL is external. */
export const embeddedDataVariable = "WEIR_INTERNAL_POSTGRES_DATA";

/** The folder of the dashboard's static export, which exists once it is built. */
export const dashboardFolder =
  process.env["WEIR_DASHBOARD_DIR"] ??
  fileURLToPath(new URL("../../../dashboard/out", import.meta.url));
