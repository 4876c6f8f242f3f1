/**
 * Stock `git receive-pack` asked about many pushes for one start of it: `stock-git.c` doubles the process before its main
 * begins. The pack has no version that there is and all refs are hidden, so nothing is written and no other program runs.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StockAnswer } from './difference.ts'

export interface StockGit {
  readonly one: string
  readonly two: string
  answers(inputs: readonly Uint8Array[], format: 'sha1' | 'sha256'): Promise<StockAnswer[]>
  /** What its repositories hold: the same before and after. */
  refs(): string
}

/** `dir` has to be there, and is the caller's to remove. In memory it is twice as fast. */
export function openStockGit(dir: string): StockGit {
  const env = { PATH: process.env['PATH'] ?? '', HOME: dir, LC_ALL: 'C', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' }
  const ran = (...argv: string[]): string => {
    const { success, stdout, stderr } = Bun.spawnSync(argv, { env, cwd: dir })
    if (!success) throw new Error(`${argv.join(' ')}: ${stderr.toString()}`)
    return stdout.toString().trim()
  }
  const library = join(dir, 'stock-git.so')
  ran('cc', '-O2', '-shared', '-fPIC', '-o', library, join(import.meta.dir, 'stock-git.c'), '-ldl')
  const repository = (format: string): string => join(dir, `${format}.git`)
  const ids: Record<string, string[]> = {}
  for (const format of ['sha1', 'sha256']) {
    const git = (...args: string[]): string => ran('git', '--git-dir', repository(format), '-c', 'user.name=A', '-c', 'user.email=a@b', ...args)
    ran('git', 'init', '-q', '--bare', `--object-format=${format}`, repository(format))
    const tree = git('mktree', '--missing')
    const one = git('commit-tree', tree, '-m', 'one')
    ids[format] = [one, git('commit-tree', tree, '-p', one, '-m', 'two')]
    git('update-ref', 'refs/heads/main', one)
    for (const [key, value] of [['transfer.hideRefs', 'refs/'], ['receive.autogc', 'false'], ['receive.advertisePushOptions', 'false']] as const) git('config', key, value)
    rmSync(join(repository(format), 'hooks'), { recursive: true })
    mkdirSync(join(repository(format), 'hooks'))
  }
  const [one = '', two = ''] = ids['sha1'] ?? []
  return {
    one, two,
    refs: () => ['sha1', 'sha256'].map((format) => ran('git', '--git-dir', repository(format), 'for-each-ref')).join('\n'),
    async answers(inputs, format) {
      if (inputs.length === 0) return []
      const [asked, told] = [join(dir, 'inputs'), join(dir, 'answers')]
      writeFileSync(asked, Buffer.concat(inputs.flatMap((bytes) => [lengthOf(bytes), bytes])))
      const child = Bun.spawn(['git', 'receive-pack', '--stateless-rpc', repository(format)], { env: { ...env, LD_PRELOAD: library, BERTH_FUZZ_INPUTS: asked, BERTH_FUZZ_ANSWERS: told }, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' })
      const code = await child.exited
      if (code !== 0) throw new Error(`git could not be doubled (${code})`)
      const found = [...answersIn(readFileSync(told))]
      if (found.length !== inputs.length) throw new Error(`${found.length} answers to ${inputs.length} pushes`)
      return found
    },
  }
}

function lengthOf(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return length
}
/** A signal is an exit code of its own, as a shell tells it. */
function* answersIn(bytes: Buffer): Generator<StockAnswer> {
  for (let at = 0; at < bytes.length;) {
    const [status, printed, said] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8)]
    const [out, end] = [at + 12 + printed, at + 12 + printed + said]
    yield { exitCode: (status & 0x7f) === 0 ? status >> 8 : 128 + (status & 0x7f), out: bytes.subarray(at + 12, out), err: bytes.toString('latin1', out, end), seen: [] }
    at = end
  }
}
