/** The git behind a repository: a bare one, with the one hook that GitHub has for apps: no workflow without its permission. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** Whether the pusher may write workflows reaches the hook by its environment. */
export const MAY_WRITE_WORKFLOWS = 'SIM_MAY_WRITE_WORKFLOWS'

const HOOK = `#!/bin/sh
[ "$${MAY_WRITE_WORKFLOWS}" = 1 ] && exit 0
empty=$(git hash-object -t tree /dev/null)
while read -r old new ref; do
  case "$new" in *[!0]*) ;; *) continue ;; esac
  case "$old" in *[!0]*) base=$old ;; *) base=$(git merge-base "$new" refs/heads/main 2>/dev/null || echo "$empty") ;; esac
  changed=$(git diff --name-only "$base" "$new" -- .github/workflows | head -n 1)
  [ -z "$changed" ] && continue
  echo "refusing to allow a GitHub App to create or update workflow \\\`$changed\\\` without \\\`workflows\\\` permission" >&2
  exit 1
done
`

export async function makeRepository(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'sim-github-'))
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(work, path)), { recursive: true })
      await writeFile(join(work, path), text)
    }
    await git(work, ['init', '-q'])
    await git(work, ['add', '.'])
    await git(work, ['commit', '-qm', 'first'])
    await mkdir(dirname(dir), { recursive: true })
    await git(work, ['clone', '-q', '--bare', work, dir])
    await writeFile(join(dir, 'hooks/pre-receive'), HOOK)
    await chmod(join(dir, 'hooks/pre-receive'), 0o755)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** The commit that a branch or an abbreviation means; null: none. */
export async function commitOf(dir: string, ref: string): Promise<string | null> {
  for (const name of [`refs/heads/${ref.replace(/^(refs\/)?heads\//, '')}`, /^[0-9a-f]{7,40}$/.test(ref) ? ref : null]) {
    const found = name === null ? '' : (await run(['git', '--git-dir', dir, 'rev-parse', '-q', '--verify', `${name}^{commit}`])).stdout.trim()
    if (found !== '') return found
  }
  return null
}

/** The commit of each. */
export async function branchesOf(dir: string): Promise<Map<string, string>> {
  const { stdout } = await run(['git', '--git-dir', dir, 'for-each-ref', '--format=%(refname:lstrip=2) %(objectname)', 'refs/heads/'])
  return new Map(stdout.split('\n').filter((line) => line !== '').map((line) => line.split(' ') as [string, string]))
}

/** How many commits `head` has that `base` lacks. */
export async function ahead(dir: string, base: string, head: string): Promise<number> {
  return Number((await run(['git', '--git-dir', dir, 'rev-list', '--count', `${base}..${head}`])).stdout)
}

async function git(cwd: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await run(['git', '-c', 'user.name=Octo', '-c', 'user.email=octo@example.org', '-c', 'init.defaultBranch=main', ...args], cwd)
  if (code !== 0) throw new Error(`git ${args[0]}: ${stderr}`)
}

async function run(argv: readonly string[], cwd?: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn([...argv], { ...(cwd === undefined ? {} : { cwd }), env: { PATH: process.env['PATH'] ?? '', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' }, stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { code, stdout, stderr }
}
