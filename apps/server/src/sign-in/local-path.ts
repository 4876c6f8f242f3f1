/** Only a path of this server: `//host` and `/\host` leave it. As a header says it, since what is no byte would become another one there. */
export function localPath(next: string | null): string {
  return next !== null && /^\/(?![/\\])[^\s\\]*$/.test(next) ? next.toWellFormed().replaceAll(/[^\x21-\x7e]/gu, encodeURIComponent) : '/'
}
