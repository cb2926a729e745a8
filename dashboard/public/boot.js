/* Runs before the first paint, so that the preferred theme and language do not appear late. */
(() => {
  const root = document.documentElement;
  const read = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  };
  const theme = read("weir.theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const language = read("weir.language") || (navigator.language || "en").slice(0, 2);
  root.lang = language === "tr" ? "tr" : "en";
})();
