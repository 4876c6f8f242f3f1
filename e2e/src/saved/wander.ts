/** A workspace with all that a tree can hold and a conversation, moved from provider to provider, and looked at on each. */
import { expect } from 'bun:test'
import type { Workspace } from '@berth/wire'
import { dockerInventory } from '../providers.ts'
import type { SavedWorld } from './world.ts'

/** `arrived`: what else must be so on each provider. */
export async function wander(world: SavedWorld, [first = '', ...on]: readonly string[], arrived: (id: string, provider: string) => Promise<void> = async () => {}): Promise<void> {
  const { product, model } = world
  const { id, sessionId } = await world.up('wanderer', first, 'please do [[work]]')
  await world.rest(id)
  await world.run(id, 'cd /workspace && git stash push -q -m kept README.md && git branch side && echo more > staged.txt && git add staged.txt && printf "#!/bin/sh\\n" > tool && chmod 755 tool && ln -s tool link && mkdir -p empty "od d/deep" && head -c 3000000 /dev/urandom > big.bin && mkdir -p ~/.config/thing ~/.ssh && echo setting > ~/.config/thing/settings && echo hush > ~/.ssh/id_ed25519 && echo hush > ~/.netrc')
  const before = await world.picture(id)
  const said = await world.conversations(id)
  expect(said).toContain('.jsonl')
  const told = (await world.events(id)).filter(({ body }) => body.type === 'message').length

  for (const provider of on) {
    const moved = await product.json<Workspace>(['move', id, '--provider', provider])
    expect(moved).toMatchObject({ id, name: 'wanderer', provider, phase: 'running', sessionId })
    expect(await world.picture(id)).toBe(before)
    expect(await world.conversations(id, said)).toBe(said)
    expect(await world.run(id, 'cat ~/.config/thing/settings; ls -A ~/.ssh ~/.netrc 2>/dev/null | grep -c hush; ls ~/.ssh 2>/dev/null; true')).toBe('setting\n0\n')
    const containers = (await dockerInventory(id)).filter((line) => line.startsWith('container'))
    expect(containers).toHaveLength(provider === 'docker' ? 1 : 0)
    await arrived(id, provider)
  }
  // What was told is not told again.
  expect((await world.events(id)).filter(({ body }) => body.type === 'message')).toHaveLength(told)

  await product.cli(['send', id, 'and now [[work]] once more'])
  const next = await model.waitFor((request) => JSON.stringify(request.body).includes('and now [[work]] once more'))
  // The real program resumed the conversation: the old turns are in what it sends.
  expect(JSON.stringify(next.body)).toContain('please do [[work]]')
  await world.rest(id, 2)
  expect((await world.workspace(id)).generation).toBe(on.length + 1)
}
