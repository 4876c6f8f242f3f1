/** Debian's own sshd, for a host that has apt and no sshd: fetched by apt, which checks it, unpacked and not installed. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const WITHIN_MS = 120_000
/** Libraries of a full installation that a small one may lack; each is asked for once. */
const PACKAGES = ['openssh-server', 'libwrap0', 'libnsl2', 'libtirpc3', 'libaudit1', 'libgssapi-krb5-2', 'libkrb5-3', 'libk5crypto3', 'libkrb5support0', 'libcom-err2', 'libkeyutils1'] as const

/** `use` gets the root below which it was unpacked, and has until it returns. */
export async function fetchSshd(log: (line: string) => void, use: (root: string) => Promise<boolean>, signal: AbortSignal): Promise<boolean> {
  if (Bun.which('apt-get') === null || Bun.which('dpkg-deb') === null) {
    log('no sshd for images without one: this host has none; install openssh-server to have `berth ssh` there')
    return false
  }
  const scratch = await mkdtemp(join(tmpdir(), 'berth-sshd-'))
  try {
    log('fetching openssh-server for images without an sshd')
    const limit = AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)])
    for (const name of PACKAGES) {
      const ended = await run(['apt-get', 'download', '-q', name], scratch, limit)
      if (name === 'openssh-server' && ended !== '') throw new Error(`apt-get download ${name}: ${ended}`)
    }
    for (const file of await readdir(scratch)) if (file.endsWith('.deb')) await run(['dpkg-deb', '-x', file, 'root'], scratch, limit)
    return await use(join(scratch, 'root'))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** What it complained about; empty when it went well. */
async function run(argv: readonly string[], cwd: string, signal: AbortSignal): Promise<string> {
  const child = Bun.spawn([...argv], { cwd, signal, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', env: { ...process.env, LC_ALL: 'C' } })
  const said = (await new Response(child.stderr).text()).trim()
  return (await child.exited) === 0 ? '' : said.slice(0, 300) || 'it failed'
}
