/** Where a system has its programs. A project's own PATH goes first, and never takes git, a shell or tmux from the machine. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The same, with the system's directories that are missing last. */
export function withSystemPath(path: string | undefined): string {
  if (path === undefined || path === '') return SYSTEM_PATH
  const known = path.split(':')
  return [...known, ...SYSTEM_PATH.split(':').filter((dir) => !known.includes(dir))].join(':')
}
