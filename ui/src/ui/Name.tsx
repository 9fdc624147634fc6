/** A name or title as it was given. File names read from left to right whatever their letters, so that the ending stays at the end. */

const fileName = /\.[A-Za-z0-9]{1,5}$/;

export function Name({ children, className }: { children: string; className?: string | undefined }) {
  return <bdi className={className} dir={fileName.test(children) ? "ltr" : undefined}>{children}</bdi>;
}
