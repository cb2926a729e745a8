import type { ReactNode } from "react";

interface ScrollRegionProps {
  readonly label: string;
  readonly className: string;
  readonly children: ReactNode;
}

/** A region with its own scrolling. It has a tab stop, so that the keyboard can scroll it. */
export function ScrollRegion({ label, className, children }: ScrollRegionProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a section would be flagged for the tab stop
    // biome-ignore lint/a11y/noNoninteractiveTabindex: WCAG 2.1.1, axe "scrollable-region-focusable"
    <div role="region" aria-label={label} tabIndex={0} className={`relative ${className}`}>
      {children}
    </div>
  );
}
