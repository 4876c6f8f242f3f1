/**
 * Images of projects that nobody has used for long, or that are too many. Those of this installation only, which stand
 * in a file each; one that a container is made of is in use, whoever's it is.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine } from '../engine.ts'
import { DEVCONTAINER_IMAGES } from './prepare.ts'

export interface ProjectImage {
  /** Of the configuration that it was made for; its services have images of the same key. */
  readonly key: string
  readonly tags: readonly string[]
  readonly sizeBytes: number
  readonly usedAt: number
  readonly inUse: boolean
}
export interface Keep { readonly unusedMs: number; readonly totalBytes: number }

/** Chosen a moment ago: its container is about to be made. */
const JUST_USED_MS = 60 * 60_000

/** Pure: what goes, the longest unused first. Sizes count what images share, so the total is on the safe side. */
export function decideTidy(images: readonly ProjectImage[], { now, keep }: { now: number; keep: Keep }): ProjectImage[] {
  let total = images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const gone: ProjectImage[] = []
  for (const image of images.toSorted((one, other) => one.usedAt - other.usedAt)) {
    if (image.inUse || now - image.usedAt < JUST_USED_MS) continue
    if (now - image.usedAt < keep.unusedMs && total <= keep.totalBytes) continue
    gone.push(image)
    total -= image.sizeBytes
  }
  return gone
}

/** Answers the names of what was removed. */
export async function tidyImages(engine: Engine, { dir, keep, now }: { dir: string; keep: Keep; now: number }, signal: AbortSignal): Promise<string[]> {
  const gone = decideTidy(await projectImages(engine, dir, signal), { now, keep })
  for (const { key, tags } of gone) {
    for (const tag of tags) {
      // Not by force: one that is needed after all stays.
      const answer = await engine.call(`/images/${tag}`, { method: 'DELETE', what: `removing the image ${tag}`, accept: [404, 409] }, signal)
      await answer.body?.cancel()
    }
    await rm(join(dir, `${key}.json`), { force: true })
  }
  return gone.flatMap(({ tags }) => tags)
}

interface Listed { readonly Id: string; readonly RepoTags: readonly string[] | null; readonly Size: number }

export async function projectImages(engine: Engine, dir: string, signal: AbortSignal): Promise<ProjectImage[]> {
  const files = (await readdir(dir).catch(() => [])).filter((name) => /^[0-9a-f]+\.json$/.test(name))
  if (files.length === 0) return []
  // The containers last: one that is made meanwhile then counts.
  const listed = await engine.json<Listed[]>('/images/json', { query: { filters: JSON.stringify({ reference: [DEVCONTAINER_IMAGES] }) }, what: 'listing the images of projects' }, signal)
  const containers = await engine.json<{ ImageID: string; Image: string }[]>('/containers/json', { query: { all: '1' }, what: 'listing containers' }, signal)
  const running = new Set(containers.flatMap(({ ImageID, Image }) => [ImageID, Image]))
  return Promise.all(files.map(async (file) => {
    const key = file.slice(0, -'.json'.length)
    const tagOf = ({ RepoTags }: Listed): string[] => (RepoTags ?? []).filter((tag) => tag === `${DEVCONTAINER_IMAGES}:${key}` || tag.startsWith(`${DEVCONTAINER_IMAGES}:${key}-`))
    const own = listed.filter((image) => tagOf(image).length > 0)
    const tags = own.flatMap(tagOf)
    return { key, tags, sizeBytes: own.reduce((sum, { Size }) => sum + Size, 0), usedAt: (await stat(join(dir, file)).catch(() => null))?.mtimeMs ?? 0, inUse: own.some(({ Id }) => running.has(Id)) || tags.some((tag) => running.has(tag)) }
  }))
}
