/** The repository once more, with one rule taken out of it: does the test that stands for the rule fail then? */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { root } from '../product.ts'
import type { Policy } from './policies.ts'

/** `no such rule`: what is to be taken out is not there (once). `no such test`: nothing of that name passes as it stands. */
export type Outcome = 'red' | 'green' | 'no such rule' | 'no such test'
export interface Scratch {
  tried(policy: Policy): Promise<{ outcome: Outcome; seconds: number }>
  close(): void
}

const TEST_MS = 240_000

/** What stands in the working tree, committed or not. */
export async function openScratch(): Promise<Scratch> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-policy-off-'))
  const listed = Bun.spawnSync(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, maxBuffer: 64 * 1024 * 1024 })
  if (!listed.success) throw new Error(`the repository cannot be listed: ${listed.stderr.toString()}`)
  for (const file of listed.stdout.toString().split('\0').filter(Boolean)) {
    mkdirSync(dirname(join(dir, file)), { recursive: true })
    cpSync(join(root, file), join(dir, file), { errorOnExist: false, verbatimSymlinks: true })
  }
  const installed = Bun.spawn([process.execPath, 'install', '--frozen-lockfile'], { cwd: dir, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const said = await new Response(installed.stderr).text()
  if ((await installed.exited) !== 0) throw new Error(`what it needs could not be installed: ${said}`)
  /** As it stands each has to pass: else its failure is no sign. */
  const passing = new Map<string, How | null>()
  const passes = async (test: Policy['test']): Promise<How | null> => {
    const key = JSON.stringify(test)
    const known = passing.get(key) ?? (await outcomeOf(dir, test, 'alone') === 'green' ? 'alone' : await outcomeOf(dir, test, 'with the others') === 'green' ? 'with the others' : null)
    passing.set(key, known)
    return known
  }
  return {
    async tried({ test, off }) {
      const started = performance.now()
      const done = (outcome: Outcome) => ({ outcome, seconds: Math.round((performance.now() - started) / 1000) })
      const file = join(dir, off.file)
      const whole = readFileSync(file, 'utf8')
      if (whole.split(off.from).length !== 2) return done('no such rule')
      const how = await passes(test)
      if (how === null) return done('no such test')
      try {
        writeFileSync(file, whole.replace(off.from, () => off.to))
        return done(await outcomeOf(dir, test, how))
      } finally {
        writeFileSync(file, whole)
      }
    },
    close: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** Some go on from where those before them in their file ended. */
type How = 'alone' | 'with the others'

/** Red is the test itself: a file that cannot be read any more, or a world that does not open, shows nothing. */
async function outcomeOf(dir: string, { file, name }: Policy['test'], how: How): Promise<Exclude<Outcome, 'no such rule'>> {
  const wanted = name.replaceAll(' > ', ' ')
  const child = Bun.spawn([process.execPath, 'test', '--timeout', String(TEST_MS), `./${file}`, ...(how === 'alone' ? ['-t', wanted.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')] : [])], { cwd: dir, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', env: { ...process.env, FORCE_COLOR: '0' } })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  const lines = (out + err).split('\n').filter((line) => line.replaceAll(' > ', ' ').includes(wanted))
  if (lines.some((line) => line.startsWith('(fail) '))) return 'red'
  return lines.some((line) => line.startsWith('(pass) ')) ? 'green' : 'no such test'
}
