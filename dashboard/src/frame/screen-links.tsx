"use client";
import { Icon, Mark } from "../controls/icons.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { useNavigation } from "./navigation.tsx";
import { PreferencePanel } from "./preference-panel.tsx";
import { type Screen, type ScreenGroup, screenGroups, screens } from "./screens.ts";

/** The navigation of wide windows, with the preferences below it. */
export function Sidebar({ onHelp }: { onHelp: () => void }) {
  const { t } = useLanguage();
  const { Link } = useNavigation();
  return (
    <aside
      aria-label="Weir"
      className="sticky top-0 hidden h-dvh flex-col overflow-y-auto border-r border-line bg-surface px-3 py-4 lg:flex"
    >
      <Link
        href="/"
        className="flex items-center gap-2 px-2 text-[1.2rem] font-semibold tracking-tight"
      >
        <Mark />
        Weir
      </Link>
      <nav aria-label={t("frame.navigation")}>
        {screenGroups.map((group) => (
          <LinkGroup key={group} group={group} />
        ))}
      </nav>
      <div className="mt-auto px-1 pt-8">
        <PreferencePanel onHelp={onHelp} />
      </div>
    </aside>
  );
}

/** The navigation of narrow windows. */
export function BottomBar() {
  const { t } = useLanguage();
  return (
    <nav
      aria-label={t("frame.navigation")}
      className="fixed inset-x-0 bottom-0 z-20 flex border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] lg:hidden"
    >
      {screens.map((screen) => (
        <ScreenLink
          key={screen.href}
          screen={screen}
          className="m-1 flex-1 flex-col gap-0.5! py-1 text-[.767rem]!"
        />
      ))}
    </nav>
  );
}

function LinkGroup({ group }: { group: ScreenGroup }) {
  const { t } = useLanguage();
  const name = t(`frame.group.${group}`);
  return (
    <section aria-label={name} className="mt-5">
      <p className="px-3 pb-1 text-[.767rem] text-faint">{name}</p>
      {screens
        .filter((screen) => screen.group === group)
        .map((screen) => (
          <ScreenLink key={screen.href} screen={screen} className="px-3 py-1.5" />
        ))}
    </section>
  );
}

function ScreenLink({ screen, className }: { screen: Screen; className: string }) {
  const { t } = useLanguage();
  const { path, Link } = useNavigation();
  const isCurrent = screen.href === path;
  const look = isCurrent
    ? "bg-accent-soft font-semibold text-ink"
    : "text-muted hover:bg-sunken hover:text-ink";
  return (
    <Link
      href={screen.href}
      aria-current={isCurrent ? "page" : undefined}
      className={`flex items-center gap-2.5 rounded-md text-[.933rem] ${look} ${className}`}
    >
      <Icon name={screen.icon} />
      {t(screen.name)}
    </Link>
  );
}
