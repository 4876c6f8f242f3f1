/** Opens a link in the person's browser, where there is one. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context } from './context.ts'

/** The browser has read the page long before. */
const PAGE_KEPT_MS = 15_000

/**
 * False when there is no browser to open. The link signs a browser in, so it must not stand in an argv that every
 * process of this machine can read: the browser is given a page, readable by its owner only, that leads to the link.
 */
export async function openInBrowser(context: Pick<Context, 'home' | 'env'>, url: string): Promise<boolean> {
  const opener = browserCommand(context.env)
  if (!opener) return false
  const directory = join(context.home, 'tmp')
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const page = join(directory, `open-${process.pid}.html`)
  await writeFile(page, `<!doctype html><meta charset="utf-8"><title>Berth</title><meta http-equiv="refresh" content="0;url=${url.replace(/[&"<>]/g, (c) => `&#${c.charCodeAt(0)};`)}">`, { mode: 0o600 })
  const child = Bun.spawn([...opener, page], { stdio: ['ignore', 'ignore', 'ignore'] })
  const opened = (await Promise.race([child.exited, Bun.sleep(3000).then(() => 0)])) === 0
  child.unref()
  // Removed by a process of its own, so that the command does not wait for it.
  if (opened) Bun.spawn(['sh', '-c', 'sleep "$1"; rm -f -- "$2"', 'sh', String(PAGE_KEPT_MS / 1000), page], { stdio: ['ignore', 'ignore', 'ignore'], env: { PATH: context.env['PATH'] ?? '' } }).unref()
  else await rm(page, { force: true })
  return opened
}

function browserCommand(env: Readonly<Record<string, string | undefined>>): string[] | null {
  if (env['SSH_CONNECTION']) return null
  if (process.platform === 'darwin') return ['open']
  if (!env['DISPLAY'] && !env['WAYLAND_DISPLAY']) return null
  const path = Bun.which('xdg-open')
  return path ? [path] : null
}
