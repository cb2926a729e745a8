"use client";

/** When even the layout fails: no language, no style sheet of ours, and no inline style (CSP). */
export default function GlobalError({ reset }: { reset: () => void }) {
  return (
    <html lang="en">
      <body>
        <main>
          <h1>This page has failed</h1>
          <p>Nothing was lost: pages only show data.</p>
          <button type="button" onClick={reset}>
            Load it again
          </button>
        </main>
      </body>
    </html>
  );
}
