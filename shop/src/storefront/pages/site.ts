/** What is the same on every page. */
export interface Site {
  /** Addresses of the style sheet, the icon, the script, and the modules that it imports. */
  readonly assets: {
    readonly style: string;
    readonly icon: string;
    readonly script: string;
    readonly modules: readonly string[];
  };
  /** Weir as the browser reaches it; absent: browsers send nothing. */
  readonly weir: { readonly url: string; readonly key: string } | undefined;
  readonly demo: boolean;
}
