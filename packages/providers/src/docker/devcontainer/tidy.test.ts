import { describe, expect, it } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEngine } from '../engine.ts'
import { hasImage } from '../images.ts'
import { tar } from '../tar.ts'
import { decideTidy, projectImages, tidyImages, type ProjectImage } from './tidy.ts'

const DAY_MS = 24 * 60 * 60_000
const now = 100 * DAY_MS
const keep = { unusedMs: 14 * DAY_MS, totalBytes: 1000 }
const image = (key: string, over: Partial<ProjectImage> & { daysAgo?: number } = {}): ProjectImage => ({ key, tags: [key], sizeBytes: 100, inUse: false, ...over, usedAt: now - (over.daysAgo ?? 1) * DAY_MS })
const gone = (...images: ProjectImage[]): string[] => decideTidy(images, { now, keep }).map(({ key }) => key)

describe('images of projects', () => {
  it('go when nobody has used them for long', () => {
    expect(gone(image('new'), image('old', { daysAgo: 14 }), image('used', { daysAgo: 90, inUse: true }))).toEqual(['old'])
  })

  it('go, the longest unused first, while there are too many', () => {
    expect(gone(image('a', { sizeBytes: 600 }), image('b', { sizeBytes: 300, daysAgo: 3 }), image('c', { sizeBytes: 300, daysAgo: 2 }))).toEqual(['b'])
    expect(gone(image('huge', { sizeBytes: 9000, inUse: true }), image('b'))).toEqual(['b'])
  })

  it('stay where one was chosen a moment ago, whatever they take', () => {
    expect(gone(image('huge', { sizeBytes: 9000, daysAgo: 0 }))).toEqual([])
  })
})

describe('with a real engine', () => {
  const signal = new AbortController().signal
  const engine = createEngine(undefined)

  it('removes its own that nobody uses, services and all, and neither what is in use nor another installation\'s', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'berth-tidy-'))
    const nonce = crypto.randomUUID().replaceAll('-', '').slice(0, 20)
    const tags = { unused: `berth/devcontainer:0000${nonce}`, service: `berth/devcontainer:0000${nonce}-db`, used: `berth/devcontainer:1111${nonce}`, foreign: `berth/devcontainer:2222${nonce}` }
    let container = ''
    try {
      for (const tag of Object.values(tags)) {
        const [repo = '', name = ''] = tag.split(':')
        const answer = await engine.call('/images/create', { method: 'POST', query: { fromSrc: '-', repo, tag: name }, body: tar([{ path: tag.slice(-8), kind: 'directory', mode: 0o755 }]), contentType: 'application/x-tar', what: 'importing' }, signal)
        await answer.text()
      }
      container = (await engine.json<{ Id: string }>('/containers/create', { method: 'POST', json: { Image: tags.used, Cmd: ['x'] }, what: 'creating' }, signal)).Id
      for (const key of [`0000${nonce}`, `1111${nonce}`]) {
        await writeFile(join(dir, `${key}.json`), '{}')
        await utimes(join(dir, `${key}.json`), 0, 0)
      }
      expect((await projectImages(engine, dir, signal)).map(({ inUse, tags: { length } }) => [length, inUse]).sort()).toEqual([[1, true], [2, false]])
      expect((await tidyImages(engine, { dir, keep, now: Date.now() }, signal)).sort()).toEqual([tags.unused, tags.service].sort())
      expect(await Promise.all(Object.values(tags).map((tag) => hasImage(engine, tag, signal)))).toEqual([false, false, true, true])
      expect(existsSync(join(dir, `0000${nonce}.json`))).toBe(false)
    } finally {
      if (container !== '') await engine.call(`/containers/${container}`, { method: 'DELETE', query: { force: '1' }, what: 'removing' }, signal)
      for (const tag of Object.values(tags)) await engine.call(`/images/${tag}`, { method: 'DELETE', what: 'removing', accept: [404] }, signal)
      await rm(dir, { recursive: true, force: true })
    }
  }, 60_000)
})
