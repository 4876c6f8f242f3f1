import { chmod, mkdir } from 'node:fs/promises'

/** Makes the directory and its missing parents enterable by every user of this host, whatever our umask is. */
export async function makeReadableDir(path: string): Promise<void> {
  const firstMade = await mkdir(path, { recursive: true, mode: 0o755 })
  if (firstMade === undefined) return
  let made = path
  for (;;) {
    await chmod(made, 0o755)
    if (made === firstMade || made.length <= firstMade.length) return
    made = made.slice(0, made.lastIndexOf('/'))
  }
}
