import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkOutTree, objectAt, outlineOf, type TreeAt } from './trees.ts'

const root = mkdtempSync(join(tmpdir(), 'berth-trees-'))
const work = join(root, 'work')
const { signal } = new AbortController()
let tree: TreeAt
const git = (...args: string[]): string => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(['git', ...args], { cwd: work, env: { PATH: process.env['PATH'] ?? '', HOME: root, GIT_AUTHOR_NAME: 't', GIT_AUTHOR_EMAIL: 't@t', GIT_COMMITTER_NAME: 't', GIT_COMMITTER_EMAIL: 't@t' } })
  if (exitCode !== 0) throw new Error(stderr.toString())
  return stdout.toString().trim()
}

beforeAll(() => {
  for (const dir of ['.devcontainer/a', 'src/deep']) mkdirSync(join(work, dir), { recursive: true })
  writeFileSync(join(root, 'secret'), 'of the host')
  for (const path of ['.devcontainer/devcontainer.json', '.devcontainer/a/devcontainer.json', 'src/main.ts', 'src/deep/x', 'README.md', ':(glob)odd']) writeFileSync(join(work, path), path)
  // A filter that the repository asks for must not run, wherever its command would come from.
  writeFileSync(join(work, '.gitattributes'), '* filter=evil\n')
  const links = { 'out-absolute': join(root, 'secret'), 'out-relative': '../secret', nowhere: 'missing', 'src/inside': '../README.md', 'src/up': '..', 'through': 'src/up/../secret', dir: 'src' }
  for (const [path, target] of Object.entries(links)) symlinkSync(target, join(work, path))
  git('init', '-q')
  git('add', '-A')
  git('commit', '-qm', 'x')
  tree = { gitDir: join(work, '.git'), commit: git('rev-parse', 'HEAD') }
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe('a tree of a repository', () => {
  it('tells its root and what lies in one directory', async () => {
    const outline = await outlineOf(tree, '.devcontainer', signal)
    expect(outline).toContain('README.md')
    expect(outline).toContain('.devcontainer/a/devcontainer.json')
    expect(outline).not.toContain('src/main.ts')
  })

  it('names its contents, and what is not there', async () => {
    expect(await objectAt(tree, '', signal)).toBe(git('rev-parse', 'HEAD^{tree}'))
    expect(await objectAt(tree, 'src', signal)).toBe(git('rev-parse', 'HEAD:src'))
    expect(await objectAt(tree, 'missing', signal)).toBeNull()
  })

  it('is copied out in part, by the names of paths and no patterns', async () => {
    const dir = join(root, 'part')
    await checkOutTree(tree, { dir, paths: ['.devcontainer', ':(glob)odd'], onLink: () => {} }, signal)
    expect(readdirSync(dir).sort()).toEqual(['.devcontainer', ':(glob)odd'])
    expect(readFileSync(join(dir, '.devcontainer/a/devcontainer.json'), 'utf8')).toBe('.devcontainer/a/devcontainer.json')
  })

  it('has no link that ends outside, directly or through another one', async () => {
    const dir = join(root, 'whole')
    const left: string[] = []
    await checkOutTree(tree, { dir, paths: [''], onLink: (path) => left.push(path) }, signal)
    expect(left.sort()).toEqual(['nowhere', 'out-absolute', 'out-relative', 'through'])
    for (const path of left) expect(existsSync(join(dir, path))).toBe(false)
    expect(readFileSync(join(dir, 'src/inside'), 'utf8')).toBe('README.md')
    expect(readFileSync(join(dir, 'dir/main.ts'), 'utf8')).toBe('src/main.ts')
    expect(existsSync(`${dir}.index`)).toBe(false)
  })
})
