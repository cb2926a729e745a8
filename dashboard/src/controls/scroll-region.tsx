import type { ReactNode } from "react";

interface ScrollRegionProps {
  readonly label: string;
  readonly className: string;
  readonly children: ReactNode;
}

/** A part that scrolls by itself. Keyboards must reach it to scroll it, hence the tab stop. */
export function ScrollRegion({ label, className, children }: ScrollRegionProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a section would be flagged for the tab stop
    // biome-ignore lint/a11y/noNoninteractiveTabindex: WCAG 2.1.1, axe "scrollable-region-focusable"
    <div role="region" aria-label={label} tabIndex={0} className={`relative ${className}`}>
      {children}
    </div>
  );
}
