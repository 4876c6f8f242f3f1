/** Servers that this CLI was let in to: one file each, readable by nobody else, and the name of the one in use. */
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The server of this home: always there, and nobody's file. */
export const LOCAL_CONTEXT = 'local'
export const CONTEXT_NAME = /^[\w.-]{1,64}$/
const dirOf = (home: string): string => join(home, 'contexts')
const currentOf = (home: string): string => join(dirOf(home), 'current')
export const contextFile = (home: string, name: string): string => join(dirOf(home), `${name}.yaml`)

/** Null: none was chosen by `berth context`. */
export async function currentContext(home: string): Promise<string | null> {
  const text = await readFile(currentOf(home), 'utf8').catch(() => '')
  return CONTEXT_NAME.test(text.trim()) ? text.trim() : null
}

export async function useContext(home: string, name: string): Promise<void> {
  await writeWhole(home, currentOf(home), `${name}\n`)
}

export async function listContexts(home: string): Promise<string[]> {
  const names = await readdir(dirOf(home)).catch(() => [])
  return [LOCAL_CONTEXT, ...names.filter((name) => name.endsWith('.yaml')).map((name) => name.slice(0, -'.yaml'.length)).toSorted()]
}

export async function saveContext(home: string, name: string, { url, token }: { url: string; token: string }): Promise<void> {
  await writeWhole(home, contextFile(home, name), `url: ${JSON.stringify(url)}\ntoken: ${JSON.stringify(token)}\n`)
}

export async function removeContext(home: string, name: string): Promise<void> {
  await rm(contextFile(home, name), { force: true })
  if ((await currentContext(home)) === name) await rm(currentOf(home), { force: true })
}

async function writeWhole(home: string, path: string, text: string): Promise<void> {
  await mkdir(dirOf(home), { recursive: true, mode: 0o700 })
  const fresh = `${path}.${process.pid}.new`
  await writeFile(fresh, text, { mode: 0o600 })
  await chmod(fresh, 0o600)
  await rename(fresh, path)
}
