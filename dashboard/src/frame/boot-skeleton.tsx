/** The first paint, before the session and the language are known. It has no words. */
export function BootSkeleton() {
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[13.5rem_minmax(0,1fr)]" aria-busy="true">
      <div className="hidden border-r border-line bg-surface lg:block" />
      <div>
        <div className="h-13 border-b border-line" />
        <div className="flex flex-col gap-4 px-4 pt-4 md:px-6">
          <span className="skeleton block h-8 w-72 max-w-full" />
          <div className="panel overflow-hidden">
            <div className="staff" />
            <div className="h-28" />
          </div>
          <div className="panel h-96" />
        </div>
      </div>
    </div>
  );
}
