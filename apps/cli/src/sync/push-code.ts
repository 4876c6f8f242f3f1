/** Sends what stands in a directory to a workspace that runs, and has it put on the tree there. */
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Output } from '@berth/client'
import type { Workspace } from '@berth/wire'
import type { Connection, Context } from '../context.ts'
import { HOSTED_REFS } from '../source/hosted.ts'
import { pushRefs } from '../source/push.ts'
import { take, type Place, type Taken } from '../source/take.ts'

export interface Push {
  readonly workspace: Workspace
  readonly place: Place
  readonly include: readonly string[]
  readonly strategy: 'refuse' | 'merge' | 'keep' | 'force'
  readonly onProgress: (line: string) => void
  /** Asked while what was taken is still there. */
  readonly onTaken?: (taken: Taken) => Promise<void>
}

export async function pushCode({ signal }: Pick<Context, 'signal'>, { client, endpoint }: Connection, push: Push): Promise<Output<'pushCode'> & { readonly taken: Taken }> {
  const { workspace: { id }, place, include, strategy, onProgress } = push
  const scratch = await realpath(await mkdtemp(join(tmpdir(), 'berth-push-')))
  try {
    onProgress('reading the directory')
    const taken = await take(place, { scratch, include, signal })
    await push.onTaken?.(taken)
    await pushRefs(place.path, { env: taken.env, refs: [`${taken.commit}:${HOSTED_REFS.push}`] }, { target: { ...endpoint, id }, signal, onProgress })
    onProgress('comparing with the workspace')
    return { ...await client.pushCode({ id, commit: taken.commit, strategy }, signal), taken }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
