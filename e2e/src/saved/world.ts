/** One product with both providers that run here, and others if wanted, a scripted model that both reach, and looks at a workspace as a whole. */
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import type { StoredEvent, Workspace } from '@berth/wire'
import { createClosers } from '../ground.ts'
import { eventually, startProduct, type Product } from '../product.ts'
import { modelWords, setUpProviders } from '../providers.ts'
import { dirtyRepository } from '../repository.ts'

export interface SavedWorld {
  readonly product: Product
  readonly model: ScriptedModel
  readonly dir: string
  up(name: string, provider: string, prompt: string, ...words: string[]): Promise<Workspace>
  workspace(id: string): Promise<Workspace>
  events(id: string): Promise<StoredEvent[]>
  /** A command in the workspace, as the agent's user. */
  run(id: string, script: string): Promise<string>
  /** Until so many turns are over. */
  rest(id: string, turns?: number): Promise<void>
  /** What of it must be the same elsewhere, line by line. */
  picture(id: string): Promise<string>
  /** Its conversations; with `of`, as far as those reach: their program goes on writing. */
  conversations(id: string, of?: string): Promise<string>
  close(): Promise<void>
}

/** Everything of the tree but what git writes anew when it looks. */
const PICTURE = [
  'cd /workspace', 'echo "# index"; git ls-files --stage', 'echo "# status"; git status --porcelain=v2 --branch', 'echo "# refs"; git for-each-ref', 'echo "# stash"; git stash list', 'echo "# head"; cat .git/HEAD',
  'echo "# files"; find . -path ./.git -prune -o \\( -type f -o -type l \\) -print0 | sort -z | xargs -0 -I{} sh -c \'stat -c "%n %a %F" "$1"; [ -L "$1" ] && readlink "$1" || sha256sum "$1"\' _ {}',
  'echo "# times"; find . -path ./.git -prune -o -type f -printf "%p %Ts\\n" | sort',
].join('\n')

/** `setUp`: what else a person set in a home whose server has not started. */
export async function startSavedWorld(config = '', setUp: (home: string) => void = () => {}): Promise<SavedWorld> {
  const closers = createClosers()
  try {
    const repository = await dirtyRepository()
    closers.add(() => repository.remove())
    // Each provider's machines come by another address of this host.
    const model = await startScriptedModel({ hostname: '0.0.0.0' })
    closers.add(() => model.close())
    const product = startProduct()
    closers.add(() => product.close())
    setUpProviders(product.home, model)
    const { writeFileSync } = await import('node:fs')
    if (config !== '') writeFileSync(`${product.home}/config.yaml`, config)
    setUp(product.home)
    const ask = async <T>(path: string): Promise<T> => (await (await product.fetch(`/api/v1${path}`)).json()) as T
    const workspace = (id: string) => ask<Workspace>(`/workspaces/${id}`)
    const events: SavedWorld['events'] = async (id) => (await ask<{ events: StoredEvent[] }>(`/workspaces/${id}/events?after=0&limit=1000`)).events
    const run: SavedWorld['run'] = async (id, script) => (await product.cli(['run', id, '--', 'sh', '-c', script])).stdout
    return {
      product, model, dir: repository.dir, workspace, run, close: closers.close,
      up: (name, provider, prompt, ...words) => product.json<Workspace>(['up', '.', '--provider', provider, '--prompt', prompt, ...modelWords(model), '--approvals', 'skip', '--no-open', '-y', '--name', name, ...words], { cwd: repository.dir }),
      events,
      async rest(id, turns = 1) {
        await eventually(async () => (await events(id)).filter(({ body }) => body.type === 'turn.ended').length >= turns && (await workspace(id)).agentState === 'idle', 'the end of the turn', 120_000)
      },
      picture: (id) => run(id, PICTURE),
      conversations: (id, of) => run(id, of === undefined
        ? 'cd "$HOME"; find .claude/projects -name "*.jsonl" | sort | while read -r f; do echo "$f $(stat -c %s "$f") $(sha256sum < "$f")"; done'
        : of.trim().split('\n').map((line) => line.split(' ')).map(([file, size]) => `cd "$HOME"; echo "${file} ${size} $(head -c ${size} "${file}" | sha256sum)"`).join('; ')),
    }
  } catch (error) {
    await closers.close()
    throw error
  }
}
