import { rename, writeFile } from 'node:fs/promises'

/** Whoever reads meanwhile has the old text or the new one; nobody but the server has either. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const aside = `${path}.${process.pid}.new`
  await writeFile(aside, text, { mode: 0o600 })
  await rename(aside, path)
}
