"use client";

/** Shown when the layout itself fails: no translations, no style sheet, no inline style (CSP). */
export default function GlobalError({ reset }: { reset: () => void }) {
  return (
    <html lang="en">
      <body>
        <main>
          <h1>Something went wrong</h1>
          <p>No data was lost: the dashboard only displays data.</p>
          <button type="button" onClick={reset}>
            Try again
          </button>
        </main>
      </body>
    </html>
  );
}
