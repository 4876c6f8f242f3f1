/** A project of a few files, committed, below a directory of the test's. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export function makeProject(dir: string, files: Readonly<Record<string, string>>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), content)
  }
  for (const args of [['init', '-q'], ['add', '-A'], ['-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-qm', 'first']]) {
    const { exitCode, stderr } = Bun.spawnSync(['git', ...args], { cwd: dir })
    if (exitCode !== 0) throw new Error(stderr.toString())
  }
  return dir
}
