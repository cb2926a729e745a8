"use client";
/** How screens move, without knowing the framework: `app/` hands in its own way. */
import { type ComponentType, createContext, type ReactNode, useContext } from "react";

export interface LinkProps {
  readonly href: string;
  readonly className?: string;
  readonly children: ReactNode;
  readonly "aria-current"?: "page" | undefined;
  readonly title?: string;
}

export interface Navigation {
  /** Of the page shown, with a slash at its end. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly Link: ComponentType<LinkProps>;
  /** To another page. */
  go(address: string, how?: "push" | "replace"): void;
  /** Another query of the same page; `push` makes a step for the Back button. */
  setQuery(query: URLSearchParams, how?: "push" | "replace"): void;
}

const NavigationContext = createContext<Navigation | undefined>(undefined);
export const NavigationProvider = NavigationContext.Provider;

export function useNavigation(): Navigation {
  const navigation = useContext(NavigationContext);
  if (navigation === undefined) throw new Error("useNavigation outside of NavigationProvider");
  return navigation;
}
