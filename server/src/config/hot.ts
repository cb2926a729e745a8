/** Marks a setting that takes effect at run time, when `weir.yaml` is saved. */
export const hot = { "x-hot": true } as const;
