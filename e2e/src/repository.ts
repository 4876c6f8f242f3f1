/** A repository in every state a working tree can have. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export async function git(cwd: string, ...args: string[]): Promise<string> {
  const child = Bun.spawn(['git', ...args], { cwd, stdout: 'pipe', stderr: 'pipe', env: { PATH: process.env['PATH'] ?? '', HOME: cwd, GIT_CONFIG_NOSYSTEM: '1', GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.com', GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.com' } })
  const [stdout, stderr, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
  return stdout
}

export async function dirtyRepository(): Promise<{ dir: string; remove(): void }> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-repo-'))
  await git(dir, 'init', '-q', '-b', 'main')
  mkdirSync(join(dir, 'src'))
  writeFileSync(join(dir, 'README.md'), '# demo\n')
  writeFileSync(join(dir, 'src/app.ts'), 'export const answer = 41\n')
  writeFileSync(join(dir, 'gone.txt'), 'to be deleted\n')
  writeFileSync(join(dir, '.gitignore'), 'ignored.txt\n')
  await git(dir, 'add', '-A')
  await git(dir, 'commit', '-q', '-m', 'first')
  writeFileSync(join(dir, 'staged.txt'), 'staged\n')
  await git(dir, 'add', 'staged.txt')
  writeFileSync(join(dir, 'README.md'), '# demo\nunstaged\n')
  writeFileSync(join(dir, 'untracked with space.txt'), 'untracked\n')
  writeFileSync(join(dir, 'ignored.txt'), 'stays home\n')
  rmSync(join(dir, 'gone.txt'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
