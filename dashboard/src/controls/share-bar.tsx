/** A share 0..1 as a bar beside its number. The width is set by script: the CSP forbids inline styles. */
export function ShareBar({ share }: { share: number }) {
  const width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return (
    <span aria-hidden="true" className="block h-1 w-full rounded-full bg-sunken">
      <span className="block h-1 rounded-full bg-accent" style={{ width }} />
    </span>
  );
}
