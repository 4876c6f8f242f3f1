/**
 * What git runs in the place of `ssh-keygen`: a commit is sent to be signed, and the signature put beside it. All else
 * that git asks of ssh-keygen, such as to verify, goes to the real one.
 */
import { readFile, writeFile } from 'node:fs/promises'

const WITHIN_MS = 30_000
const LIMIT_BYTES = 64 * 1024

export async function signMain(argv: readonly string[]): Promise<number> {
  const file = fileToSign(argv)
  if (file === null) return passOn(argv)
  const url = process.env['BERTH_SIGN_URL'] ?? ''
  try {
    const answer = await fetch(url, { method: 'POST', body: await readFile(file), redirect: 'error', signal: AbortSignal.timeout(WITHIN_MS) })
    const said = (await answer.text()).slice(0, LIMIT_BYTES)
    if (answer.ok && said.startsWith('-----BEGIN SSH SIGNATURE-----')) {
      await writeFile(`${file}.sig`, said, { mode: 0o600 })
      return 0
    }
    process.stderr.write(`${said.trim() || `berth: the commit was not signed (${answer.status})`}\n`)
  } catch (cause) {
    process.stderr.write(`berth: the commit was not signed: ${cause instanceof Error ? cause.message : String(cause)}\n`)
  }
  return 1
}

/** `-Y sign -n git -f key [-U] file`, as git says it. */
function fileToSign(argv: readonly string[]): string | null {
  const namespace = argv[argv.indexOf('-n') + 1]
  return argv[0] === '-Y' && argv[1] === 'sign' && namespace === 'git' ? (argv.at(-1) ?? null) : null
}

async function passOn(argv: readonly string[]): Promise<number> {
  const program = Bun.which('ssh-keygen')
  if (program === null) {
    process.stderr.write('ssh-keygen is not in this machine\n')
    return 127
  }
  return Bun.spawn([program, ...argv], { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' }).exited
}
