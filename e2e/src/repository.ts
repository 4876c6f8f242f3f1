/** Repositories that workspaces come from. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** By their paths. */
export type Files = Readonly<Record<string, string | Buffer | { link: string }>>
export interface Repository { readonly dir: string; remove(): void }

export async function git(cwd: string, ...args: string[]): Promise<string> {
  const child = Bun.spawn(['git', ...args], { cwd, stdout: 'pipe', stderr: 'pipe', env: { PATH: process.env['PATH'] ?? '', HOME: cwd, GIT_CONFIG_NOSYSTEM: '1', GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.com', GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.com' } })
  const [stdout, stderr, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** Committed. */
export async function repositoryOf(files: Files): Promise<Repository> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-repo-'))
  const remove = () => rmSync(dir, { recursive: true, force: true })
  try {
    await git(dir, 'init', '-q', '-b', 'main')
    await commitFiles(dir, files, 'first')
    return { dir, remove }
  } catch (error) {
    remove()
    throw error
  }
}

export async function commitFiles(dir: string, files: Files, message: string): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    if (typeof content === 'object' && 'link' in content) symlinkSync(content.link, join(dir, name))
    else writeFileSync(join(dir, name), content)
  }
  await git(dir, 'add', '-A')
  await git(dir, 'commit', '-q', '-m', message)
}

/** In every state a working tree can have. */
export async function dirtyRepository(): Promise<Repository> {
  const { dir, remove } = await repositoryOf({ 'README.md': '# demo\n', 'src/app.ts': 'export const answer = 41\n', 'gone.txt': 'to be deleted\n', '.gitignore': 'ignored.txt\n' })
  writeFileSync(join(dir, 'staged.txt'), 'staged\n')
  await git(dir, 'add', 'staged.txt')
  writeFileSync(join(dir, 'README.md'), '# demo\nunstaged\n')
  writeFileSync(join(dir, 'untracked with space.txt'), 'untracked\n')
  writeFileSync(join(dir, 'ignored.txt'), 'stays home\n')
  rmSync(join(dir, 'gone.txt'))
  return { dir, remove }
}
