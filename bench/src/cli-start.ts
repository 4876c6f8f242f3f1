/** `berth --version` from nothing to its end, against a bun that prints the same few bytes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BerthError } from '@berth/wire/error'
import { sideBySide, spread, timed } from './measure.ts'
import type { Bench } from './measure.ts'
import { BERTH } from './product.ts'

const STARTS = 20

export const cliStart: Bench = {
  name: 'cli-start',
  summary: '`berth --version` against a bare bun',
  async *run({ signal }) {
    const dir = mkdtempSync(join(tmpdir(), 'berth-bench-'))
    try {
      const hello = join(dir, 'hello.ts')
      writeFileSync(hello, "console.log('0.1.0')\n")
      const { value, floor, values } = await sideBySide(signal, () => timed(() => run([...BERTH, '--version'])), () => timed(() => run([process.execPath, hello])), STARTS)
      yield { name: 'cli-start', value, unit: 'ms', floor, detail: `berth --version; floor: bun printing a line; ${spread(values, 'ms')}` }
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  },
}

async function run(argv: readonly string[]): Promise<void> {
  const child = Bun.spawn([...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
  const [text, code] = await Promise.all([new Response(child.stdout).text(), child.exited])
  if (code !== 0 || text.trim() === '') throw new BerthError('internal', `${argv.at(-1)} ended with ${code}`)
}
