"use client";
/** Navigation of the screens, independent of the framework: `app/` provides the implementation. */
import {
  type ComponentType,
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useMemo,
} from "react";

export interface LinkProps {
  readonly href: string;
  readonly className?: string;
  readonly children: ReactNode;
  readonly "aria-current"?: "page" | undefined;
  readonly title?: string;
}

export interface Navigation {
  /** The path of the current page, with a slash at its end. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly Link: ComponentType<LinkProps>;
  /** Goes to another page. */
  go(address: string, how?: "push" | "replace"): void;
  /** Changes the query of the same page; `push` adds a step for the Back button. */
  setQuery(query: URLSearchParams, how?: "push" | "replace"): void;
}

const NavigationContext = createContext<Navigation | undefined>(undefined);
export const NavigationProvider = NavigationContext.Provider;

export function useNavigation(): Navigation {
  const navigation = useContext(NavigationContext);
  if (navigation === undefined) throw new Error("useNavigation outside of NavigationProvider");
  return navigation;
}

interface Codec<State> {
  read(query: URLSearchParams): State;
  write(state: State): URLSearchParams;
}

/** A screen's state, kept in the query of its address. @param codec the same object at each call */
export function useAddressState<State extends object>(codec: Codec<State>) {
  const navigation = useNavigation();
  const text = navigation.query.toString();
  const state = useMemo(() => codec.read(new URLSearchParams(text)), [codec, text]);
  const change = useCallback(
    (next: Partial<State>, how?: "push" | "replace") =>
      navigation.setQuery(codec.write({ ...state, ...next }), how),
    [codec, navigation, state],
  );
  return { state, change };
}
